"""How far a step is while it runs: one line that moves on a terminal, and a plain line a minute elsewhere."""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Any

from pyspark.sql import SparkSession, is_remote

from solvent.failure import noting

log = logging.getLogger(__name__)

ERASE = "\r\x1b[K"


@dataclass(frozen=True)
class Work:
    """What Spark has in hand: stages of the jobs that run now, and their tasks, of as many as are planned so far."""

    stages: int
    stages_done: int
    tasks: int
    tasks_done: int

    @classmethod
    def of(cls, stages: Iterable[tuple[int, int]]) -> Work:
        """That of stages, each with its tasks and how many of them are done."""
        known = list(stages)
        return cls(
            len(known),
            sum(done == tasks for tasks, done in known),
            sum(tasks for tasks, _ in known),
            sum(done for _, done in known),
        )

    def __str__(self) -> str:
        return f"{self.stages_done} of {self.stages} stages, {self.tasks_done:,} of {self.tasks:,} tasks"


Look = Callable[[], Work | None]


@cache
def work_of(spark: SparkSession) -> Look:
    """Tells what a session has in hand; None while it plans, or does nothing."""
    return told_by_server(spark) if is_remote() else told_by_tracker(spark)


def told_by_server(spark: SparkSession) -> Look:
    """That of Spark Connect, whose server says it with each answer."""
    running: dict[str | None, list[tuple[int, int]]] = {}

    def hear(stages: Any, inflight_tasks: int, operation_id: str | None, done: bool) -> None:
        running[operation_id] = [(one.num_tasks, one.num_completed_tasks) for one in stages or ()]
        if done:
            del running[operation_id]

    spark.registerProgressHandler(hear)  # type: ignore[arg-type] # its type asks for a class where a function will do
    return lambda: Work.of([stage for stages in list(running.values()) for stage in stages]) if running else None


def told_by_tracker(spark: SparkSession) -> Look:
    """That of a classic session. Its stages are told by the context alone: neither SQL nor DataFrames know of them."""
    tracker = spark.sparkContext.statusTracker()

    def look() -> Work | None:
        jobs = [tracker.getJobInfo(number) for number in tracker.getActiveJobsIds()]
        stages = [tracker.getStageInfo(number) for job in jobs if job is not None for number in job.stageIds]
        known = [(one.numTasks, one.numCompletedTasks) for one in stages if one is not None]
        return Work.of(known) if known else None

    return look


class Progress:
    """Says lines, and between them how far the step is that runs; nothing of what is done soon.

    Attributes:
        spark: The session whose work is told, once there is one.
        after: Seconds of a step until its line is shown on a terminal.
        every: Seconds until it moves.
        line_every: Seconds between plain lines where there is no terminal.
    """

    after, every, line_every = 3.0, 0.5, 60.0

    def __init__(self, say: Callable[[str], None]) -> None:
        """Shows nothing yet.

        Args:
            say: Told of lines.
        """
        self.say = say
        self.spark: SparkSession | None = None
        self.steps: list[object] = []
        self.shown = False
        self.lock = threading.RLock()

    def __call__(self, line: str) -> None:
        """Says a line, in the place of the one that moves."""
        with self.lock:
            self.erase()
            self.say(line)

    @contextmanager
    def during(self, step: str, doing: str = "") -> Iterator[None]:
        """Shows how far a step is, or the one within that runs, until it ends."""
        ended, mine = threading.Event(), object()
        self.steps.append(mine)
        teller = threading.Thread(target=self.tell, args=(mine, step, doing, ended), daemon=True)
        teller.start()
        try:
            yield
        finally:
            ended.set()
            teller.join()
            self.steps.remove(mine)
            with self.lock:
                self.erase()

    @contextmanager
    def step(self, name: str, doing: str = "") -> Iterator[Callable[[str], None]]:
        """Says what a step does, and how far it is, while it takes long; then what it did, and how long it took."""
        started = time.monotonic()
        told: list[str] = []
        with self.during(name, doing), noting(name):
            yield told.append
        self(f"{name:<10} {'; '.join(told)}  ({time.monotonic() - started:.1f} s)")

    def tell(self, mine: object, step: str, doing: str, ended: threading.Event) -> None:
        """Shows one step until it ends."""
        started, moving = time.monotonic(), moves()
        wait = self.after if moving else self.line_every
        # A reader that has gone is the step's to meet; what was written to is closed when a session has started.
        with suppress(OSError, ValueError):
            while not ended.wait(wait):
                wait = self.every if moving else self.line_every
                seconds = f"{time.monotonic() - started:.0f} s"
                told = ", ".join(str(part) for part in (doing, self.work(), seconds) if part)
                with self.lock:
                    if mine is self.steps[-1] and not ended.is_set():
                        self.show(f"{step:<10} {told}", moving)

    def work(self) -> Work | None:
        """What Spark has in hand; None where there is no session, or it does not tell."""
        # A platform may refuse to tell, and a session may end meanwhile; neither is worth a step.
        with suppress(Exception):
            return work_of(self.spark)() if self.spark is not None else None
        return None

    def show(self, text: str, moving: bool) -> None:
        """Shows a line where the last one was, or below."""
        if not moving:
            self.say(text)
            return
        sys.stdout.write(f"{ERASE}{text[: width() - 1]}")
        sys.stdout.flush()
        self.shown = True

    def erase(self) -> None:
        """Takes the line that moves away."""
        if self.shown:
            sys.stdout.write(ERASE)
            sys.stdout.flush()
            self.shown = False


def moves() -> bool:
    """Whether a line can move: on a terminal that can do so, where no log is written between."""
    return sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not log.isEnabledFor(logging.INFO)


def width() -> int:
    """Columns of the terminal."""
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except OSError:
        return 80
