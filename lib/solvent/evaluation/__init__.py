"""Evaluation: every metric on every slice with its interval, in one pass; and the lead of one model over another."""

from solvent.evaluation.evaluate import evaluate, evaluate_by_day, measure
from solvent.evaluation.metrics import BINARY_METRICS, REGRESSION_METRICS, badness, require_known, require_paired
from solvent.evaluation.paired import DaySums, Lead, daily, day_sums, lead, require_daily
from solvent.evaluation.result import ALL, MISSING, Curves, Evaluation, Measurement

__all__ = [
    "ALL",
    "BINARY_METRICS",
    "MISSING",
    "REGRESSION_METRICS",
    "Curves",
    "DaySums",
    "Evaluation",
    "Lead",
    "Measurement",
    "badness",
    "daily",
    "day_sums",
    "evaluate",
    "evaluate_by_day",
    "lead",
    "measure",
    "require_daily",
    "require_known",
    "require_paired",
]
