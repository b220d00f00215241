"""From nothing to a Delta table written and read, with the archive of classes that `make setup` makes against without it.

Each time is that of a process of its own, in turn, three times or as often as a number says. Prints seconds and the ratio of the medians.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from solvent.config.environment import Environment, load_environment
from solvent.session import jars_in, session

ROOT = Path(__file__).resolve().parent.parent


def environment_in(jars: Path) -> Environment:
    """The local environment with the jars of a folder."""
    found = load_environment("local", ROOT)
    return found.model_copy(update={"spark": found.spark.model_copy(update={"jars": (str(jars),)})})


def first_queries(jars: Path, folder: Path) -> None:
    """What is timed."""
    spark = session(environment_in(jars))
    table = str(folder / "table")
    spark.range(1000).selectExpr("id", "id % 7 AS remainder").write.format("delta").save(table)
    spark.read.format("delta").load(table).groupBy("remainder").count().collect()


def timed(jars: Path) -> float:
    """Seconds of a process."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        started = time.monotonic()
        subprocess.run([sys.executable, __file__, str(jars), folder], check=True, capture_output=True)
        return time.monotonic() - started


def main(times: int) -> None:
    """Both in turn."""
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        bare = Path(scratch)
        for jar in jars_in(ROOT / ".jars"):
            (bare / Path(jar).name).symlink_to(jar)
        pairs = [(timed(ROOT / ".jars"), timed(bare)) for _ in range(times)]
    archived, plain = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    sys.stdout.write(
        f"session and first queries, {times} times each\n"
        f"  with the archive {archived:6.1f} s\n  without          {plain:6.1f} s\n  ratio            {archived / plain:6.2f} x\n"
    )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        first_queries(*map(Path, sys.argv[1:]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 3)
