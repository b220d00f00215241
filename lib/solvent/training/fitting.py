"""What Spark does of a training: the search of parameters if one is declared, the fit, and the holdout scored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyspark.ml import PipelineModel

from solvent.config.base import counted
from solvent.config.estimator import Estimator
from solvent.estimators.spark_ml import fit
from solvent.kinds import KINDS
from solvent.training.holdout import Scored, score_holdout
from solvent.training.leaks import leaks
from solvent.training.search import SearchResult, search
from solvent.training.training import Counts, Training, counts_of


@dataclass(frozen=True)
class Fitted:
    """A training's model, not registered yet, how its parameters were chosen, and what to look at in its features."""

    training: Training
    counts: Counts
    search: SearchResult | None
    model: PipelineModel
    scored: Scored
    remarks: tuple[str, ...]

    @property
    def estimator(self) -> Estimator:
        """What was fitted: the training's estimator with the parameters chosen."""
        return chosen(self.training, self.search)


def fit_and_score(training: Training) -> Fitted:
    """All of a training that Spark does."""
    counts = counts_of(training)
    found = searched(training)
    estimator, key = chosen(training, found), training.project.predicted.key
    model = fit(training.train_rows, estimator, training.inputs, key, training.section)
    return Fitted(training, counts, found, model, score_holdout(training, model), tuple(remarks(training, counts)))


def remarks(training: Training, counts: Counts) -> Iterator[str]:
    """What somebody should look at in the features of a training, said once for model and baseline, which have the same."""
    if training.section == "baseline":
        return
    for name, rows in counts.not_numbers.items():
        yield f"feature {name} is NaN in {counted(rows, 'row')}, which count as missing: look at its function"
    kind, of_class = KINDS[training.estimator.kind], (counts.train - counts.train_positives, counts.train_positives)
    by_label: dict[float | None, int] = (
        dict(zip(kind.classes, of_class, strict=True)) if kind.classes else {None: counts.train}
    )
    yield from leaks(training.train_rows, by_label, training.inputs, training.project.predicted.key, kind)


def searched(training: Training) -> SearchResult | None:
    """The search that a training's estimator declares, on its training rows alone; None if it declares none."""
    project = training.project
    return search(
        training.train_rows,
        training.estimator,
        training.inputs,
        project.predicted.key,
        training.windows,
        project.evaluation.threshold,
        training.section,
    )


def chosen(training: Training, found: SearchResult | None) -> Estimator:
    """The estimator of a training with the parameters that a search chose."""
    return training.estimator if found is None else training.estimator.with_params(found.chosen)
