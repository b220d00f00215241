"""What carries a change: each thing that can happen to a model, made in small, is the first cause that is found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from solvent.investigation.causes import LABEL_RATE, RELATION, SLICE, SOURCE, Analysis, analyse
from solvent.investigation.cells import PREDICTION, splits_of

BEFORE, ROWS = 28, 200
CHANGE = date(2024, 3, 16)
SOURCES = {"temp": "weather", "humid": "weather", "hour": "flights", "weekday": "flights", "month": "flights"}


def rate(temp: Any, humid: Any, hour: Any) -> Any:
    """What the model has learned, which is true."""
    return 1 / (1 + np.exp(-(-1.4 + 1.2 * temp + 0.8 * humid + 0.5 * (hour > 15))))


def world(after: int, seed: int) -> pd.DataFrame:
    """Days of rows before the change and since; every day has its weather, and the weekend is late."""
    random = np.random.default_rng(seed)
    days = np.repeat(np.arange(-BEFORE, after), ROWS)
    weather = random.normal(0, 0.4, BEFORE + after)
    window = [CHANGE + timedelta(days=int(day)) for day in days]
    rows = pd.DataFrame({"window": window, "since": days >= 0})
    rows["temp"] = random.normal(0, 1, len(rows)) + weather[days + BEFORE]
    rows["humid"] = random.normal(0, 1, len(rows)) + random.normal(0, 0.3, BEFORE + after)[days + BEFORE]
    rows["hour"] = random.integers(5, 23, len(rows))
    rows["weekday"] = [day.strftime("%a") for day in window]
    rows["month"] = [day.strftime("%b") for day in window]
    rows["carrier"] = random.choice(["AA", "B6", "DL", "UA"], len(rows), p=[0.4, 0.3, 0.2, 0.1])
    rows["origin"] = random.choice(["EWR", "JFK"], len(rows))
    rows["odds"] = 0.0
    rows["draw"] = random.random(len(rows))
    return rows


def scored(rows: pd.DataFrame, served: pd.DataFrame | None = None) -> pd.DataFrame:
    """Labels from what is true, predictions from what the model was served."""
    served = rows if served is None else served
    true = rate(rows["temp"], rows["humid"], rows["hour"])
    true = 1 / (1 + (1 - true) / true * np.exp(-rows["odds"]))
    given = rate(served["temp"].fillna(0.0), served["humid"].fillna(0.0), served["hour"])
    return served.assign(label=(rows["draw"] < true).astype(float), prediction=given)


def analysed(rows: pd.DataFrame) -> Analysis:
    """Cells by tenths of the days before, as profiles draw them."""
    likely = np.where(rows["label"] == 1, rows["prediction"], 1 - rows["prediction"])
    rows = rows.assign(loss=-np.log(likely))
    collected = []
    for kind, name in [("feature", one) for one in (*SOURCES, PREDICTION)] + [
        ("slice", "carrier"),
        ("slice", "origin"),
    ]:
        values = rows[name]
        if values.dtype.kind in "if":
            edges = np.quantile(rows[~rows["since"]][name].dropna(), np.arange(1, 10) / 10)
            binned = pd.Series(np.searchsorted(edges, values, side="right")).astype(str)
            values = binned.where(values.notna(), "(missing)")
        sums = rows.assign(cell=values).groupby(["window", "cell"])[["loss", "label", "prediction"]]
        found = sums.sum().assign(n=sums.size()).reset_index()
        collected += found.assign(kind=kind, name=name).to_dict("records")
    return analyse(*splits_of(collected), CHANGE, SOURCES, "binary")


def nothing(rows: pd.DataFrame) -> pd.DataFrame:
    return scored(rows)


def frozen(rows: pd.DataFrame) -> pd.DataFrame:
    return scored(rows, rows.assign(temp=rows["temp"].where(~rows["since"], 1.7)))


def missing(rows: pd.DataFrame) -> pd.DataFrame:
    gone = {name: rows[name].where(~rows["since"]) for name in ("temp", "humid")}
    return scored(rows, rows.assign(**gone))


def in_hours(rows: pd.DataFrame) -> pd.DataFrame:
    """A carrier that reports delays in hours is hardly ever 15 late."""
    found = scored(rows)
    return found.assign(label=found["label"].where(~rows["since"] | (rows["carrier"] != "B6"), 0.0))


def mislabelled(rows: pd.DataFrame) -> pd.DataFrame:
    found = scored(rows)
    wrong = rows["since"] & (rows["carrier"] == "UA")
    return found.assign(label=found["label"].where(~wrong, 1 - found["label"]))


def season(rows: pd.DataFrame) -> pd.DataFrame:
    return scored(rows.assign(odds=1.1 * rows["since"]))


def turned(rows: pd.DataFrame) -> pd.DataFrame:
    """What was warm comes to be late no more, and the cold does."""
    true = rows.assign(temp=rows["temp"].where(~rows["since"], -rows["temp"]))
    return scored(true, rows)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("after", [3, 7, 14])
@pytest.mark.parametrize(
    ("happens", "kind", "name"),
    [
        (frozen, SOURCE, "weather"),
        (missing, SOURCE, "weather"),
        (in_hours, SLICE, "carrier"),
        (mislabelled, SLICE, "carrier"),
        (season, LABEL_RATE, ""),
        (turned, RELATION, ""),
        (nothing, RELATION, ""),
    ],
)
def test_the_first_cause_is_what_happened(
    happens: Callable[[pd.DataFrame], pd.DataFrame], kind: str, name: str, after: int, seed: int
) -> None:
    found = analysed(happens(world(after, seed)))
    told = [(one.kind, one.name, one.share) for one in found.causes]
    print(happens.__name__, after, seed, found.quantity, told)
    assert told[0][:2] == (kind, name), told
    assert all(0 < share <= 1 for _, _, share in told)
