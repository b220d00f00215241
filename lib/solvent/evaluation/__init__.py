"""Evaluation: every metric on every slice with its interval, in one pass."""

from solvent.evaluation.evaluate import evaluate
from solvent.evaluation.metrics import BINARY_METRICS, REGRESSION_METRICS, badness, require_known
from solvent.evaluation.result import ALL, MISSING, Curves, Evaluation, Measurement

__all__ = [
    "ALL",
    "BINARY_METRICS",
    "MISSING",
    "REGRESSION_METRICS",
    "Curves",
    "Evaluation",
    "Measurement",
    "badness",
    "evaluate",
    "require_known",
]
