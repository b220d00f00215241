"""The paired test: how far a model is ahead of another on the same rows, and how sure that is.

Rows of a day are not independent: a storm delays everyone, a promotion brings other customers. A test that takes them to be sees leads
where there are none. So the units are days (UTC dates of the prediction time), as in monitoring. For the area under the ROC curve
the interval is DeLong's with clusters (Obuchowski), for the other metrics a day-block bootstrap; see `clustered`.

All that is needed of a model are sums per day, so that rows of two models are never joined: the lead is a function of both models' sums,
days are drawn for both together, and DeLong's placement values of two models are subtracted day by day.

Days are taken to be independent of one another. Where one bad day makes the next one likelier, as in a storm of a week, intervals are
too narrow. An interval is for one slice value: it is not simultaneous over slices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from pyspark.sql import DataFrame

from solvent.config.base import counted, digest_of
from solvent.errors import EvaluationError
from solvent.evaluation import regression, tallies
from solvent.evaluation.clustered import Floats, Placements, bootstrap_t, obuchowski_t
from solvent.evaluation.fixed_point import as_float, exact, units
from solvent.evaluation.intervals import Interval, undefined
from solvent.evaluation.metrics import HIGHER_IS_BETTER, SIGNED, Kind, require_known, require_paired
from solvent.evaluation.result import ALL

EPOCH = date(1970, 1, 1)
# Of fewer days neither their spread nor its quantiles are known: Student's quantile is 2.3 at ten days, and 4.3 at three.
FEWEST_DAYS = 10


BINARY_SUMS = (*tallies.COUNTS, *tallies.DAY_FIXED, "n")


@dataclass(frozen=True)
class Days:
    """The sums of a model over the rows of each day of one slice value.

    Attributes:
        days: UTC dates, ascending.
        sums: Name of a sum -> one for each day.
    """

    days: tuple[date, ...]
    sums: Mapping[str, Floats]


@dataclass(frozen=True)
class DaySums:
    """The sums of a model by slice and slice value."""

    kind: Kind
    parts: Mapping[tuple[str, str], Days]


@dataclass(frozen=True)
class Lead:
    """How far a model is ahead of another by a metric; below 0 if it is behind.

    Attributes:
        value: In the metric's own unit, None where it is undefined.
        low: Lower limit of its confidence interval, None where it is undefined.
        high: Upper limit.
        days: Days compared.
        n: Rows compared.
        method: Of the interval, or "undefined: " and the reason.
    """

    value: float | None
    low: float | None
    high: float | None
    days: int
    n: int
    method: str


def day_sums(scored: DataFrame, *, kind: Kind, slices: Sequence[str] = (), threshold: float = 0.5) -> DaySums:
    """What the paired test needs of one model, in one pass and one collect of a row for each day and slice value.

    Args:
        scored: The slice columns; prediction_time; label: 0 or 1, or a number; prediction: the probability of 1, or a number.
        kind: "binary" or "regression".
        slices: Columns whose values name the subsets.
        threshold: Predictions at or above it count as positive.

    Returns:
        Sums that are the same, bit for bit, for any order and partitioning of the rows.

    Raises:
        EvaluationError: If a label, a prediction or a prediction_time is missing or out of range.
    """
    if kind == "binary":
        return days_from(tallies.binary_sums_by_day(scored, slices, threshold).collect(), kind)
    block = tallies.day_of("prediction_time")
    rows = regression.regression_sums(scored, slices, block).withColumnRenamed("block", tallies.DAY).collect()
    return days_from(rows, kind)


def days_from(rows: Sequence[Any], kind: Kind) -> DaySums:
    """The sums of a model by day, of a collected row for each day and slice value.

    Raises:
        EvaluationError: If a label, a prediction or a prediction_time is missing or out of range.
    """
    if kind == "binary":
        invalid = any(row["invalid"] for row in rows)
    else:
        invalid = any(row["invalid_labels"] or row["invalid_scores"] or row[tallies.DAY] is None for row in rows)
    if invalid:
        raise EvaluationError("rows without a usable label, prediction or prediction_time cannot be compared")
    parts: dict[tuple[str, str], list[Any]] = {}
    for row in sorted(rows, key=lambda row: (row["slice"], row["slice_value"], row[tallies.DAY])):
        parts.setdefault((row["slice"], row["slice_value"]), []).append(row)
    sums_of = binary_sums if kind == "binary" else regression_sums
    return DaySums(kind, {part: Days(days_of(found), sums_of(found)) for part, found in parts.items()})


def days_of(rows: Sequence[Any]) -> tuple[date, ...]:
    """The days of collected rows."""
    return tuple(EPOCH + timedelta(days=row[tallies.DAY]) for row in rows)


def binary_sums(rows: Sequence[Any]) -> dict[str, Floats]:
    """The sums of a binary model as doubles."""
    counts = {name: np.array([float(row[name]) for row in rows]) for name in tallies.COUNTS}
    fixed = {name: np.array([as_float(units(row[name])) for row in rows]) for name in tallies.DAY_FIXED}
    return {**counts, **fixed, "n": counts["positives"] + counts["negatives"]}


def regression_sums(rows: Sequence[Any]) -> dict[str, Floats]:
    """The sums of a regression as doubles; labels are counted from their mean, so that their squares keep their digits."""
    n = [Decimal(row["n"]) for row in rows]
    totals = {name: [exact(row[name]) for row in rows] for name in regression.SUMS}
    mean = sum(totals["labels"], Decimal(0)) / sum(n)
    labels = [label - mean * count for label, count in zip(totals["labels"], n, strict=True)]
    squares = [
        square - 2 * mean * label + mean * mean * count
        for square, label, count in zip(totals["label_squares"], totals["labels"], n, strict=True)
    ]
    found = {**totals, "n": n, "labels": labels, "label_squares": squares}
    return {name: np.array([float(one) for one in values]) for name, values in found.items()}


def f1(of: Mapping[str, Floats]) -> Floats:
    """The harmonic mean of precision and recall."""
    return 2 * of["true_positives"] / (of["positives"] + of["true_positives"] + of["false_positives"])


def r2(of: Mapping[str, Floats]) -> Floats:
    """The share of the labels' variance that is explained."""
    return 1 - of["squares"] / (of["label_squares"] - of["labels"] ** 2 / of["n"])


