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
from typing import Any

import numpy as np
from pyspark.sql import DataFrame

from solvent.config.base import counted, digest_of
from solvent.errors import EvaluationError
from solvent.kinds import KINDS, require_paired
from solvent.kinds.clustered import Floats, bootstrap_t
from solvent.kinds.intervals import Interval, undefined
from solvent.kinds.metric import MORE, SIGNED, Metric, Value, no_value
from solvent.kinds.slices import ALL
from solvent.kinds.tallies import DAY

EPOCH = date(1970, 1, 1)
# Of fewer days neither their spread nor its quantiles are known: Student's quantile is 2.3 at ten days, and 4.3 at three.
FEWEST_DAYS = 10


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

    kind: str
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


def day_sums(scored: DataFrame, *, kind: str, slices: Sequence[str] = (), threshold: float = 0.5) -> DaySums:
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
    return days_from(KINDS[kind].days(scored, slices, threshold), kind)


def days_from(rows: Sequence[Any], kind: str) -> DaySums:
    """The sums of a model by day, of a collected row for each day and slice value.

    Raises:
        EvaluationError: If a label, a prediction or a prediction_time is missing or out of range.
    """
    if not all(map(KINDS[kind].comparable, rows)):
        raise EvaluationError("rows without a usable label, prediction or prediction_time cannot be compared")
    parts: dict[tuple[str, str], list[Any]] = {}
    for row in sorted(rows, key=lambda row: (row["slice"], row["slice_value"], row[DAY])):
        parts.setdefault((row["slice"], row["slice_value"]), []).append(row)
    sums_of = KINDS[kind].day_sums
    return DaySums(kind, {part: Days(days_of(found), sums_of(found)) for part, found in parts.items()})


def days_of(rows: Sequence[Any]) -> tuple[date, ...]:
    """The days of collected rows."""
    return tuple(EPOCH + timedelta(days=row[DAY]) for row in rows)


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
    entry = KINDS[ours.kind].metric(metric)
    value, interval = (
        drawn(entry, mine, rival, confidence) if entry.lead is None else entry.lead(mine.sums, rival.sums, confidence)
    )
    if value is not None and days < FEWEST_DAYS:
        interval = undefined(f"{counted(days, 'day is', 'days are')} too few; {FEWEST_DAYS} are needed")
    return Lead(value, interval.low, interval.high, days, n, interval.method)


def daily(metric: str, sums: DaySums) -> dict[date, float]:
    """A metric of all rows of each day on which it is defined.

    Args:
        metric: Of those that `require_daily` lets pass.
        sums: Of a model.
    """
    part, value = sums.parts.get((ALL, ALL)), KINDS[sums.kind].metric(metric).by_day
    if part is None or value is None:
        return {}
    with np.errstate(divide="ignore", invalid="ignore"):
        values = value(part.sums)
    return {day: float(value) for day, value in zip(part.days, values, strict=True) if np.isfinite(value)}


def same_rows(ours: DaySums, theirs: DaySums, slice: str, slice_value: str) -> tuple[Days, Days]:
    """Both models' sums on a slice value.

    Raises:
        EvaluationError: If they are not of the same rows.
    """
    mine, rival = ours.parts.get((slice, slice_value)), theirs.parts.get((slice, slice_value))
    if (
        mine is None
        or rival is None
        or ours.kind != theirs.kind
        or mine.days != rival.days
        or any(not np.array_equal(mine.sums[name], rival.sums[name]) for name in KINDS[ours.kind].shared)
    ):
        where = "all rows" if slice == ALL else f"{slice} {slice_value}"
        raise EvaluationError(f"{where}: the two models were not measured on the same rows; score both on one holdout")
    return mine, rival


def drawn(metric: Metric, ours: Days, theirs: Days, confidence: float) -> Value:
    """The lead by a metric of sums, with days drawn for both models together."""
    names, value_of = metric.sums, metric.by_day
    if value_of is None:
        return no_value("it has no value by day")
    sums = np.stack([model.sums[name] for model in (ours, theirs) for name in names])

    def of(combine: Callable[[Floats, Floats], Floats]) -> Callable[[Floats], Floats]:
        def statistic(totals: Floats) -> Floats:
            mine, rival = (dict(zip(names, half, strict=True)) for half in np.split(totals, 2))
            return combine(value_of(mine), value_of(rival))

        return statistic

    def interval(combine: Callable[[Floats, Floats], Floats], level: float) -> Interval:
        return bootstrap_t(sums, of(combine), level, seed_of(ours.days))

    sign, signed = (1.0 if metric.better == MORE else -1.0), metric.better == SIGNED
    ahead = of(lambda mine, rival: np.abs(rival) - np.abs(mine) if signed else sign * (mine - rival))
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(ahead(sums.sum(axis=1)))
    if not np.isfinite(value):
        return None, undefined("a sum it is divided by is zero")
    if not signed:
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
