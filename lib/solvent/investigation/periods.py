"""The days before a change and since, and how much two such periods differ anyway."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from solvent.investigation.cells import LABEL, LOSS, PREDICTED, ROWS, Floats, Split

BIAS = "bias"
QUANTITIES = {"loss": np.array([0.0, 1.0, 0.0, 0.0]), BIAS: np.array([0.0, 0.0, -1.0, 1.0])}
# Of the sums (cells by sums) of a later period and an earlier one.
Figure = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True)
class Figures:
    """Rows of a part: how many, their share of all rows, and the means of loss, label and prediction; None without a row."""

    rows: int
    share: float
    loss: float | None
    label: float | None
    prediction: float | None


@dataclass(frozen=True)
class Part:
    """A cell of a feature or a value of a slice, before the change and since.

    Attributes:
        kind: "feature" or "slice".
        name: Of the feature or slice.
        cell: The cell or value.
        before: Before the change.
        after: Since.
        carried: Of a feature that moved, the part of the change that is carried by what moved into the cell; of a region and a slice value,
            that beyond its share of rows.
        rate_moved: Whether the label rate moved more than is usual.
        prediction_moved: Whether the mean prediction did.
    """

    kind: str
    name: str
    cell: str
    before: Figures
    after: Figures
    carried: float
    rate_moved: bool
    prediction_moved: bool


@dataclass(frozen=True)
class Periods:
    """A split's sums before a change and since.

    Attributes:
        split: Of all days.
        first: Place of the first day since the change.
        quantity: What is explained: "loss" or "bias".
    """

    split: Split
    first: int
    quantity: str

    @cached_property
    def before(self) -> Floats:
        """Cells by sums."""
        return np.asarray(self.split.sums[: self.first].sum(axis=0))

    @cached_property
    def after(self) -> Floats:
        """Cells by sums."""
        return np.asarray(self.split.sums[self.first :].sum(axis=0))

    @cached_property
    def stretches(self) -> Floats:
        """Every stretch of days before that is as long as since the change, or half of before: stretches by cells by sums."""
        days = self.split.sums[: self.first]
        length = stretch_length(self.first, len(self.split.sums) - self.first)
        until = np.concatenate([np.zeros((1, *days.shape[1:])), np.cumsum(days, axis=0)])
        return np.asarray(until[length:] - until[:-length])

    def explained(self, sums: Floats) -> Floats:
        """The sum of the quantity, per cell."""
        return np.asarray(sums @ QUANTITIES[self.quantity])

    def in_stretches(self, figure: Figure) -> Floats:
        """How large a figure is, either way, for each stretch against the other days of before."""
        return np.array([np.abs(figure(one, self.before - one)) for one in self.stretches])

    def usual(self, figure: Figure) -> Floats:
        """The most that a figure is for any stretch."""
        return np.asarray(self.in_stretches(figure).max(axis=0))

    def part(self, cell: int, carried: float) -> Part:
        """A cell in figures."""
        moved = [self.moved(column)[cell] for column in (LABEL, PREDICTED)]
        before, after = (figures(sums[cell], sums[:, ROWS].sum()) for sums in (self.before, self.after))
        return Part(self.split.kind, self.split.name, self.split.cells[cell], before, after, carried, *map(bool, moved))

    def moved(self, column: int) -> Floats:
        """Which cells' means moved more than is usual."""

        def difference(later: Floats, earlier: Floats) -> Floats:
            return means(later, column) - means(earlier, column)

        return np.asarray(np.abs(difference(self.after, self.before)) > self.usual(difference))


def stretch_length(before: int, after: int) -> int:
    """How many days of before are compared with the other ones."""
    return max(1, min(after, before // 2))


def means(sums: Floats, column: int) -> Floats:
    """Mean of each cell; 0 without a row."""
    return np.asarray(sums[..., column] / np.maximum(sums[..., ROWS], 1))


def figures(sums: Floats, rows: float) -> Figures:
    """The sums of a part of so many rows as figures."""
    n = float(sums[ROWS])
    loss, label, prediction = (float(sums[column] / n) if n else None for column in (LOSS, LABEL, PREDICTED))
    return Figures(round(n), n / rows if rows else 0.0, loss, label, prediction)


def quantity_moved(whole: Split, first: int) -> str:
    """The quantity, loss or bias, that is more standard errors of its days away from before.

    Args:
        whole: Any split of all rows.
        first: Place of the first day since the change.
    """
    days = whole.sums.sum(axis=1)

    def standard_errors(quantity: str) -> float:
        daily = days @ QUANTITIES[quantity] / days[:, ROWS]
        before, after = daily[:first], daily[first:]
        spread = np.std(before, ddof=1) if len(before) > 1 else 0.0
        error = spread * np.sqrt(1 / len(before) + 1 / len(after))
        return float(abs(after.mean() - before.mean()) / max(error, 1e-12))

    return max(QUANTITIES, key=standard_errors)


def first_since(days: Sequence[date], change: date) -> int:
    """The place of the first day since a change."""
    return sum(day < change for day in days)
