"""The names of the metrics, and which way of each is better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from solvent.config.base import closest
from solvent.errors import EvaluationError

Kind = Literal["binary", "regression"]

BINARY_METRICS = (
    "auc",
    "average_precision",
    "log_loss",
    "brier",
    "accuracy",
    "precision",
    "recall",
    "f1",
    "calibration_error",
    "prediction_bias",
    "positive_rate",
)
REGRESSION_METRICS = ("rmse", "mae", "r2", "bias")
HIGHER_IS_BETTER = frozenset({"auc", "average_precision", "accuracy", "precision", "recall", "f1", "r2"})
# Zero is best; a deviation to either side is worse.
SIGNED = frozenset({"prediction_bias", "bias"})
# A property of the rows rather than of the model: nothing is better or worse.
DESCRIPTIVE = frozenset({"positive_rate"})
# Metrics whose lead over another model has no interval that is known to hold, and why.
UNPAIRED = {
    "average_precision": "each of its terms depends on the rows of all days; take auc or log_loss",
    "calibration_error": "it counts noise as error, more of it the better a model is calibrated; take log_loss or brier",
    "positive_rate": "it is of the rows, not of the model",
}


def badness(metric: str, value: float) -> float:
    """A number that is lower for the better of two values of a metric."""
    if metric in SIGNED:
        return abs(value)
    return -value if metric in HIGHER_IS_BETTER else value


def require_known(kind: Kind, metrics: Sequence[str]) -> None:
    """Refuses metrics that do not exist for this kind of label.

    Raises:
        EvaluationError: Naming the metric and the one that was probably meant.
    """
    known = BINARY_METRICS if kind == "binary" else REGRESSION_METRICS
    for metric in metrics:
        if metric not in known:
            raise EvaluationError(f"metric '{metric}' does not exist for {kind} labels; {closest(metric, known)}")


def require_paired(metric: str) -> None:
    """Refuses metrics by which two models cannot be compared with a confidence.

    Raises:
        EvaluationError: Saying why, and what to compare instead.
    """
    if metric in UNPAIRED:
        raise EvaluationError(f"the lead in {metric} has no interval: {UNPAIRED[metric]}, or leave confidence out")
