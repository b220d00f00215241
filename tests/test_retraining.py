"""When the policy says that a champion is to be retrained, and what it looks at."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from solvent.config.environment import Tables
from solvent.config.monitoring import Retrain
from solvent.monitoring.coverage import COVERAGE, Coverage, CoverageRow
from solvent.monitoring.verdict import DEVIATIONS, Deviation, DeviationRow
from solvent.registry import ModelKey, ModelVersion
from solvent.release import Decision
from solvent.retraining.ledger import RETRAININGS, append_retraining
from solvent.retraining.policy import Standing, standing_of, triggers
from solvent.tables.warehouse import Warehouse

TRAINED, AS_OF = date(2024, 3, 1), date(2024, 3, 31)
CHAMPION = ModelVersion("shop", 1, "run", "source", "mine", "manifest")


def standing(labels: int = 0, deviating: tuple[str, ...] = ()) -> Standing:
    return Standing(AS_OF, TRAINED, labels, deviating)


def deviation(metric: str, slice: str, slice_value: str, deviates: bool, alarm: date | None) -> Deviation:
    return Deviation(
        metric, slice, slice_value, deviates, alarm, p_value=0.5, e_value=1.0, direction="worse", expected=0.5, expected_low=0.4,
        expected_high=0.6, observed=0.7, change=None, change_low=None, change_high=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("policy", "labels", "deviating", "said"),
    [
        ({}, 10**9, ("auc",), []),
        (
            {"every": timedelta(days=30)},
            0,
            (),
            ["the last training looks from 2024-03-01, 30 days ago (every 30 days)"],
        ),
        ({"every": timedelta(days=31)}, 0, (), []),
        ({"new_labels": 1000}, 1000, (), ["1,000 labels have matured since (new_labels 1,000)"]),
        ({"new_labels": 1000}, 999, (), []),
        ({"on_alarm": True}, 0, ("auc", "log_loss on region north"), ["auc, log_loss on region north deviates"]),
        ({"on_alarm": True}, 0, (), []),
        ({"every": timedelta(days=1), "new_labels": 1, "on_alarm": True}, 1, ("auc",), ["30 days", "1 labels", "auc"]),
    ],
)
def test_a_trigger_holds_or_not(policy: dict, labels: int, deviating: tuple[str, ...], said: list[str]) -> None:
    found = triggers(Retrain(**policy), standing(labels, deviating))
    assert len(found) == len(said)
    assert all(words in one for words, one in zip(said, found, strict=True))


def test_labels_and_deviations_are_those_of_the_champion_as_last_seen_by_then(
    spark: SparkSession, tmp_path: Path
) -> None:
    warehouse = Warehouse(lambda: spark, Tables(path=str(tmp_path)), "shop")
    assert standing_of(warehouse, CHAMPION, TRAINED, AS_OF) == standing()
    earlier, later = AS_OF - timedelta(days=7), AS_OF + timedelta(days=7)

    def covered(digest: str, window: int, as_of: date, matured: int) -> CoverageRow:
        seen = Coverage(date(2024, 3, window), as_of, 30, matured, 0, 30 - matured)
        return CoverageRow(ModelKey("shop", 1, digest), seen)

    rows = [covered("mine", 2, earlier, 10), covered("mine", 2, AS_OF, 29), covered("mine", 3, earlier, 20)]
    rows += [covered("mine", 3, later, 30), covered("other", 2, AS_OF, 28)]
    COVERAGE.append(warehouse, rows)

    def judged(digest: str, as_of: date, metric: str, deviates: bool) -> DeviationRow:
        alarm = as_of - timedelta(days=3) if deviates else None
        found = deviation(metric, "region", "north", deviates, alarm)
        return DeviationRow(ModelKey("shop", 1, digest), as_of, found)

    found = [judged("mine", earlier, "auc", True), judged("mine", AS_OF, "log_loss", True)]
    found += [
        judged("mine", AS_OF, "auc", False),
        judged("mine", later, "auc", True),
        judged("other", AS_OF, "brier", True),
        judged("mine", AS_OF, "log_rows", True),
    ]
    DEVIATIONS.append(warehouse, found)
    assert standing_of(warehouse, CHAMPION, TRAINED, AS_OF) == standing(49, ("log_loss on region north",))
    # Of the labels, those count that were not there at the last training.
    append_retraining(
        warehouse, AS_OF - timedelta(days=3), 1, ["old"], Decision("release", "shop", 1, 2, False, "worse")
    )
    assert standing_of(warehouse, CHAMPION, TRAINED, AS_OF).labels == 49 - 30


def test_an_alarm_is_answered_by_the_training_that_knew_of_it_and_by_no_other(
    spark: SparkSession, tmp_path: Path
) -> None:
    warehouse = Warehouse(lambda: spark, Tables(path=str(tmp_path)), "shop")

    def looked(days_before: int, *deviating: str) -> None:
        as_of, alarm = AS_OF - timedelta(days=days_before), AS_OF - timedelta(days=20)
        rows = [
            DeviationRow(
                ModelKey("shop", 1, "mine"), as_of, deviation(metric, "all", "all", metric in deviating, alarm)
            )
            for metric in ("auc", "log_loss")
        ]
        DEVIATIONS.append(warehouse, rows)

    def standing_now(days_before: int) -> tuple[str, ...]:
        return standing_of(warehouse, CHAMPION, TRAINED, AS_OF - timedelta(days=days_before)).deviating

    looked(10, "auc")
    assert standing_now(10) == ("auc",)
    append_retraining(
        warehouse, AS_OF - timedelta(days=10), 1, ["auc deviates"], Decision("release", "shop", 1, 2, False, "worse")
    )
    looked(9, "auc")
    assert standing_now(9) == ()
    # Its alarm is of a day before the training, which did not know of it: labels came later.
    looked(8, "auc", "log_loss")
    assert standing_now(8) == ("log_loss",)
    append_retraining(
        warehouse,
        AS_OF - timedelta(days=8),
        1,
        ["log_loss deviates"],
        Decision("release", "shop", 1, 3, False, "worse"),
    )
    looked(7, "auc", "log_loss")
    assert standing_now(7) == ()
    # What stopped and began again is another alarm.
    looked(6, "log_loss")
    looked(5, "auc", "log_loss")
    assert standing_now(5) == ("auc",)


def test_a_refused_challenger_counts_as_a_training_from_the_next_day_on(spark: SparkSession, tmp_path: Path) -> None:
    warehouse = Warehouse(lambda: spark, Tables(path=str(tmp_path)), "shop")
    refused = Decision("release", "shop", 1, 2, False, "worse")
    for _ in range(2):
        made = append_retraining(warehouse, AS_OF, 1, ["old"], refused)
    assert (made.version, made.promoted, made.triggers) == (2, False, ("old",))
    assert RETRAININGS.count(warehouse) == 1
    assert standing_of(warehouse, CHAMPION, TRAINED, AS_OF).trained == TRAINED
    assert standing_of(warehouse, CHAMPION, TRAINED, AS_OF + timedelta(days=1)).trained == AS_OF
    other = replace(CHAMPION, version=7)
    assert standing_of(warehouse, other, TRAINED, AS_OF + timedelta(days=1)).trained == TRAINED
