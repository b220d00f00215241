"""How a command ends that failed: one line with what was being done, to what, and the cause; a trace only where it is asked for.

What a user can cause is a SolventError, whose text is the line. Anything else was not foreseen: its line is put together here from the
steps it came out of, and from the one sentence of a library's many lines that says why.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import sysconfig
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import click

from solvent.errors import SolventError

# Begins the notes (PEP 678) that are ours.
DOING = "while "
INTERRUPTED, TERMINATED = 130, 143
LONGEST = 400
# Spark's conditions, such as [DIVIDE_BY_ZERO], with their sentence; the last one named is the root of the others.
CONDITION = re.compile(r"\[[A-Z][A-Z0-9_]+(?:\.[A-Z0-9_]+)*\] [^\n]+")
# Of Java's exceptions, the last one named is the root; without its package.
ROOT = re.compile(r"^(?:Caused by)?: (?:[\w$]+\.)*([\w$]+(?:: [^\n]+)?)$", re.MULTILINE)
# Settings that Spark recommends here would change results, and are the suite's own.
ADVICE = re.compile(r"\s*(If necessary set \S+ to \S+ to bypass this error\.|SQLSTATE: \w+;?)")
# The part of an expression, or the line of a function, from which Spark says a failure comes.
FRAGMENT = re.compile(r"^== SQL.*==\n([^\n]+)", re.MULTILINE)
CALLED = re.compile(r"was called from\n([^\n]+)")
# What deltalake tried, in the colours of a terminal, and the number that the system gave its refusal.
SYSTEM = re.compile(r"([^\n]+)\n[^\n]*(?:\(os error |Os \{ code: )(\d+)")
COLOURED = re.compile(r"\x1b\[\d+m|↳")


@contextmanager
def noting(what: str) -> Iterator[None]:
    """Names what is being done, such as "reading the table orders", for the line that tells an error that comes out of it."""
    try:
        yield
    except Exception as error:
        error.add_note(f"{DOING}{what}")
        raise


@contextmanager
def ended_plainly(what: Callable[[], str], verbose: bool = False) -> Iterator[None]:
    """Lets whatever goes wrong within end the process with a line on stderr, and with its exit code.

    Args:
        what: Says what was being done, where no step has said it.
        verbose: Show the trace as well.

    Raises:
        SystemExit: With the code of a SolventError; 1 for any other; 130 or 143 if a signal stopped it.
    """
    try:
        with stoppable() as stopped:
            yield
    except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError, SystemExit):
        # What click says itself, what it says nothing of: that nobody reads what is printed, and what has been said.
        raise
    except BaseException as error:
        if stopped or interrupted(error):
            click.echo("stopped", err=True)
            sys.exit(TERMINATED if stopped else INTERRUPTED)
        if not isinstance(error, Exception):
            raise
        if verbose:
            traceback.print_exc()
        click.echo(f"error: {error if isinstance(error, SolventError) else unforeseen(error, what())}", err=True)
        sys.exit(error.exit_code if isinstance(error, SolventError) else 1)


def interrupted(error: BaseException | None) -> bool:
    """Whether an error is an interrupt, or came of one: what is tidied up after it may fail, as Java may have been stopped, too."""
    return isinstance(error, KeyboardInterrupt) or (error is not None and interrupted(error.__context__))


@contextmanager
def stoppable() -> Iterator[list[int]]:
    """Lets a request to terminate do what Ctrl-C does, which ends what runs in Spark too.

    Yields:
        The requests that came.
    """
    came: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        # Noted first: Spark's own handler asks Java to end what runs, which fails where Java has been stopped, too.
        came.append(number)
        signal.raise_signal(signal.SIGINT)

    if threading.current_thread() is not threading.main_thread():
        yield came
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield came
    finally:
        signal.signal(signal.SIGTERM, before)


def unforeseen(error: Exception, what: str) -> str:
    """What was being done when something failed, and why, in a line."""
    steps = [note.removeprefix(DOING) for note in getattr(error, "__notes__", []) if note.startswith(DOING)]
    return f"{', '.join(reversed(steps)) or what}: {cause(error)}; --verbose shows the trace"


def cause(error: BaseException) -> str:
    """What went wrong, in one line of at most 400 characters, without anybody's stack trace."""
    return " ".join(sentence(error).split())[:LONGEST]


def sentence(error: BaseException) -> str:
    """The one sentence of an error that says why."""
    if isinstance(error, SolventError):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"{error.filename}:{error.lineno}: {error.msg}"
    if isinstance(error, OSError) and error.strerror:
        names = [str(name) for name in (error.filename, error.filename2) if name is not None]
        return ": ".join([*(names or ["what is printed"] if is_of_printing(error) else names), error.strerror])
    if type(error).__module__ == "py4j.protocol" and type(error).__name__ != "Py4JJavaError":
        return "Java, which Spark runs in, has ended; it was killed, or had too little memory"
    text = str(error)
    conditions, roots = CONDITION.findall(text), ROOT.findall(text)
    if conditions:
        return f"{ADVICE.sub('', conditions[-1])}{origin(text)}"
    refused = SYSTEM.search(text)
    if refused:
        return f"{COLOURED.sub('', refused[1]).strip()}: {os.strerror(int(refused[2]))}"
    first = next((line.strip() for line in [*roots[-1:], *text.splitlines()] if line.strip()), "")
    if type(error).__module__.split(".")[0] in ("builtins", "py4j") and not roots:
        return f"{type(error).__name__}: {first}" if first else type(error).__name__
    return first or type(error).__name__


def is_of_printing(error: BaseException) -> bool:
    """Whether an error comes out of what writes to the terminal, or to what stands for it."""
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename) == Path(click.utils.__file__)


def origin(text: str) -> str:
    """The expression or line that Spark names as the origin of a failure, if it does."""
    found = [f" (in {part.strip()})" for part in FRAGMENT.findall(text)[:1]]
    found += [f" ({place.strip()})" for place in CALLED.findall(text)[:1]]
    return "".join(found)


def place(error: BaseException) -> str:
    """Function, file and line of a project's code that an error comes out of, in brackets; empty if it comes out of none."""
    others = (Path(__file__).parent, *(Path(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.is_file() and not any(file.is_relative_to(folder) for folder in others):
            return f" ({file}:{frame.lineno}, {frame.name})"
    return ""
