"""Scoring days of a small shop: once, with late facts, with another model, and with features that are what they were."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any

import pytest
from click.testing import CliRunner
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from solvent.cli import main
from solvent.estimators.spark_ml import predict
from solvent.features.table import featured, predicted_within
from solvent.jobs.ingest import ingest_files
from solvent.jobs.score import predictions_of, require_no_skew, score_interval, scoring_of
from solvent.registry import CHAMPION
from solvent.scoring import BATCHES, Interval, batches, score, skew_of
from solvent.sources.pins import read_source
from solvent.tables.warehouse import Warehouse

scoring = import_module("solvent.scoring.score")
SINCE, UNTIL = datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 6, 3, tzinfo=UTC)


@pytest.fixture(scope="module")
def served(released: Any) -> Any:
    """A Shop with a champion, and orders of two days long after it was made."""
    released.land_orders(SINCE.date(), UNTIL.date())
    ingest_files(released.run())
    return released


def scored(shop: Any) -> Any:
    run = shop.run()
    return score_interval(run, run.registry.find("shop", CHAMPION), SINCE, UNTIL)


def predictions(shop: Any, table: str) -> DataFrame:
    """Those of the interval."""
    return shop.run().warehouse.read(table).where(predicted_within(SINCE, UNTIL))


def test_an_interval_is_scored_once_with_the_predictions_of_the_model(served: Any) -> None:
    batch = scored(served)
    assert (batch.rows, batch.scored_before, batch.unscored) == (60, 0, 0)
    assert scored(served) == batch
    run = served.run()
    version = run.registry.find("shop", CHAMPION)
    sources = {pin.source: read_source(run.warehouse, run.project.sources[pin.source], pin) for pin in run.pins}
    rows = featured(run.project, run.settings.groups, sources, SINCE, UNTIL)
    expected = {
        row["id"]: row["prediction"] for row in predict(run.registry.load(version), rows, "binary", ["id"]).collect()
    }
    found = predictions(served, batch.table).collect()
    assert {row["id"]: row["prediction"] for row in found} == expected
    assert len(found) == 60
    assert {(row["model_version"], row["model_digest"], row["batch"]) for row in found} == {
        (1, version.digest, batch.batch)
    }
    assert "label" not in predictions(served, batch.table).columns
    (entry,) = BATCHES.frame(run.warehouse).where(F.col("batch") == batch.batch).collect()
    assert entry["features_digest"] == batch.features_digest
    assert entry["manifest_digest"] == version.manifest_digest
    assert entry["seconds"] > 0


def test_features_are_what_they_were_and_a_change_is_named(served: Any, spark: SparkSession) -> None:
    batch = scored(served)
    run = served.run()
    champion = run.registry.find("shop", CHAMPION)
    assert require_no_skew(run, champion) == sum(one.rows for one in batches(run.warehouse, champion.digest)) >= 60
    order = run.settings.groups[0]
    changed = order.compute

    def other(rows: DataFrame, sources: Any) -> DataFrame:
        return changed(rows, sources).withColumn("hour", F.when(F.col("id") % 10 == 3, 0).otherwise(F.col("hour")))

    groups = [type(order)(order.name, order.features, order.sources, order.look_back, other), *run.settings.groups[1:]]
    differing, skewed = skew_of(run.warehouse, run.project, groups, batch)
    assert differing == len(skewed) == 6
    assert {one.key[0] % 10 for one in skewed} == {3}


def test_late_rows_are_added_and_another_model_replaces_nothing(served: Any) -> None:
    first = scored(served)
    served.land("orders", "later.csv", ["id,customer,placed,amount,returned", "9,c1,2024-06-02 10:05:00,50.0,"])
    ingest_files(served.run())
    late = scored(served)
    assert (late.rows, late.scored_before) == (1, 60)
    run = served.run()
    baseline = run.registry.find("shop_baseline", "1")
    beside, made = score(scoring_of(run), baseline, Interval(SINCE, UNTIL, run.pins))
    assert made
    assert (beside.rows, beside.scored_before) == (61, 0)
    rows = predictions(served, first.table)
    assert {row["model"]: row["count"] for row in rows.groupBy("model").count().collect()} == {
        "shop": 61,
        "shop_baseline": 61,
    }
    made = [one.batch for one in batches(run.warehouse, first.model_digest) if one.since == SINCE]
    assert made == [first.batch, late.batch]


def test_the_command_says_what_it_did_and_refuses_an_interval_that_ends_before_it_starts(served: Any) -> None:
    words = ["--root", str(served.root), "score", "--since", "2024-06-01", "--until"]
    result = CliRunner().invoke(main, [*words, "2024-06-03"])
    assert result.exit_code == 0, result.output
    assert "shop version 1, 2024-06-01 to 2024-06-03: there already:" in result.output
    wrong = CliRunner().invoke(main, [*words, "2024-06-01"])
    assert (wrong.exit_code, "is not before --until" in wrong.output) == (2, True)


class KilledError(BaseException):
    """As sudden as a signal: nothing handles it."""


@pytest.fixture(scope="module")
def october(served: Any) -> Callable[[int], tuple[datetime, datetime]]:
    """Gives the days [day, day + 2) of October, with orders; other files give the same shop a June, July and August."""
    days = {day: datetime(2024, 10, day, tzinfo=UTC) for day in (1, 5, 9, 13)}
    for since in days.values():
        served.land_orders(since.date(), (since + timedelta(days=2)).date())
    ingest_files(served.run())
    return lambda day: (days[day], days[day] + timedelta(days=2))


def once_and_counted(shop: Any, since: datetime, until: datetime, rows: int) -> None:
    """Each row of an interval has one prediction of the champion, and the ledger counts them all."""
    run = shop.run()
    champion = run.registry.find("shop", CHAMPION)
    found = predictions_of(run, champion, since, until)
    assert (found.count(), found.select("id").distinct().count()) == (rows, rows)
    within = [one for one in batches(run.warehouse, champion.digest) if since <= one.since < until]
    assert sum(one.rows for one in within) == rows
    assert {row["batch"] for row in found.select("batch").distinct().collect()} == {
        one.batch for one in within if one.rows
    }


@pytest.mark.parametrize("step", ["append", "describe", "append_batch"])
def test_what_a_killed_scoring_left_is_completed_by_the_next_that_overlaps(
    served: Any, october: Callable[[int], tuple[datetime, datetime]], step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before its predictions, their profile or the row of the ledger are appended."""
    since, until = october({"append": 1, "describe": 5, "append_batch": 9}[step])
    run = served.run()
    champion = run.registry.find("shop", CHAMPION)
    owner, last = (Warehouse, run.warehouse.append) if step == "append" else (scoring, getattr(scoring, step))

    def killed(*words: Any) -> None:
        # The table of predictions is the first that is appended to.
        if step != "append" or str(words[1]).startswith("predictions_"):
            raise KilledError
        last(*words[1:])

    with monkeypatch.context() as patched:
        patched.setattr(owner, step, killed)
        with pytest.raises(KilledError):
            score_interval(run, champion, since, until)
    middle = since + timedelta(days=1)
    after = score_interval(run, champion, middle, until + timedelta(days=1))
    assert (after.rows, after.scored_before) == (0, 30)
    once_and_counted(served, since, until, 60)


