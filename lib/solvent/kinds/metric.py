"""What the suite knows of a metric, in one entry: tables, gates, plots, pages and words take it from there."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from solvent.kinds.intervals import Interval, undefined

Floats = NDArray[np.float64]
Sums = Mapping[str, Floats]
Value = tuple[float | None, Interval]

# Which of two values is the better; of a signed metric a deviation to either side is worse, and one that describes the rows rather than
# the model has no better value.
MORE, LESS, SIGNED, DESCRIPTIVE = "more is better", "less is better", "best at 0", ""
SHARE, NOT_NEGATIVE = (0.0, 1.0), (0.0, math.inf)
# What monitoring judges of the share of a label: its logarithm.
LABEL_RATE = "log_label_rate"


@dataclass(frozen=True)
class Metric:
    """One metric of a kind.

    Attributes:
        name: In model.yml and tables.
        title: On pages and in figures.
        better: MORE, LESS, SIGNED or DESCRIPTIVE.
        measure: The value on a slice value, from its tally, and the confidence interval with the name of its method.
        sums: The sums by day that `by_day` reads.
        by_day: The value from sums over any rows, of which there may be many at once; None where rows of all days are ranked together.
        unpaired: Why no interval of a lead is known to hold, and what to compare by instead; None if one is.
        lead: The lead and its interval from both models' sums by day, where it is not by drawing days.
        range: The least and the greatest value that there can be.
        judged_as: What monitoring judges in its stead; None for the metric itself.
    """

    name: str
    title: str
    better: str
    measure: Callable[[Any, float], Value]
    sums: tuple[str, ...] = ()
    by_day: Callable[[Sums], Floats] | None = None
    unpaired: str | None = None
    lead: Callable[[Sums, Sums, float], Value] | None = None
    range: tuple[float, float] = (-math.inf, math.inf)
    judged_as: str | None = None

    def badness(self, value: float) -> float:
        """A number that is lower for the better of two values."""
        if self.better == SIGNED:
            return abs(value)
        return -value if self.better == MORE else value


def no_value(reason: str) -> Value:
    """A metric without a value, and why."""
    return None, undefined(reason)