# Metrics of sums over any rows, of which there may be many at once.
METRICS: Mapping[str, Callable[[Mapping[str, Floats]], Floats]] = {
    "log_loss": lambda of: of["losses"] / of["n"],
    "brier": lambda of: of["squares"] / of["n"],
    "accuracy": lambda of: (of["true_positives"] + of["negatives"] - of["false_positives"]) / of["n"],
    "precision": lambda of: of["true_positives"] / (of["true_positives"] + of["false_positives"]),
    "recall": lambda of: of["true_positives"] / of["positives"],
    "f1": f1,
    "prediction_bias": lambda of: (of["predictions"] - of["positives"]) / of["n"],
    "rmse": lambda of: np.sqrt(of["squares"] / of["n"]),
    "mae": lambda of: of["absolute"] / of["n"],
    "r2": r2,
    "bias": lambda of: of["errors"] / of["n"],
}


def lead(
    metric: str, ours: DaySums, theirs: DaySums, slice: str = ALL, slice_value: str = ALL, *, confidence: float
) -> Lead:
    """How far our model is ahead of theirs, on one slice value.

    Args:
        metric: Of those of the models' kind but UNPAIRED. Where less is better, the lead is by how much ours is less; of
            signed metrics it is by how much ours is nearer to zero.
        ours: Of the model that is judged.
        theirs: Of the model it is judged against.
        slice: Name of the slice column, or "all".
        slice_value: One of its values, or "all".
        confidence: Of the two-sided interval. Who looks at one limit only, as the test of a margin does, is wrong in half the
            cases: (1 - confidence) / 2.

    Returns:
        The lead and its interval, the same whenever it is computed: resamples follow from the days alone.

    Raises:
        EvaluationError: If the two were not measured on the same rows, or the metric is one of UNPAIRED.
    """
    require_paired(metric)
    mine, rival = same_rows(ours, theirs, slice, slice_value)
    days, n = len(mine.days), int(mine.sums["n"].sum())
    value, interval = (
        lead_in_auc(mine, rival, confidence) if metric == "auc" else drawn(metric, mine, rival, confidence)
    )
    if value is not None and days < FEWEST_DAYS:
        interval = undefined(f"{counted(days, 'day is', 'days are')} too few; {FEWEST_DAYS} are needed")
    return Lead(value, interval.low, interval.high, days, n, interval.method)


def daily(metric: str, sums: DaySums) -> dict[date, float]:
    """A metric of all rows of each day on which it is defined.

    Args:
        metric: Of those of require_daily.
        sums: Of a model.
    """
    part = sums.parts.get((ALL, ALL))
    if part is None:
        return {}
    with np.errstate(divide="ignore", invalid="ignore"):
        values = METRICS[metric](part.sums)
    return {day: float(value) for day, value in zip(part.days, values, strict=True) if np.isfinite(value)}


