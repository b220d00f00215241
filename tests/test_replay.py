"""A replay of a small shop: what was played is not played again, and the page tells it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from pyspark.sql import functions as F

from solvent.errors import ConfigurationError
from solvent.jobs.context import Context
from solvent.registry import CHAMPION
from solvent.replay import Step, replay, write_replay
from solvent.replay.page import marks_of
from solvent.replay.steps import STEPS
from solvent.replay.ways import MONTHLY, NEVER, POLICY, Reign, merge_reigns, reigns_of
from solvent.scoring import predictions_table
from solvent.settings import load_settings

DATES = [date(2024, 2, 26), date(2024, 3, 4)]
HEADER = "id,customer,placed,amount,returned"


def test_neighbouring_reigns_of_a_version_are_one() -> None:
    moments = [datetime(2024, 3, day) for day in range(1, 5)]
    reigns = [Reign(version, *span) for version, span in zip((1, 1, 2), pairwise(moments), strict=True)]
    assert merge_reigns(reigns) == [Reign(1, moments[0], moments[2]), Reign(2, moments[2], moments[3])]


def test_a_past_is_played_once_and_told_on_a_page(shop: Any, make_order_lines: Any, tmp_path: Any) -> None:
    shop.configure("train: 30 days, holdout: 10 days", "train: 20 days, holdout: 22 days")
    path = shop.root / "conf/shop/model.yml"
    path.write_text(path.read_text() + "monitoring: {min_rows: 10}\nretrain: {every: 7 days}\n")
    shop.commit()
    settings = load_settings("shop", "local", shop.root).within(tmp_path)
    landing = tmp_path / "landing" / "shop"

    def arrive(as_of: date) -> None:
        for source in ("orders", "customers"):
            (landing / source).mkdir(parents=True, exist_ok=True)
        (landing / "customers/customers.csv").write_text((shop.landing / "customers/customers.csv").read_text())
        since = date(2024, 1, 10) if as_of == DATES[0] else as_of - timedelta(days=7)
        (landing / f"orders/{as_of}.csv").write_text("\n".join([HEADER, *make_order_lines(since, as_of)]) + "\n")

    with pytest.raises(ConfigurationError, match="at least two dates"):
        replay(settings, "local", arrive, DATES[:1], print)
    first, second = replay(settings, "local", arrive, DATES, print)
    assert (first.champion, first.champion_after, first.retrained, first.promoted) == (0, 1, 1, True)
    # A month has begun, and the policy asks for a model as well: it is the same one.
    assert (second.champion, second.retrained, second.monthly_after) == (1, 2, 2)
    assert "7 days ago (every 7 days)" in second.reason
    assert second.champion_after == (2 if second.promoted else 1)
    page = write_replay(settings, [first, second], print)
    text = page.read_text()
    run = Context(settings, DATES[-1], print)
    assert run.registry.by_alias("shop", CHAMPION).version == second.champion_after

    def counts() -> dict[str, int]:
        tables = (STEPS.table, "score_batches", "performance", "retrainings", "decisions", "ingest_batches")
        return {name: run.warehouse.read(name).count() for name in tables}

    before = counts()
    assert (before[STEPS.table], before["retrainings"]) == (2, 2)
    assert replay(settings, "local", arrive, DATES, print) == [first, second]
    assert write_replay(settings, [first, second], print).read_text() == text
    assert counts() == before
    # All ways predict with the first model in the only week, so each row is scored once.
    scored = run.warehouse.read(predictions_table(settings.project, settings.groups))
    rows = {
        row["model_version"]: row["n"] for row in scored.groupBy("model_version").agg(F.count("*").alias("n")).collect()
    }
    assert rows == {1: 7 * 30}


def test_each_way_of_retraining_has_its_versions(shop: Any) -> None:
    def step(day: int, champion_after: int, monthly_after: int) -> Step:
        return Step(date(2024, 3, day), 1, [], None, False, "", champion_after, monthly_after, 0.0, 0.0)

    found = reigns_of(shop.run(), [step(1, 1, 1), step(8, 2, 1), step(15, 2, 3), step(22, 4, 3)])
    assert {way: [one.version for one in reigns] for way, reigns in found.items()} == {
        NEVER: [1, 1, 1],
        POLICY: [1, 2, 2],
        MONTHLY: [1, 1, 3],
    }
    first = found[POLICY][0]
    # Labels have two days to mature.
    assert (first.since, first.until) == (datetime(2024, 2, 28, tzinfo=UTC), datetime(2024, 3, 6, tzinfo=UTC))


def test_an_alarm_is_marked_once_for_each_champion() -> None:
    def step(
        day: int, champion: int, deviating: list[str], retrained: int | None = None, promoted: bool = False
    ) -> Step:
        return Step(date(2024, 3, day), champion, deviating, retrained, promoted, "why", 0, 0, 0.0, 0.0)

    steps = [step(1, 1, []), step(2, 1, ["auc"], 2), step(3, 1, ["auc"], 3, True), step(4, 3, ["auc"])]
    assert [(mark.day.day, mark.kind) for mark in marks_of(steps)] == [
        (2, "alarm"),
        (2, "refusal"),
        (3, "release"),
        (4, "alarm"),
    ]
