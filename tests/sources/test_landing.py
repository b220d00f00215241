"""What is seen of a landing file before it is read."""

from __future__ import annotations

import bz2

from hypothesis import given
from hypothesis import strategies as st

from solvent.sources.landing import TAIL, ends_as_bzip2

STREAMS = st.lists(st.binary(max_size=200).map(bz2.compress), min_size=1, max_size=3)


def tail(content: bytes) -> str:
    return content[-TAIL:].hex()


@given(STREAMS, st.integers(1, 30))
def test_a_file_of_bzip2_that_is_cut_off_has_no_end(streams: list[bytes], cut: int) -> None:
    whole = b"".join(streams)
    assert ends_as_bzip2(tail(whole))
    left = whole[: -min(cut, len(streams[-1]) - 1)]
    assert not ends_as_bzip2(tail(left))


@given(STREAMS, st.binary(min_size=1, max_size=30) | st.just(bytes(3)))
def test_what_follows_the_last_stream_is_seen(streams: list[bytes], more: bytes) -> None:
    assert not ends_as_bzip2(tail(b"".join(streams) + more))
