"""A source that gives nothing usable any more: nothing is predicted, no metric has a value, and it is found all the same."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from solvent.config.base import midnight
from solvent.investigation import investigations
from solvent.jobs.ingest import ingest_files
from solvent.jobs.monitor import monitor_version
from solvent.jobs.score import score_interval

RELEASED, BREAKS, ENDS = date(2024, 3, 1), date(2024, 3, 11), date(2024, 3, 28)
HEADER = "id,customer,placed,amount,returned"


def negative(line: str) -> str:
    """An order as a feed gives it that has taken amounts for debts."""
    fields = line.split(",")
    fields[3] = f"-{fields[3]}"
    return ",".join(fields)


@pytest.fixture(scope="module")
def broken(newly_released: Any, tmp_path_factory: pytest.TempPathFactory, make_order_lines: Any) -> Any:
    """A Shop whose orders break an expectation from a day on, so that all are quarantined."""
    shop = newly_released.copied(tmp_path_factory.mktemp("broken") / "shop")
    lines = make_order_lines(BREAKS, ENDS)
    for name, some, since, until in (
        ("before", make_order_lines(RELEASED, BREAKS), RELEASED, BREAKS),
        ("since", map(negative, lines), BREAKS, ENDS),
    ):
        shop.land("orders", f"{name}.csv", [HEADER, *some])
        run = shop.run()
        ingest_files(run)
        score_interval(run, run.registry.find("shop", "1"), midnight(since), midnight(until))
    return shop


def test_rows_that_do_not_come_any_more_raise_an_alarm_that_says_why(broken: Any) -> None:
    run = broken.run(ENDS)
    version = run.registry.find("shop", "1")
    found = monitor_version(run, version)
    deviating = [one for one in found.verdict.findings if one.deviates]
    assert [(one.stream.metric, one.direction) for one in deviating] == [("log_rows", "lower")]
    (opened,) = investigations(run.warehouse, version)
    assert opened.change_low <= BREAKS <= opened.change_high
    assert (opened.alarm - BREAKS).days <= 12
    assert opened.change == BREAKS
    said = "source orders: 0 labelled rows a day, before 29; orders quarantined: 0.0%"
    assert opened.causes[0]["text"].startswith(said)
    assert "then 100.0% (expectation amount_is_positive does not hold: amount > 0)" in opened.first_cause
    with open(opened.report, encoding="utf-8") as page:
        text = page.read()
    assert "Labelled rows (their logarithm) by day" in text
    assert "Rows with the largest loss" not in text
    again = broken.run(ENDS)
    monitor_version(again, version)
    assert [one.id for one in investigations(again.warehouse, version)] == [opened.id]
