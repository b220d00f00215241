"""What an evaluation says: measurements with intervals, and the curves behind them."""

from __future__ import annotations

from dataclasses import dataclass

ALL = "all"
MISSING = "(missing)"


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
class ThresholdPoint:
    """The confusion rates when scores at or above `threshold` count as positive."""

    threshold: float
    false_positive_rate: float | None
    true_positive_rate: float | None
    precision: float | None


@dataclass(frozen=True)
class CalibrationBin:
    """Rows whose prediction is in [lower, upper): what was promised, and the mean label seen, with its limits; for 0 and 1 it is a rate."""

    lower: float
    upper: float
    mean_prediction: float
    observed: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class HistogramBin:
    """Rows of either class whose prediction is in [lower, upper)."""

    lower: float
    upper: float
    positives: int
    negatives: int


@dataclass(frozen=True)
class Curves:
    """The curves of all rows; a regression has only that of calibration.

    Attributes:
        roc: From (0, 0) to (1, 1); exact points of the empirical curve, thinned. Empty with one class.
        precision_recall: The same thresholds from the highest to the lowest. Empty without a positive.
        calibration: One entry per non-empty bin: of equal width with Wilson limits; for a regression, of about as many rows each with
            Student's.
        histogram: Bins of equal width over [0, 1], including empty ones.
    """

    roc: tuple[ThresholdPoint, ...] = ()
    precision_recall: tuple[ThresholdPoint, ...] = ()
    calibration: tuple[CalibrationBin, ...] = ()
    histogram: tuple[HistogramBin, ...] = ()


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