def test_of_two_scorings_that_overlap_in_time_and_rows_each_row_is_scored_once(
    served: Any, october: Callable[[int], tuple[datetime, datetime]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has seen what was scored before, and then another that overlaps comes and goes before it appends."""
    since, until = october(13)
    run = served.run()
    champion = run.registry.find("shop", CHAMPION)
    append, overtaken = Warehouse.append, list[Any]()

    def overtaking(warehouse: Warehouse, table: str, *words: Any) -> None:
        if table.startswith("predictions_") and not overtaken:
            overtaken.append(None)
            overtaken[0] = score_interval(served.run(), champion, since + timedelta(days=1), until + timedelta(days=1))
        append(warehouse, table, *words)

    with monkeypatch.context() as patched:
        patched.setattr(Warehouse, "append", overtaking)
        slow = score_interval(run, champion, since, until)
    assert overtaken
    once_and_counted(served, since, until, 60)
    assert (slow.rows, overtaken[0].scored_before) == (60, 30)


SCORES = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from solvent.jobs.context import Context, find_champion
from solvent.jobs.score import score_interval
from solvent.settings import load_settings

run = Context(load_settings("shop", "local", Path(sys.argv[1])), datetime.now(UTC).date(), lambda _: None)
champion, pins = find_champion(run), run.pins
run.spark.range(1).count()
print("ready", flush=True)
for line in sys.stdin:
    score_interval(run, champion, *(datetime.fromisoformat(word) for word in line.split()))
    print("done", flush=True)
"""


@pytest.mark.long
def test_two_processes_that_score_overlapping_days_twenty_times_score_each_row_once(served: Any) -> None:
    first, rounds = datetime(2025, 1, 1, tzinfo=UTC), 20
    served.land_orders(first.date(), (first + timedelta(days=3 * rounds)).date())
    ingest_files(served.run())
    environ = {**served.environ, "PYTHONPATH": f"{served.environ['PYTHONPATH']}{os.pathsep}{served.root / 'lib'}"}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", SCORES, str(served.root)],
            env=environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]

    def wait(word: str) -> None:
        assert [process.stdout.readline() for process in processes if process.stdout] == [f"{word}\n"] * 2

    wait("ready")
    for number in range(rounds):
        since = first + timedelta(days=3 * number)
        for later, process in enumerate(processes):
            start = since + timedelta(days=later)
            print(start.isoformat(), (start + timedelta(days=2)).isoformat(), file=process.stdin, flush=True)
        wait("done")
        once_and_counted(served, since, since + timedelta(days=3), 90)
    for process in processes:
        process.communicate()
        assert process.returncode == 0
