"""Two models on the same rows: how good each is, where their predictions differ, and what they were made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from solvent.deployment.canary import Changed, compare_scores
from solvent.evaluation import Evaluation, evaluate_by_day
from solvent.exploration.pairs import cells_of, examples_of, limits_of, scored_by_both
from solvent.jobs.context import Context
from solvent.jobs.trainings import trained_before
from solvent.kinds import paired
from solvent.kinds.paired import Lead, lead
from solvent.registry import ModelVersion
from solvent.session import kept
from solvent.training import in_words, require_inputs, unseen


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
        changed: How predictions change from the first to the second, by slice value.
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
    changed: Sequence[Changed]
    limits: tuple[float, float]
    cells: pd.DataFrame
    examples: pd.DataFrame


def compare(context: Context, before: ModelVersion, after: ModelVersion) -> Comparison:
    """Lets two models score the holdout of the second, as far as the first has not learned from it, and compares them; nothing is written.

    Raises:
        EvaluationError: If too little of the holdout is left, or the first needs a feature that the second's features do not have.
    """
    training = unseen(trained_before(context, after), before, context.registry.manifest(before))
    require_inputs(before, context.registry.manifest(before), training.rows.columns)
    key, measures, kind = context.project.predicted.key, context.project.evaluation, training.estimator.kind
    both = scored_by_both(training, context.models.load(before), context.models.load(after))
    ours, rival = both.drop("_before"), both.drop("prediction").withColumnRenamed("_before", "prediction")
    with kept(both):
        (rivals, before_by_day), (own, after_by_day) = (
            evaluate_by_day(scored, kind, measures, key) for scored in (rival, ours)
        )
        limits = limits_of(both, kind)
        return Comparison(
            names=(str(before), str(after)),
            rows=in_words(training),
            kind=kind,
            threshold=measures.threshold,
            metrics=measures.metrics,
            evaluations=(rivals, own),
            leads={
                name: lead(name, after_by_day, before_by_day, confidence=measures.confidence)
                for name in paired(measures.metrics)
            },
            changed=compare_scores(ours, rival, context.project),
            limits=limits,
            cells=cells_of(both, limits),
            examples=examples_of(both, key),
        )


def changes_table(comparison: Comparison) -> pd.DataFrame:
    """How predictions change by slice value: slice, value, rows, mean_change, low, median, high (1, 50 and 99 %), flipped."""
    return pd.DataFrame(
        {
            "slice": one.slice,
            "value": one.slice_value,
            "rows": one.n,
            "mean_change": round(one.mean_change, 4),
            "low": round(one.low, 4),
            "median": round(one.median, 4),
            "high": round(one.high, 4),
            "flipped": f"{one.flipped:.1%}",
        }
        for one in comparison.changed
    )
