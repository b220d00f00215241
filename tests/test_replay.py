"""A replay of a small shop: what was played is not played again, and the page tells it."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from pyspark.sql import functions as F

from solvent.errors import ConfigurationError
from solvent.pipeline import Run, load_settings
from solvent.registry import CHAMPION
from solvent.replay import STEPS, Reign, joined, replay, report
from solvent.scoring import predictions_table

DATES = [date(2024, 2, 26), date(2024, 3, 4), date(2024, 3, 11)]
HEADER = "id,customer,placed,amount,returned"


def test_neighbouring_reigns_of_a_version_are_one() -> None:
    moments = [datetime(2024, 3, day) for day in range(1, 5)]
    reigns = [Reign(version, *span) for version, span in zip((1, 1, 2), pairwise(moments), strict=True)]
    assert joined(reigns) == [Reign(1, moments[0], moments[2]), Reign(2, moments[2], moments[3])]


def test_a_past_is_played_once_and_told_on_a_page(shop: Any, make_order_lines: Any, tmp_path: Any) -> None:
    shop.configure("train: 30 days, holdout: 10 days", "train: 20 days, holdout: 22 days")
    path = shop.root / "conf/shop/model.yml"
    path.write_text(path.read_text() + "monitoring: {min_rows: 10}\nretrain: {every: 14 days}\n")
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
    first, second, third = replay(settings, "local", arrive, DATES, print)
    assert (first.champion, first.champion_after, first.retrained, first.promoted) == (0, 1, 1, True)
    assert (second.champion, second.retrained, second.champion_after, second.monthly_after) == (1, None, 1, 2)
    assert (third.champion, third.retrained, third.monthly_after) == (1, 3, 2)
    assert "14 days ago (every 14 days)" in third.reason
    assert third.champion_after == (3 if third.promoted else 1)
    page = report(settings, print)
    text = page.read_text()
    run = Run(settings, DATES[-1], print)
    assert run.registry.by_alias("shop", CHAMPION).version == third.champion_after

    def counts() -> dict[str, int]:
        tables = (STEPS, "score_batches", "performance", "retrainings", "decisions", "ingest_batches")
        return {name: run.warehouse.read(name).count() for name in tables}

    before = counts()
    assert (before[STEPS], before["retrainings"]) == (3, 2)
    assert replay(settings, "local", arrive, DATES, print) == [first, second, third]
    assert report(settings, print).read_text() == text
    assert counts() == before
    # Each way predicts each row of the life once, and the first model those of all days.
    scored = run.warehouse.read(predictions_table(settings.project, settings.groups))
    rows = {
        row["model_version"]: row["n"] for row in scored.groupBy("model_version").agg(F.count("*").alias("n")).collect()
    }
    assert rows == {1: 14 * 30, 2: 7 * 30}
