"""Evaluation: every metric on every slice with its interval, in one pass."""

from solvent.evaluation.evaluate import evaluate, evaluate_by_day, measure
from solvent.evaluation.result import Evaluation, Measurement
from solvent.kinds.slices import ALL

__all__ = ["ALL", "Evaluation", "Measurement", "evaluate", "evaluate_by_day", "measure"]
