"""Figures and tables for notebooks: each a function of what exploration found; a notebook shows what it returns."""

from solvent.plots.alarm import causes, deviations, inputs
from solvent.plots.comparison import metrics, predictions, slices
from solvent.plots.data import facts_by_day, label_by_feature, missing_by_day, strength_by_feature
from solvent.plots.row import contributions
from solvent.plots.table import table, tables

__all__ = [
    "causes",
    "contributions",
    "deviations",
    "facts_by_day",
    "inputs",
    "label_by_feature",
    "metrics",
    "missing_by_day",
    "predictions",
    "slices",
    "strength_by_feature",
    "table",
    "tables",
]
