"""What an evaluation says: measurements with intervals, and the curves behind them."""

from __future__ import annotations

from dataclasses import dataclass

from solvent.kinds.curves import Curves
from solvent.kinds.slices import ALL


@dataclass(frozen=True)
class Measurement:
    """One metric on one slice.

    Attributes:
        slice: Name of the slice column, or "all".
        slice_value: Value of that column as a string, "(missing)" for null, or "all".
        metric: Name of the metric.
        value: Its value, None where it is undefined.
        low: Lower limit of the confidence interval, None where it is undefined.
        high: Upper limit of the confidence interval, None where it is undefined.
        n: Rows in the slice value.
        method: Name of the interval's method, or "undefined: " and the reason.
    """

    slice: str
    slice_value: str
    metric: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str


@dataclass(frozen=True)
class Evaluation:
    """All measurements of one set of predictions, ordered by slice, slice value and metric, "all" first."""

    measurements: list[Measurement]
    curves: Curves

    def measurement(self, metric: str, slice: str = ALL, slice_value: str = ALL) -> Measurement:
        """The one measurement of a metric on a slice value.

        Raises:
            KeyError: If it was not measured.
        """
        for found in self.measurements:
            if (found.metric, found.slice, found.slice_value) == (metric, slice, slice_value):
                return found
        raise KeyError(f"{metric} on {slice}={slice_value}")
