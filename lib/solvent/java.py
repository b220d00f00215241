"""The Java that Spark runs in: what it writes is kept from the terminal, and read where it does not start."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import IO

# Spark 4.0 to 4.2 run on it and on later ones.
OLDEST = 17
# How a line begins that says why Java, or what starts Spark in it, went no further; Spark's own log has a time before it.
REASON = re.compile(
    r"(Exception in thread|Error|Unrecognized|Invalid|Could not|Unable|Conflicting|Multiple|\S+ \S+ ERROR \w+: )"
)
NOISE = re.compile(r'^(Exception in thread "main" ([\w$]+\.)*|\S+ \S+ ERROR \w+: )')


@contextmanager
def output_aside(file: IO[bytes]) -> Iterator[None]:
    """Processes that are started within write to a file, for as long as they live; this one goes on writing where it did."""
    with ExitStack() as ends:
        for stream, number, redirect in ((sys.stdout, 1, redirect_stdout), (sys.stderr, 2, redirect_stderr)):
            # A process without a terminal may have none of them.
            if stream is None:
                continue
            stream.flush()
            kept, encoding = os.dup(number), stream.encoding
            ends.callback(os.close, kept)
            # A notebook's streams, and those of a test, do not write there.
            if stream is sys.__stdout__ or stream is sys.__stderr__:
                mine = ends.enter_context(open(kept, "w", buffering=1, encoding=encoding, closefd=False))
                ends.enter_context(redirect(mine))
            ends.callback(os.dup2, kept, number)
            os.dup2(file.fileno(), number)
        yield


def refusal(said: str) -> str:
    """Why Java, or what starts Spark in it, went no further: of what it wrote, the line that says so."""
    wrong = wrong_java()
    if wrong:
        return wrong
    # Java's own headline says less than the line below it.
    said = said.replace("Error occurred during initialization of VM\n", "Error: ")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reasons = [line for line in lines if REASON.match(line)]
    return NOISE.sub("", (reasons or lines[-1:] or ["Java said nothing"])[0])[:300]


def wrong_locale() -> str:
    """What is wrong with the locale that Java would have, and what to do; "" if nothing is."""
    locale = os.environ.get("LC_ALL")
    if locale not in ("C", "POSIX") or os.getcwd().isascii():
        return ""
    return f"Java cannot name the folder {os.getcwd()} in the locale {locale}; set LC_ALL=C.UTF-8"


def wrong_java() -> str:
    """What is wrong with the Java that Spark would start, and what to do; "" if nothing is."""
    wanted = f"install Java {OLDEST} or later, and put it on PATH or set JAVA_HOME to it"
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else "java"
    if shutil.which(java) is None:
        found = f"JAVA_HOME is {home}, where there is no bin/java" if home else "there is no java on PATH"
        return f"{found}: {wanted}"
    done = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)  # noqa: S603 (what Spark starts)
    version = re.search(r'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    if version is None:
        return f"`{java} -version` does not name a version of Java: {wanted}"
    return f"{shutil.which(java)} is Java {version[1]}: {wanted}" if int(version[1]) < OLDEST else ""
