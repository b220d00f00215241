"""Two runs of monitoring, in processes of their own, that find an alarm of one model at the same moment: one investigation is opened."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from pyspark.sql import SparkSession

from solvent.config.environment import Tables
from solvent.investigation import investigations
from solvent.tables.warehouse import Warehouse

MODELS = 10
# Opens an investigation of an alarm of each model, when told to: WAREHOUSE DAY.
OPENS = f"""
import sys
from datetime import date
from solvent.config.environment import Tables
from solvent.investigation import Investigation, append_opened
from solvent.investigation.investigation import OPENED, investigation_id
from solvent.tables.warehouse import Warehouse

path, day = sys.argv[1], date.fromisoformat(sys.argv[2])
warehouse = Warehouse(None, Tables(path=path), "shop")
print("ready", flush=True)
for model in range({MODELS}):
    sys.stdin.readline()
    name = investigation_id(f"model {{model}}", day)
    append_opened(
        warehouse,
        Investigation(
            id=name, state=OPENED, model="shop", model_version=1, model_digest=f"model {{model}}", as_of=day, alarm=day, change=day,
            change_low=day, change_high=day, findings=[], causes=[], changes=[], reason="", report="",
        ),
    )
    print("done", flush=True)
"""


def no_session() -> SparkSession:
    raise AssertionError("a session was asked for")


def test_of_two_alarms_of_a_model_that_are_found_at_once_one_is_investigated(tmp_path: Path) -> None:
    words = [sys.executable, "-c", OPENS, str(tmp_path)]
    days = ("2024-07-01", "2024-07-02")
    processes = [
        subprocess.Popen([*words, day], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for day in days
    ]

    def say(what: str) -> None:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == f"{what}\n"

    say("ready")
    for _ in range(MODELS):
        for process in processes:
            print(file=process.stdin, flush=True)
        say("done")
    assert [process.wait(60) for process in processes] == [0, 0]
    found = investigations(Warehouse(no_session, Tables(path=str(tmp_path)), "shop"))
    assert Counter(one.model_digest for one in found) == {f"model {model}": 1 for model in range(MODELS)}
