"""Parameters chosen by measuring candidates on later rows than they were fitted on, within the training window alone.

Method: rolling-origin evaluation with an expanding window (Tashman 2000, "Out-of-sample tests of forecasting accuracy: an analysis and
review", International Journal of Forecasting 16:437-450). The training window is cut into spans of equal length. At each cut a candidate
learns what was known then, and is measured on the span that follows: folds drawn at random would let it learn from the future. The holdout
is not touched, so that it stays a fair measure of the parameters chosen.

Every fit is in the canonical layout and every measurement exact, so that the same rows give the same search to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise, product
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from solvent.config.base import Frozen
from solvent.config.estimator import Estimator
from solvent.config.measures import Measures
from solvent.config.windows import Intervals
from solvent.errors import SolventError, TrainingError
from solvent.estimators.spark_ml import Inputs, fit, predict
from solvent.evaluation import measure
from solvent.failure import cause
from solvent.kinds import KINDS, SIGNED, Metric
from solvent.session import SPARK_ERRORS, at_once, kept


class Fold(Frozen):
    """A cut through the training window: what was known before it is learned from, and what comes in [cut, end) is measured."""

    number: int
    cut: datetime
    end: datetime

    @property
    def fitted(self) -> Column:
        """Whether a row was predicted before the cut, and its label available before it."""
        cut = F.lit(self.cut)
        return (F.col("prediction_time") < cut) & (F.col("label_available_time") < cut)

    @property
    def measured(self) -> Column:
        """Whether a row was predicted from the cut to the end."""
        return (F.col("prediction_time") >= F.lit(self.cut)) & (F.col("prediction_time") < F.lit(self.end))

    def __str__(self) -> str:
        """As people name it."""
        return f"search: fold {self.number}, cut at {self.cut:%Y-%m-%d %H:%M} UTC"


class CountedFold(Fold):
    """A fold and its rows."""

    fitted_rows: int
    measured_rows: int


class Candidate(Frozen):
    """The values of the parameters searched, what was measured in each fold, and its mean."""

    params: dict[str, Any]
    values: tuple[float, ...]
    mean: float


class SearchResult(Frozen):
    """A search: what decided, on which folds, between which candidates, and the parameters chosen."""

    metric: str
    folds: tuple[CountedFold, ...]
    candidates: tuple[Candidate, ...]
    chosen: dict[str, Any]


def search(
    rows: DataFrame,
    estimator: Estimator,
    inputs: Inputs,
    key: Sequence[str],
    windows: Intervals,
    threshold: float,
    section: str = "model",
) -> SearchResult | None:
    """Measures every candidate on every fold and chooses the one with the best mean; of equals the first.

    Args:
        rows: The training rows: key, inputs, label DOUBLE, prediction_time; label_available_time before the holdout starts.
        estimator: What is learned, with the search it declares.
        inputs: The feature columns.
        key: The natural key of the rows.
        windows: The training window is [train_start, holdout_start).
        threshold: Predictions at or above it count as positive.
        section: The key of model.yml that declares the estimator, for errors.

    Returns:
        The search, None if the estimator declares none.

    Raises:
        TrainingError: If a fold has nothing to learn or to measure, or a candidate cannot be measured on it; the text names both.
    """
    if estimator.search is None:
        return None
    kind = KINDS[estimator.kind]
    metric = kind.metric(estimator.search.metric or kind.default_metric)
    rows = rows.select(*key, *inputs.names, "label", "prediction_time", "label_available_time")

    def measured(trial: tuple[dict[str, Any], Fold]) -> float:
        params, fold = trial
        try:
            model = fit(rows.where(fold.fitted), estimator.with_params(params), inputs, key, section)
            scored = predict(model, rows.where(fold.measured), estimator.kind, [*key, "label"])
            (one,) = measure(scored, estimator.kind, Measures(metrics=(metric.name,), threshold=threshold), key)
        except (SolventError, *SPARK_ERRORS) as error:
            raise TrainingError(f"{fold}, candidate {written(params)}: {cause(error)}") from None
        if one.value is None:
            raise TrainingError(f"{fold}, candidate {written(params)}: {metric.name} is {one.method}")
        return one.value

    with kept(rows):
        folds = counted(rows, folds_of(windows, estimator.search.folds), estimator.kind)
        trials = list(product(estimator.search.candidates(), folds))
        values = at_once(measured, trials)
    return decided(metric, folds, [params for params, _ in trials], values)


def folds_of(windows: Intervals, number: int) -> list[Fold]:
    """The folds from cutting the training window into one span more than folds, all of equal length."""
    start, length = windows.train_start, windows.holdout_start - windows.train_start
    cuts = [start + length * one / (number + 1) for one in range(1, number + 2)]
    return [Fold(number=at, cut=cut, end=end) for at, (cut, end) in enumerate(pairwise(cuts), start=1)]


def counted(rows: DataFrame, folds: Sequence[Fold], kind: str) -> list[CountedFold]:
    """Counts the rows of all folds in one pass.

    Raises:
        TrainingError: If one has nothing to learn or nothing to measure; the text names it.
    """
    uses = [use for fold in folds for use in (fold.fitted, fold.fitted & (F.col("label") == 1), fold.measured)]
    counts = [int(count) for count in rows.agg(*map(F.count_if, uses)).collect()[0]]
    found = []
    for fold, fitted, positives, measured in zip(folds, counts[::3], counts[1::3], counts[2::3], strict=True):
        if not fitted or not measured:
            what = "was known before" if not fitted else f"follows before {fold.end:%Y-%m-%d %H:%M} UTC"
            raise TrainingError(f"{fold}: no label {what}; set fewer search.folds, or a longer windows.train")
        only = KINDS[kind].only_label(fitted, positives)
        if only is not None:
            raise TrainingError(
                f"{fold}: the {fitted} labels known before are all {only:g}, so that there is nothing to tell "
                "apart; set fewer search.folds, or a longer windows.train"
            )
        found.append(CountedFold(**fold.model_dump(), fitted_rows=fitted, measured_rows=measured))
    return found


def decided(
    metric: Metric, folds: Sequence[CountedFold], tried: Sequence[dict[str, Any]], values: Sequence[float]
) -> SearchResult:
    """The search from what was tried on each fold in turn, candidate by candidate, and the values found."""
    candidates = []
    for at in range(0, len(values), len(folds)):
        found = tuple(values[at : at + len(folds)])
        candidates.append(Candidate(params=tried[at], values=found, mean=mean_of(metric, found)))
    best = min(candidates, key=lambda one: metric.badness(one.mean))
    return SearchResult(metric=metric.name, folds=tuple(folds), candidates=tuple(candidates), chosen=best.params)


def mean_of(metric: Metric, values: Sequence[float]) -> float:
    """The mean over folds; of a bias the mean distance from zero, since folds biased to either side would cancel out."""
    return math.fsum(abs(value) if metric.better == SIGNED else value for value in values) / len(values)


def written(params: Mapping[str, Any]) -> str:
    """Parameters as people write them."""
    return ", ".join(f"{name} {value}" for name, value in params.items())
