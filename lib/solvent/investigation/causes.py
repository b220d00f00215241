"""What carries a change of loss: inputs that moved, slices, the mean label everywhere alike, or none of these; and what rows are missing.

The rows are those of the days before the change and since. What is explained is the difference D between their mean losses (log loss, or
squared error) or between their mean biases (prediction minus label): whichever is more standard errors of its days away from before.
Every candidate has a share in [0, 1] of D, so that they can be ranked. Movement that any stretch of as many days within "before" shows as
well, measured against the other days of before, is `usual`, and is taken off first: days differ, and weekdays do. With p for a share of
rows and m for a mean, over the cells c of a feature or the values of a slice:

- *A feature* carries what sits where its rows were not before: sum of max(p_after - p_before - usual, 0) (m_after - m_before of all) / D.
  A value that froze, a source that went missing or a new category fill cells that were empty; missing and other are cells of their own.
  The first factor is the total variation distance, cut down to what is unusual. Features of the same sources are one cause, with the
  largest share of them: a source that fails moves all that is made from it. A feature with one cell on each day, not the same on all days
  before, is the calendar (day of week, month); time always moves it, so only its missing values count.
- *A slice* carries what its values add to D beyond their share of rows, less the usual, as a part of what they could at most: 0 if all
  values change alike, 1 if one or some change alone. What a value adds, p_after (m_after - m) - p_before (m_before - m) with m of all
  rows before, sums to D over the values; this is the decomposition of Kitagawa (1955), JASA 50:1168-1194, with rates and composition in
  one.
- *The mean label everywhere alike* (a season, the world) carries what would become of the predictions of before had the odds of all
  labels been multiplied by the one factor that gives the new rate: prior shift as of Saerens, Latinne & Decaestecker (2002), Neural
  Comput. 14:21-41. For a number all labels are shifted. Counted is what the predictions did not follow, and only the part that no slice
  carries alone.
- *The relation* between inputs and labels is what is left: one minus the largest of the others.

Limits. Shares are not parts of one whole: causes overlap, and a source that fails for one carrier only is found as both. Features are
looked at one by one, so rows that moved only in combination are not seen. A cause that had begun before the change point is in both
periods. That loss changed where a feature moved does not prove that it changed because of it. A month that begins on the day of the
change, with none other before, looks like a value that froze.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from solvent.config.base import counted
from solvent.errors import EvaluationError
from solvent.investigation.cells import FEATURE, LABEL, PREDICTED, PREDICTION, ROWS, SLICE, Floats, Split
from solvent.investigation.periods import BIAS, Figures, Part, Periods, figures, first_since, quantity_moved
from solvent.kinds import KINDS
from solvent.kinds.slices import MISSING

SOURCE, MEAN_LABEL, RELATION, VOLUME = "source", "mean_label", "relation", "volume"
RATE_OF_ROWS = "rows"
# A share is told to so many digits: below them it depends on the order in which rows are added up.
DIGITS = 6
MOST_PARTS = 10
# A cause or region that carries less is not told of.
TRACE = 0.01
# Log odds that no factor takes a rate beyond.
SMALLEST = 1e-12


@dataclass(frozen=True)
class Cause:
    """A candidate.

    Attributes:
        kind: "source", "slice", "mean_label", "relation" or "volume".
        name: The sources or the slice, or the source that is predicted, if rows of it are missing; "" for the others.
        share: Of the change.
        features: Of sources, those that moved, the one that carries most first.
        parts: Where it sits, what carries most first.
    """

    kind: str
    name: str
    share: float
    features: tuple[str, ...]
    parts: tuple[Part, ...]


@dataclass(frozen=True)
class Analysis:
    """What carries a change.

    Attributes:
        quantity: What is explained: "loss", "bias", or "rows": how many there are a day.
        days_before: How many days there are before.
        days_after: Likewise since.
        before: All rows before.
        after: All rows since.
        causes: From the largest share.
        regions: Cells and slice values with more of the change than of the rows, from the largest.
    """

    quantity: str
    days_before: int
    days_after: int
    before: Figures
    after: Figures
    causes: tuple[Cause, ...]
    regions: tuple[Part, ...]


def analyse(
    days: Sequence[date], splits: Sequence[Split], change: date, sources: Mapping[str, str], kind: str
) -> Analysis:
    """What carries the change of loss or bias since a day; see the module for method, formulas and limits.

    Args:
        days: Of the sums, in order.
        splits: By features, by PREDICTION and by slices.
        change: The first day of what is explained.
        sources: Feature -> the sources it is made from, in words.
        kind: Of the labels.

    Raises:
        EvaluationError: If there are fewer than two days before the change, or none since.
    """
    first = first_since(days, change)
    if first < 2 or first == len(days):
        raise EvaluationError(
            f"{counted(first, 'day')} with labels known before {change} and {len(days) - first} since; an investigation compares at "
            "least two with at least one"
        )
    predicted = next(one for one in splits if one.name == PREDICTION and one.kind == FEATURE)
    quantity = quantity_moved(predicted, first)
    periods = [Periods(one, first, quantity) for one in splits if one is not predicted]
    whole = Periods(predicted, first, quantity)
    moves = [(one.split.name, *moved_into(one)) for one in periods if one.split.kind == FEATURE]
    candidates = [
        *by_source(moves, sources),
        *(one for period in periods if period.split.kind == SLICE and (one := by_slice(period)) is not None),
    ]
    alone = max((one.share for one in candidates if one.kind == SLICE), default=0.0)
    candidates.append(Cause(MEAN_LABEL, "", mean_label(whole, kind) * (1 - alone), (), ()))
    regions = tuple(most(part for period in periods for part in surplus_parts(period) if part.carried >= TRACE))
    left = 1 - max(one.share for one in candidates)
    candidates.append(Cause(RELATION, "", left, (), tuple(part for part in regions if part.kind == FEATURE)))
    causes = [one for one in map(rounded, candidates) if one.share >= TRACE]
    before, after = (sums.sum(axis=0) for sums in (whole.before, whole.after))
    return Analysis(
        quantity, first, len(days) - first, figures(before, before[ROWS]), figures(after, after[ROWS]),
        tuple(sorted(causes, key=lambda one: -one.share)), regions,
    )  # fmt: skip


def lost_rows(days: Sequence[date], splits: Sequence[Split], change: date, end: date, source: str) -> Analysis:
    """Which rows are missing since a day; there need not be any.

    Args:
        days: Of the sums, in order.
        splits: By features, by PREDICTION and by slices.
        change: The first day of what is explained.
        end: The day after the last.
        source: Whose rows are predicted.

    Raises:
        EvaluationError: If there is no day before the change.
    """
    first = first_since(days, change)
    if not first:
        raise EvaluationError(f"no days with labels are known before {change}; an investigation compares at least one")
    # Before, a model's life may not have begun where its holdout ended; since, days without a row are what it is about.
    spans = first, (end - change).days
    whole = next(one for one in splits if one.name == PREDICTION and one.kind == FEATURE)
    before, after = whole.sums[:first].sum(axis=(0, 1)), whole.sums[first:].sum(axis=(0, 1))
    lost = before[ROWS] / spans[0] - after[ROWS] / spans[1]
    parts = []
    for split in (one for one in splits if one.kind == SLICE):
        was, now = split.sums[:first].sum(axis=0), split.sums[first:].sum(axis=0)
        carried = (was[:, ROWS] / spans[0] - now[:, ROWS] / spans[1]) / max(lost, SMALLEST)
        for cell, name in enumerate(split.cells):
            sides = figures(was[cell], before[ROWS]), figures(now[cell], after[ROWS])
            parts.append(Part(SLICE, split.name, name, *sides, float(carried[cell]), False, False))
    regions = tuple(most(parts))
    told = figures(before, before[ROWS]), figures(after, after[ROWS])
    return Analysis(RATE_OF_ROWS, *spans, *told, (Cause(VOLUME, source, 1.0, (), regions),), regions)


def rounded(cause: Cause) -> Cause:
    """A cause with a share that does not depend on the order of rows."""
    return Cause(cause.kind, cause.name, round(min(max(cause.share, 0.0), 1.0), DIGITS), cause.features, cause.parts)


def most(parts: Iterable[Part]) -> list[Part]:
    """The parts that carry most, from the largest."""
    return sorted((one for one in parts if one.carried > 0), key=lambda one: -one.carried)[:MOST_PARTS]


def places(values: Floats) -> list[int]:
    """The cells whose value is not zero."""
    return [int(cell) for cell in np.flatnonzero(values)]


def shares(sums: Floats) -> Floats:
    """Each cell's share of the rows."""
    return np.asarray(sums[:, ROWS] / max(sums[:, ROWS].sum(), 1))


