"""What carries a change: each thing that can happen to a model, made in small, is the first cause that is found."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest

from solvent.errors import EvaluationError
from solvent.investigation.causes import MEAN_LABEL, RELATION, SLICE, SOURCE, VOLUME, Analysis, analyse, lost_rows
from solvent.investigation.cells import PREDICTION, splits_of
from solvent.investigation.changes import Change
from solvent.investigation.span import Span, around
from solvent.investigation.wording import in_words

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


def summed(rows: pd.DataFrame, kind: Any = "binary") -> list[dict[str, Any]]:
    """Cells by tenths of the days before, as profiles draw them."""
    likely = np.where(rows["label"] == 1, rows["prediction"], 1 - rows["prediction"])
    squares = (rows["prediction"] - rows["label"]) ** 2
    rows = rows.assign(loss=squares if kind == "regression" else -np.log(likely))
    collected = []
    for what, name in [("feature", one) for one in (*SOURCES, PREDICTION)] + [
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
        collected += found.assign(kind=what, name=name).to_dict("records")
    return collected


def analysed(rows: pd.DataFrame, kind: Any = "binary") -> Analysis:
    return analyse(*splits_of(summed(rows, kind)), CHANGE, SOURCES, kind)


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


def weekend(rows: pd.DataFrame) -> pd.DataFrame:
    """Saturdays and Sundays are late less often than the model has learned, before the change as well."""
    return scored(rows.assign(odds=-0.8 * rows["weekday"].isin(["Sat", "Sun"])))


@pytest.mark.parametrize(
    ("happens", "after", "kind", "name", "parts"),
    [
        (frozen, 3, SOURCE, "weather", {"temp"}),
        (frozen, 14, SOURCE, "weather", {"temp"}),
        (missing, 3, SOURCE, "weather", {"temp", "humid"}),
        (missing, 14, SOURCE, "weather", {"temp", "humid"}),
        (in_hours, 3, SLICE, "carrier", {"B6"}),
        (in_hours, 14, SLICE, "carrier", {"B6"}),
        (mislabelled, 7, SLICE, "carrier", {"UA"}),
        (season, 7, MEAN_LABEL, "", set()),
        (turned, 3, RELATION, "", None),
        (turned, 14, RELATION, "", None),
        (weekend, 2, RELATION, "", None),
        (weekend, 9, RELATION, "", None),
    ],
)
def test_the_first_cause_is_what_happened(
    happens: Callable[[pd.DataFrame], pd.DataFrame], after: int, kind: str, name: str, parts: set[str] | None
) -> None:
    found = analysed(happens(world(after, seed=1 if happens is not mislabelled else 2)))
    told = [(one.kind, one.name, one.share) for one in found.causes]
    assert told[0][:2] == (kind, name), told
    assert all(0 < share <= 1 for _, _, share in told)
    assert told == sorted(told, key=lambda one: -one[2])
    if kind == SOURCE:
        assert set(found.causes[0].features) == parts
    elif parts is not None:
        assert {part.cell for part in found.causes[0].parts[:1]} == parts


def test_a_slice_tells_whether_its_labels_or_its_predictions_moved() -> None:
    (part, *_) = analysed(in_hours(world(14, 1))).causes[0].parts
    assert (part.rate_moved, part.prediction_moved) == (True, False)
    assert part.after.label == 0.0
    assert part.before.label == pytest.approx(0.25, abs=0.1)


def test_where_the_relation_turned_is_told_by_region() -> None:
    regions = analysed(turned(world(14, 1))).causes[0].parts
    assert [(one.name, one.cell) for one in regions[:2]] == [("temp", "0"), ("temp", "1")]


def test_a_calendar_does_not_win_by_moving_with_time() -> None:
    rows = world(14, 1)
    # The month begins on the day before the change, so that no stretch before has moved as far.
    month = np.where(rows["window"] >= CHANGE - timedelta(days=1), "Mar", "Feb")
    found = analysed(season(rows.assign(month=month)))
    assert found.causes[0].kind == MEAN_LABEL
    assert all("month" not in one.features for one in found.causes)


def test_what_moves_every_weekend_does_not_win_by_a_weekend() -> None:
    rows = world(2, 1)
    hour = np.where(rows["weekday"].isin(["Sat", "Sun"]), 17 + rows["hour"] % 5, rows["hour"])
    found = analysed(season(rows.assign(hour=hour)))
    assert all(one.share < 0.1 for one in found.causes if "hour" in one.features)


def test_a_number_is_explained_as_well() -> None:
    rows = world(14, 1)
    truth = 3 * rows["temp"] + rows["humid"]
    served = rows["temp"].where(~rows["since"], 1.7)
    label = truth + np.random.default_rng(1).normal(0, 1, len(rows))
    rows = rows.assign(temp=served, label=label, prediction=3 * served + rows["humid"])
    found = analysed(rows, "regression")
    assert (found.causes[0].kind, found.causes[0].features) == (SOURCE, ("temp",))
    shifted = analysed(rows.assign(prediction=truth, label=label + 2 * rows["since"]), "regression")
    assert shifted.causes[0].kind == MEAN_LABEL


@pytest.mark.parametrize("after", [3, 14])
def test_rows_that_are_missing_are_told_by_where_they_were(after: int) -> None:
    rows = scored(world(after, 4))
    gone = rows["since"] & (rows["carrier"] == "DL")
    end = CHANGE + timedelta(days=after)
    found = lost_rows(*splits_of(summed(rows[~gone].reset_index(drop=True))), CHANGE, end, "orders")
    assert (found.quantity, found.days_before, found.days_after) == ("rows", BEFORE, after)
    assert (found.before.rows, found.after.rows) == (BEFORE * ROWS, int((rows["since"] & ~gone).sum()))
    (cause,) = found.causes
    assert (cause.kind, cause.name, cause.share) == (VOLUME, "orders", 1.0)
    assert (cause.parts[0].name, cause.parts[0].cell) == ("carrier", "DL")
    assert cause.parts[0].carried == pytest.approx(1.0, abs=0.35)
    said = in_words(cause, found, {}, [Change("quarantined", "orders", "0.0%", "19.0%", True)])
    assert said.startswith(f"source orders: {found.after.rows / after:,.0f} labelled rows a day, before 200; ")
    assert "of those missing are where carrier is DL; orders quarantined: 0.0%, then 19.0%" in said


def test_no_row_at_all_is_told_as_well() -> None:
    rows = scored(world(5, 4))
    found = lost_rows(
        *splits_of(summed(rows[~rows["since"]].reset_index(drop=True))), CHANGE, CHANGE + timedelta(days=5), "orders"
    )
    assert (found.days_before, found.days_after, found.after.rows, found.after.loss) == (BEFORE, 5, 0, None)
    shares = {(one.name, one.cell): one.carried for one in found.regions}
    assert sum(share for (name, _), share in shares.items() if name == "carrier") == pytest.approx(1.0)
    assert in_words(found.causes[0], found, {}) == "source orders: 0 labelled rows a day, before 200"


@pytest.mark.parametrize(
    ("alarm", "end", "compared_until"),
    [
        (date(2024, 3, 11), date(2024, 3, 11), date(2024, 3, 11)),
        (date(2024, 3, 11), date(2024, 3, 15), date(2024, 3, 15)),
        (date(2024, 3, 11), date(2024, 9, 1), date(2024, 3, 29)),
        (date(2024, 5, 1), date(2024, 9, 1), date(2024, 5, 1)),
    ],
)
def test_who_looks_late_compares_no_more_days_than_were_seen_or_are_as_many_as_before(
    alarm: date, end: date, compared_until: date
) -> None:
    change = date(2024, 3, 1)
    assert around(change, alarm, end) == Span(date(2024, 2, 2), change, compared_until)


def test_too_few_days_are_refused() -> None:
    rows = nothing(world(3, 1))
    with pytest.raises(EvaluationError, match="1 day with labels known before 2024-03-16 and 3 since"):
        analysed(rows[rows["window"] >= CHANGE - timedelta(days=1)].reset_index(drop=True))
