"""The digest of what was learned: identifiers are replaced by their positions, in one search of each text."""

from __future__ import annotations

from functools import reduce

from hypothesis import given
from hypothesis import strategies as st

from solvent.estimators.learned import Positions

# Java's and Python's identifiers, and what somebody may name a stage.
NAMES = st.sampled_from(["DecisionTreeRegressionModel", "dtr", "StringIndexer", "a_b"])
RANDOM = st.integers(0, 2**48 - 1).map(lambda number: f"{number:012x}")
UIDS = st.builds(lambda name, ending: f"{name}_{ending}", NAMES, RANDOM) | st.sampled_from(["stage one", "Pipeline_x"])
AROUND = st.sampled_from(["", "_", "__output", "0", "0a", "[", "_0123456789ab", "stages/3_", "dtr"])


@given(st.lists(UIDS, max_size=8, unique=True), st.lists(st.tuples(AROUND, st.integers(0, 9)), max_size=6))
def test_each_identifier_in_a_text_is_replaced(uids: list[str], pieces: list[tuple[str, int]]) -> None:
    text = "".join(around + (uids[number] if number < len(uids) else "") for around, number in pieces)
    one_by_one = reduce(lambda found, place: found.replace(place[1], f"uid{place[0]}"), enumerate(uids), text)
    assert Positions(uids).replace_in(text) == one_by_one