def mean_of(period: Periods, sums: Floats) -> float:
    """The mean of what is explained over all rows."""
    return float(period.explained(sums).sum() / max(sums[:, ROWS].sum(), 1))


def change_of(period: Periods) -> float:
    """D: the difference of means, or if it is less than the usual one, that with its sign, of which little can be carried."""

    def difference(later: Floats, earlier: Floats) -> Floats:
        return np.array([mean_of(period, later) - mean_of(period, earlier)])

    change = float(difference(period.after, period.before)[0])
    return float(np.copysign(max(abs(change), float(period.usual(difference)[0]), SMALLEST), change))


def moved_into(period: Periods) -> tuple[float, list[Part]]:
    """The share that a feature carries by having moved, and the cells it moved into."""

    def gained(later: Floats, earlier: Floats) -> Floats:
        return np.maximum(shares(later) - shares(earlier), 0.0)

    new = np.maximum(gained(period.after, period.before) - period.usual(gained), 0.0)
    if is_calendar(period):
        new *= np.array([cell == MISSING for cell in period.split.cells])
    worse = period.explained(period.after) / np.maximum(period.after[:, ROWS], 1) - mean_of(period, period.before)
    carried = new * worse / change_of(period)
    parts = most(period.part(cell, float(carried[cell])) for cell in places(new))
    return float(np.clip(carried.sum(), 0.0, 1.0)), parts


