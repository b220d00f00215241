"""The curves behind the measurements of all rows."""

from __future__ import annotations

from dataclasses import dataclass


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
class CurveChart:
    """How a curve is shown: a title, the curve by its name in Curves, and a note of what is to be seen."""

    title: str
    curve: str
    note: str
