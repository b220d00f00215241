"""Two models on the same rows: how good each is, and where their predictions differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from solvent.evaluation.result import Evaluation
from solvent.kinds.paired import Lead

# Of equal width over the predictions of both.
BINS = 40


@dataclass(frozen=True)
class Comparison:
    """Two models on the rows of one holdout.

    Attributes:
        names: Of both, as figures call them.
        rows: The days that both are measured on, in words.
        kind: Of what they predict.
        threshold: At or above it a prediction counts as positive.
        metrics: In the order of model.yml.
        evaluations: Of both.
        leads: Metric -> how far the second is ahead, of those metrics for which that has an interval.
        changed: How predictions change from the first to the second: slice, value, rows, mean_change, low, median, high (1, 50 and 99 %),
            flipped.
        limits: The least and the largest prediction of either.
        cells: first, second (numbers of bins, from the least prediction), rows; no row for an empty cell.
        examples: The rows whose predictions differ most: key, label, both predictions.
    """

    names: tuple[str, str]
    rows: str
    kind: str
    threshold: float
    metrics: Sequence[str]
    evaluations: tuple[Evaluation, Evaluation]
    leads: Mapping[str, Lead]
    changed: pd.DataFrame
    limits: tuple[float, float]
    cells: pd.DataFrame
    examples: pd.DataFrame