def is_calendar(period: Periods) -> bool:
    """Whether all rows of each day before are in one cell, and not in the same one on all days."""
    days = period.split.sums[: period.first, :, ROWS]
    return bool(np.all((days > 0).sum(axis=1) <= 1) and (days.sum(axis=0) > 0).sum() > 1)


def by_source(moves: Sequence[tuple[str, float, list[Part]]], sources: Mapping[str, str]) -> list[Cause]:
    """Features that moved, those of the same sources as one cause."""
    found: dict[str, list[tuple[float, str, list[Part]]]] = {}
    for feature, share, parts in moves:
        if share > 0:
            found.setdefault(sources[feature], []).append((share, feature, parts))
    causes = []
    for source, some in found.items():
        some.sort(key=lambda one: -one[0])
        largest = some[0][0]
        together = [one for one in some if one[0] >= largest / 2]
        leading = [part for _, _, parts in together for part in parts[:2]][:MOST_PARTS]
        causes.append(Cause(SOURCE, source, largest, tuple(feature for _, feature, _ in together), tuple(leading)))
    return causes


def surplus(period: Periods, later: Floats, earlier: Floats) -> Floats:
    """What each cell adds to the difference of means beyond its share of the later rows; sums to zero."""
    base = mean_of(period, earlier)
    added = [(period.explained(sums) - base * sums[:, ROWS]) / max(sums[:, ROWS].sum(), 1) for sums in (later, earlier)]
    return np.asarray(added[0] - added[1] - shares(later) * (mean_of(period, later) - base))


def unusual_surplus(period: Periods) -> Floats:
    """The surplus of each cell as a part of the change, less the usual; zero where a stretch has as much.

    The usual is midway between the mean and the most of stretches: less would make causes of noise, more would hide small slices.
    """
    change = change_of(period)
    stretches = period.in_stretches(lambda later, earlier: surplus(period, later, earlier))
    usual = (stretches.mean(axis=0) + stretches.max(axis=0)) / 2
    added = surplus(period, period.after, period.before) * np.sign(change)
    return np.asarray(np.where(added > stretches.max(axis=0), added - usual, 0.0) / abs(change))


def surplus_parts(period: Periods) -> list[Part]:
    """The cells that carry more of the change than of the rows."""
    carried = unusual_surplus(period)
    return [period.part(cell, float(carried[cell])) for cell in places(carried)]


def by_slice(period: Periods) -> Cause | None:
    """The values of a slice that change otherwise than the rest, as a part of the most that they could carry; None if all change alike."""
    carried = unusual_surplus(period)
    able = 1 - shares(period.after)[carried > 0].sum()
    if not carried.any() or able <= 0:
        return None
    return Cause(SLICE, period.split.name, float(carried.sum() / able), (), tuple(most(surplus_parts(period))))


def mean_label(whole: Periods, kind: str) -> float:
    """The share that a move of all labels alike carries, in what predictions did not follow."""

    def unfollowed(later: Floats, earlier: Floats) -> Floats:
        return np.asarray(rates(later)[0] - rates(earlier)[0] - rates(later)[1] + rates(earlier)[1])

    def rates(sums: Floats) -> Floats:
        total = sums.sum(axis=0)
        return np.asarray(total[[LABEL, PREDICTED]] / max(total[ROWS], 1))

    moved = float(rates(whole.after)[0] - rates(whole.before)[0])
    left = float(unfollowed(whole.after, whole.before)) * np.sign(moved) - float(whole.usual(unfollowed))
    unusual = np.sign(moved) * min(abs(moved), max(left, 0.0))
    change = change_of(whole)
    if unusual == 0:
        return 0.0
    if whole.quantity == BIAS:
        return float(np.clip(-unusual / change, 0.0, 1.0))
    rows, labels, predictions = (whole.before[:, column] for column in (ROWS, LABEL, PREDICTED))
    worse = KINDS[kind].loss_of_shift(rows, labels, predictions, unusual)
    return float(np.clip(worse / change, 0.0, 1.0))
