"""Whether a ledger in a folder costs the same after 3,000 commits as after 10: appending a row, its latest row, the rows of a key.

    .venv/bin/python bench/ledgers.py [commits]

Prints the median milliseconds of each at both sizes, and their ratio; and of these what opening Delta's log takes.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from pyspark.sql import SparkSession

from solvent.config.environment import Tables
from solvent.tables.ledger import Ledger
from solvent.tables.warehouse import Warehouse

FEW, TIMES = 10, 21


@dataclass(frozen=True)
class Entry:
    """As rows of ledgers are: a digest, a number, whose, and when."""

    batch: str
    sequence: int
    model: str
    at: datetime


ENTRIES = Ledger("entries", Entry)


def no_session() -> SparkSession:
    """Nothing here needs one."""
    raise RuntimeError("a session was asked for")


def append(warehouse: Warehouse, number: int) -> None:
    """Appends the row with a number, by its turn."""
    row = Entry(f"{number:064x}", number, f"model {number % 3}", datetime.now(UTC))
    ENTRIES.append(warehouse, [row], row.batch, turn=number)


def milliseconds(act: Callable[[], object]) -> float:
    """The median time of an act."""
    spent = []
    for _ in range(TIMES):
        start = time.perf_counter()
        act()
        spent.append(time.perf_counter() - start)
    return median(spent) * 1000


def measured(warehouse: Warehouse, numbers: count[int]) -> dict[str, float]:
    """What each act takes on a ledger as it is."""
    some = f"{FEW // 2:064x}"
    return {
        "append a row": milliseconds(lambda: append(warehouse, next(numbers))),
        "read the latest row": milliseconds(lambda: ENTRIES.last(warehouse, "sequence")),
        "read the latest of a key": milliseconds(lambda: ENTRIES.last(warehouse, "sequence", model="model 1")),
        "read the rows of a key": milliseconds(lambda: ENTRIES.rows(warehouse, batch=some)),
        "open the log, of these": milliseconds(lambda: warehouse.log(ENTRIES.table)),
    }


def main() -> None:
    """Measures both, and prints a table."""
    commits = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    with TemporaryDirectory() as folder:
        warehouse, numbers = Warehouse(no_session, Tables(path=str(Path(folder))), "bench"), count(1)
        for _ in range(FEW):
            append(warehouse, next(numbers))
        few = measured(warehouse, numbers)
        for number in iter(lambda: next(numbers), commits):
            append(warehouse, number)
        # That which ended the loop is appended, too, so that turns have no gap.
        append(warehouse, commits)
        many = measured(warehouse, numbers)
    print(f"{'':<26}{f'{FEW} commits':>14}{f'{commits:,} commits':>16}{'ratio':>8}")
    for name, before in few.items():
        print(f"{name:<26}{before:>11.1f} ms{many[name]:>13.1f} ms{many[name] / before:>8.2f}")


if __name__ == "__main__":
    main()
