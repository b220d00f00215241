"""How far a step is: a line that moves on a terminal and leaves nothing behind, and plain lines elsewhere."""

from __future__ import annotations

import io
import os
import pty
import re
import sys
import threading
import time
from collections.abc import Callable

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from solvent.progress import ERASE, Progress, Work

TASKS = 12


@pytest.fixture
def slow(spark: SparkSession) -> Callable[[], list[object]]:
    """A query of one stage, whose tasks take a while."""
    frame: DataFrame = spark.range(0, TASKS, 1, TASKS)
    return frame.where(F.expr("isnull(reflect('java.lang.Thread', 'sleep', 150L + id * 0L))")).collect


def on_a_screen(written: str) -> list[str]:
    """The lines that a terminal shows in the end."""
    lines = [""]
    for part in re.split(r"(\r\n|\r\x1b\[K)", written):
        if part == "\r\n":
            lines.append("")
        elif part == ERASE:
            lines[-1] = ""
        else:
            assert "\r" not in part
            assert "\x1b" not in part
            lines[-1] += part
    return lines


class Terminal:
    """A terminal of 60 columns, to which sys.stdout writes."""

    columns = 60

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reader, writer = pty.openpty()
        os.environ.setdefault("TERM", "xterm")
        self.stream = os.fdopen(writer, "w")
        monkeypatch.setattr(sys, "stdout", self.stream)
        monkeypatch.setattr(os, "get_terminal_size", lambda _: os.terminal_size((self.columns, 24)))

    def written(self) -> str:
        """All that was written."""
        self.stream.close()
        read = b""
        try:
            while piece := os.read(self.reader, 65536):
                read += piece
        except OSError:
            # So a terminal ends that nobody writes to any more.
            os.close(self.reader)
        return read.decode()


def test_a_line_moves_with_the_tasks_that_are_done_and_leaves_nothing_behind(
    spark: SparkSession, slow: Callable[[], list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    terminal, threads = Terminal(monkeypatch), threading.active_count()
    say = Progress(lambda line: print(line, flush=True))
    say.after, say.every = 0.1, 0.02
    say.spark = spark
    with say.during("outer", "a step that holds another one"):
        time.sleep(0.2)
        with say.during("inner", "works"):
            slow()
            say("a line in between")
        time.sleep(0.2)
    say("outer      done")
    # Steps that are done soon are not shown.
    with say.during("short"):
        pass
    assert threading.active_count() == threads
    written = terminal.written()
    assert on_a_screen(written) == ["a line in between", "outer      done", ""]
    drawn = [one for one in written.split(ERASE) if one and "\n" not in one]
    assert max(len(one) for one in drawn) < Terminal.columns
    assert drawn[0] == "outer      a step that holds another one, 0 s"
    assert drawn[-1].startswith("outer      a step that holds another one")
    told = [re.fullmatch(rf"inner      works, 0 of 1 stages, (\d+) of {TASKS} tasks, \d s", one) for one in drawn]
    done = [int(one[1]) for one in told if one is not None]
    assert done == sorted(done)
    assert len(set(done)) > 2


def test_where_there_is_no_terminal_a_plain_line_is_said_now_and_then(
    spark: SparkSession, slow: Callable[[], list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stdout", stream)
    say = Progress(print)
    say.line_every = 0.4
    say.spark = spark
    with say.during("step", "works"):
        slow()
    say("step       done")
    *lines, last = stream.getvalue().splitlines()
    assert last == "step       done"
    assert 1 <= len(lines) < 8
    assert all(re.fullmatch(r"step       works, (0 of 1 stages, \d+ of \d+ tasks, )?\d s", line) for line in lines), (
        lines
    )


def test_a_session_that_does_not_tell_ends_no_step() -> None:
    lines: list[str] = []
    say = Progress(lines.append)
    say.line_every = 0.01
    say.spark = object()  # type: ignore[assignment] # has nothing that tells
    with say.during("step"):
        time.sleep(0.2)
    with pytest.raises(ValueError, match="the step fails"), say.during("step"):
        raise ValueError("the step fails")
    assert set(lines) == {"step       0 s"}


def test_what_is_in_hand_is_told_in_words() -> None:
    assert str(Work.of([(1200, 1200), (4, 1)])) == "1 of 2 stages, 1,201 of 1,204 tasks"