def require_daily(kind: Kind, metrics: Sequence[str]) -> None:
    """Refuses metrics that have no value by day from the sums of a day alone.

    Raises:
        EvaluationError: Naming the metric.
    """
    require_known(kind, metrics)
    for metric in metrics:
        if metric not in METRICS:
            raise EvaluationError(
                f"{metric} ranks rows of all days together, and has no value by day; name log_loss or brier"
            )


def same_rows(ours: DaySums, theirs: DaySums, slice: str, slice_value: str) -> tuple[Days, Days]:
    """Both models' sums on a slice value.

    Raises:
        EvaluationError: If they are not of the same rows.
    """
    mine, rival = ours.parts.get((slice, slice_value)), theirs.parts.get((slice, slice_value))
    shared = ("n", "positives") if ours.kind == "binary" else ("n", "labels", "label_squares")
    if (
        mine is None
        or rival is None
        or ours.kind != theirs.kind
        or mine.days != rival.days
        or any(not np.array_equal(mine.sums[name], rival.sums[name]) for name in shared)
    ):
        where = "all rows" if slice == ALL else f"{slice} {slice_value}"
        raise EvaluationError(f"{where}: the two models were not measured on the same rows; score both on one holdout")
    return mine, rival


def lead_in_auc(ours: Days, theirs: Days, confidence: float) -> tuple[float | None, Interval]:
    """The lead by the area under the ROC curve: DeLong's placement values of one model less those of the other."""
    positives, negatives = ours.sums["positives"], ours.sums["negatives"]
    if not positives.any() or not negatives.any():
        return None, undefined("one class")
    above, below = (ours.sums[name] - theirs.sums[name] for name in ("positive_placements", "negative_placements"))
    difference = Placements(positives, negatives, above, below)
    return difference.auc, obuchowski_t(difference, confidence)


def drawn(metric: str, ours: Days, theirs: Days, confidence: float) -> tuple[float | None, Interval]:
    """The lead by another metric, with days drawn for both models together."""
    names = tuple(ours.sums)
    sums = np.stack([model.sums[name] for model in (ours, theirs) for name in names])

    def of(combine: Callable[[Floats, Floats], Floats]) -> Callable[[Floats], Floats]:
        def statistic(totals: Floats) -> Floats:
            mine, rival = (dict(zip(names, half, strict=True)) for half in np.split(totals, 2))
            return combine(METRICS[metric](mine), METRICS[metric](rival))

        return statistic

    def interval(combine: Callable[[Floats, Floats], Floats], level: float) -> Interval:
        return bootstrap_t(sums, of(combine), level, seed_of(ours.days))

    sign = 1.0 if metric in HIGHER_IS_BETTER else -1.0
    ahead = of(lambda mine, rival: np.abs(rival) - np.abs(mine) if metric in SIGNED else sign * (mine - rival))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(ahead(sums.sum(axis=1)))
    if not np.isfinite(value):
        return None, undefined("a sum it is divided by is zero")
    if metric not in SIGNED:
        return value, interval(lambda mine, rival: sign * (mine - rival), confidence)
    level = (1 + confidence) / 2
    return value, nearer_to_zero(
        interval(lambda mine, rival: rival - mine, level), interval(lambda mine, rival: rival + mine, level)
    )


def nearer_to_zero(difference: Interval, total: Interval) -> Interval:
    """The interval of |x| - |y| from those of x - y and x + y.

    A signed figure is best at zero, just where |.| has a kink at which no bootstrap holds (Andrews (2000), Econometrica 68:399-405).
    But |x| - |y| = max(min(d, s), -max(d, s)) for d = x - y and s = x + y, which have none. If each of their intervals holds but in
    (1 - confidence) / 2 of cases, both hold but in 1 - confidence (Bonferroni), and with them what follows from them.
    """
    low_d, high_d, low_s, high_s = difference.low, difference.high, total.low, total.high
    if low_d is None or high_d is None or low_s is None or high_s is None:
        return difference if difference.low is None else total
    low = max(min(low_d, low_s), -max(high_d, high_s))
    high = min(max(high_d, -low_s), max(high_s, -low_d))
    return Interval(low, high, difference.method)


def seed_of(days: Sequence[date]) -> int:
    """The seed of the resamples of some days."""
    return int(digest_of([day.isoformat() for day in days])[:16], 16)
