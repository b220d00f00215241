"""Two models on the same rows: how good each is, where their predictions differ, and what they were made from."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from solvent.deployment.canary import Changed, compare_scores
from solvent.evaluation import evaluate_by_day
from solvent.evaluation.comparison import Comparison
from solvent.exploration.pairs import cells_of, examples_of, leads_between, limits_of, scored_by_both
from solvent.jobs.context import Context
from solvent.jobs.trainings import trained_before
from solvent.registry import ModelVersion
from solvent.session import kept
from solvent.training import in_words, require_inputs, unseen


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
            leads=leads_between(after_by_day, before_by_day, measures),
            changed=changes_table(compare_scores(ours, rival, context.project)),
            limits=limits,
            cells=cells_of(both, limits),
            examples=examples_of(both, key),
        )


def changes_table(changed: Sequence[Changed]) -> pd.DataFrame:
    """How predictions change by slice value, as figures that people read."""
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
        for one in changed
    )
