"""Writers in processes of their own that write one table in a folder at the same time: what each is told it has written is there."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from solvent.config.environment import Tables
from solvent.config.expressions import Column
from solvent.tables.warehouse import Warehouse

ROOT = Path(__file__).resolve().parents[2]
COLUMNS = [Column("batch", "STRING")]

# Appends by deltalake, or by a Spark of its own: WAREHOUSE NAME TIMES. Says that it is ready, and begins when it is told to.
APPENDS = """
import sys
from pathlib import Path
from solvent.config.environment import Tables, load_environment
from solvent.config.expressions import Column
from solvent.session import session
from solvent.tables.warehouse import Warehouse

path, name, times = sys.argv[1:]
spark = None if name == "deltalake" else session(load_environment("local", Path.cwd()))
warehouse, columns = Warehouse(lambda: spark, Tables(path=path), "shop"), [Column("batch", "STRING")]
rows = [] if spark is None else [spark.range(1).selectExpr(f"'{name}-{n}' AS batch") for n in range(int(times))]
print("ready", flush=True)
sys.stdin.readline()
for n in range(int(times)):
    batch = f"{name}-{n}"
    if spark is None:
        warehouse.append_rows("contended", [(batch,)], columns, batch)
    else:
        warehouse.append("contended", rows[n].coalesce(1), batch)
"""


def started(command: list[str]) -> subprocess.Popen[str]:
    """A process that has said that it is ready."""
    found = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert found.stdout is not None
    assert found.stdout.readline() == "ready\n"
    return found


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    print(file=process.stdin, flush=True)


def lost(warehouse: Warehouse, told: list[str]) -> list[str]:
    """What was said to be written, and is not there."""
    found = [row["batch"] for row in warehouse.rows("contended")]
    assert len(found) == len(set(found))
    return sorted(set(told) - set(found))


@pytest.mark.parametrize("engine", ["deltalake", "spark"])
def test_a_writer_waits_while_another_process_writes(engine: str, spark: SparkSession, tmp_path: Path) -> None:
    warehouse = Warehouse(lambda: spark, Tables(path=str(tmp_path)), "shop")
    warehouse.create("contended", COLUMNS)
    append = {
        "deltalake": lambda: warehouse.append_rows("contended", [("mine",)], COLUMNS, "mine"),
        "spark": lambda: warehouse.append("contended", spark.sql("SELECT 'mine' AS batch"), "mine"),
    }[engine]
    folder = str(tmp_path / "shop/contended")
    holds = f"import sys, pathlib; from solvent.tables.folder import alone\nwith alone(pathlib.Path({folder!r})): "
    holder = started([sys.executable, "-c", holds + 'print("ready", flush=True); sys.stdin.readline()'])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(append)
        with pytest.raises(TimeoutError):
            waiting.result(2)
        assert warehouse.rows("contended") == []
        # However its holder ends, the lock is free.
        holder.kill()
        waiting.result(120)
    holder.wait()
    assert lost(warehouse, ["mine"]) == []


@pytest.mark.long
def test_of_a_thousand_versions_that_two_drivers_contend_for_none_is_lost(tmp_path: Path) -> None:
    """With a third writer, that has no Spark and is faster than both."""
    warehouse = Warehouse(no_session, Tables(path=str(tmp_path)), "shop")
    warehouse.create("contended", COLUMNS)
    times = {"spark one": 500, "spark two": 500, "deltalake": 500}
    words = [sys.executable, "-c", APPENDS, str(tmp_path)]
    processes = [started([*words, name, str(number)]) for name, number in times.items()]
    for process in processes:
        begin(process)
    assert [process.wait() for process in processes] == [0, 0, 0]
    told = [f"{name}-{n}" for name, number in times.items() for n in range(number)]
    assert lost(warehouse, told) == []


def no_session() -> SparkSession:
    raise AssertionError("a session was asked for")
