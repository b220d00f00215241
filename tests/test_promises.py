"""A configuration whose promise cannot be kept is told so by `check`."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from solvent.cli import main
from solvent.config.project import Project
from solvent.promises import broken_promises

ROOT = Path(__file__).resolve().parents[1]
FLIGHTS: dict[str, Any] = yaml.safe_load((ROOT / "conf/flights/model.yml").read_text())


def broken(**sections: Any) -> list[tuple[str, str]]:
    """What is said of flights with other sections."""
    model = {**copy.deepcopy(FLIGHTS), "gates": [], "monitoring": {}, "retrain": {}, "deploy": {}, **sections}
    return list(broken_promises(Project.model_validate(model)))


def windows(holdout: str, maturity: str = "0 days") -> dict[str, str]:
    return {"train": "180 days", "holdout": holdout, "maturity": maturity}


SEARCHED = {**FLIGHTS["baseline"], "search": {"params": {"regParam": [0.1, 0.2]}, "folds": 4}}
WITH_CONFIDENCE = {"metric": "auc", "better_than": "baseline", "confidence": 0.9}
CASES = [
    ({"windows": windows("28 days"), "monitoring": {"window": "week"}}, "monitor", "has 4 whole weeks at most, and 21"),
    ({"windows": windows("147 days"), "monitoring": {"window": "week"}}, "monitor", "only where it begins on a Monday"),
    ({"windows": windows("20 days")}, "monitor", "has 20 whole days at most"),
    ({"monitoring": {"tolerances": {"auc": -0.1}}}, "monitor", "below 0"),
    ({"windows": windows("9 days"), "gates": [WITH_CONFIDENCE]}, "release", "has 9 days, and an interval is of 10"),
    ({"gates": [{"metric": "auc", "at_least": 72}]}, "release", "auc is never above 1"),
    ({"gates": [{"metric": "brier", "at_most": -0.1}]}, "release", "brier is never below 0"),
    (
        {
            "gates": [
                {"metric": "log_loss", "better_than": "baseline", "by": -0.0},
                {"metric": "recall", "better_than": "champion", "by": 1.5},
            ]
        },
        "release",
        "gates.1: recall is never above 1",
    ),
    ({"windows": windows("28 days", "2 days"), "deploy": {"canary": {"days": 31}}}, "deploy", "more than 30 days old"),
    (
        {"windows": windows("28 days", "60 days"), "baseline": SEARCHED},
        "train",
        "every 36 days, and labels mature after 60 days",
    ),
    ({"deploy": {"probation": {"days": 7, "risk": 0.001}}}, "observe", "no champion is ever taken back; write 14 days"),
    ({"retrain": {"every": "0 days"}}, "retrain", "each run trains a challenger"),
]


@pytest.mark.parametrize(("sections", "job", "why"), CASES)
def test_what_can_never_be_is_said_to_the_job_it_concerns(sections: dict[str, Any], job: str, why: str) -> None:
    assert [one for one, line in broken(**sections) if why in line] == [job]


@pytest.mark.parametrize(
    "sections",
    [
        {"windows": windows("21 days")},
        {"windows": windows("153 days"), "monitoring": {"window": "week"}},
        {"windows": windows("31 days", "2 days"), "gates": [WITH_CONFIDENCE]},
        {"deploy": {"probation": {"days": 7, "risk": 0.05}}},
        {"gates": [{"metric": "auc", "at_least": 0.72}]},
        {"gates": [{"metric": "log_loss", "at_most": 3}]},
        {"windows": windows("28 days", "2 days"), "deploy": {"canary": {"days": 30}}},
        {"windows": windows("28 days", "35 days"), "baseline": SEARCHED},
    ],
)
def test_what_can_be_kept_is_not_doubted(sections: dict[str, Any]) -> None:
    assert broken(**sections) == []


@pytest.mark.parametrize("project", ["flights", "departures", "temperatures"])
def test_the_projects_that_are_shipped_keep_their_promises(project: str) -> None:
    result = CliRunner().invoke(main, ["--root", str(ROOT), "check", "--project", project])
    assert result.exit_code == 0
    assert "warning" not in result.output
