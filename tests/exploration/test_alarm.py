"""What is told of an alarm: findings, places and inputs as tables, from what was found; the whole is in tests/notebooks."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from solvent.exploration.alarm import Alarm, examples_table, places_table
from solvent.exploration.inputs import leading, shares
from solvent.exploration.streams import findings_table
from solvent.features.profile import Reference
from solvent.investigation import Investigation
from solvent.investigation.causes import Analysis, Cause
from solvent.investigation.examples import Examples
from solvent.investigation.look import Look
from solvent.investigation.periods import Figures, Part
from solvent.registry import ModelVersion

SIZE = Reference("size", (1.0, 2.0), (), {"0": 30, "1": 10, "2": 0, "(missing)": 0})
BEFORE, AFTER = Figures(40, 0.25, 0.5, 0.2, 0.21), Figures(80, 0.75, 0.7, None, 0.4)
PARTS = tuple(
    Part(kind, name, cell, BEFORE, AFTER, carried, True, True)
    for kind, name, cell, carried in [
        ("slice", "region", "north", 0.4),
        ("feature", "size", "2", 0.3),
        ("feature", "size", "0", 0.2),
        ("feature", "hour", "3", 0.1),
    ]
)


def analysis(*features: str) -> Analysis:
    return Analysis("loss", 2, 2, BEFORE, AFTER, (Cause("source", "orders", 0.7, features, ()),), PARTS)


@pytest.fixture
def alarm() -> Alarm:
    found: dict[str, Any] = {
        "metric": "auc", "slice": "region", "slice_value": "north", "expected": 0.71239, "observed": 0.5, "p_value": 0.0123,
        "change": "2024-01-07", "alarm": "2024-01-09",
    }  # fmt: skip
    one = Investigation(
        "a1", "opened", "shop", 1, "d", date(2024, 1, 12), date(2024, 1, 9), date(2024, 1, 7), date(2024, 1, 6),
        date(2024, 1, 8), [found], [], [], "", "",
    )  # fmt: skip
    look = Look("", analysis(), Examples("", ("id", "loss"), (("7", "2.0"), ("8", "1.0"))), {"size": SIZE})
    return Alarm(one, ModelVersion("shop", 1, "", "", "d", ""), [], look, pd.DataFrame())


def test_findings_say_what_of_which_rows(alarm: Alarm) -> None:
    (row,) = findings_table(alarm.investigation).to_dict("records")
    assert row == {
        "metric": "auc",
        "of": "region north less that of all rows",
        "expected": 0.7124,
        "observed": 0.5,
        "since": "2024-01-07",
        "alarm": "2024-01-09",
        "p_value": "0.012",
    }


def test_places_are_told_with_what_was_before_and_since(alarm: Alarm) -> None:
    found = places_table(alarm)
    assert list(found["where"]) == ["region is north", "size is 2 or more", "size is below 1", "hour is 3"]
    assert found.iloc[0].to_dict() == {
        "where": "region is north",
        "of_change": "40%",
        "rows": "25% → 75%",
        "labels": "0.200 → none",
        "predictions": "0.210 → 0.400",
    }
    assert list(examples_table(alarm)["id"]) == ["7", "8"]


def test_inputs_are_those_of_the_first_cause_or_those_where_the_change_is_strongest() -> None:
    assert leading(analysis("amount", "hour")) == ["amount", "hour"]
    assert leading(analysis()) == ["size", "hour"]


def test_shares_are_of_cells_that_have_rows_in_training_or_since() -> None:
    since = {"0": 5, "1": 0, "2": 15, "(missing)": 0}
    assert shares(SIZE, since) == [("0", 0.75, 0.25), ("1", 0.25, 0.0), ("2", 0.0, 0.75)]
    assert shares(SIZE, dict.fromkeys(since, 0)) == [("0", 0.75, 0.0), ("1", 0.25, 0.0)]
