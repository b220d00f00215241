"""From a feature build to a registered model with its manifest.

A training is named by the digest of all that determines the model. It is done once: what a killed run left is found by that name and
completed. The order is: search the parameters if that is declared, fit, score the holdout, measure, log, register; registering is one step,
and makes the training complete.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame

from solvent.config.base import counted
from solvent.config.estimator import Estimator
from solvent.errors import EvaluationError
from solvent.estimators.spark_ml import fit, predict
from solvent.evaluation import Evaluation, evaluate_by_day
from solvent.evaluation.table import append_evaluation, find_evaluation
from solvent.identity import FORMAT, Manifest, calculation_of
from solvent.kinds import KINDS
from solvent.kinds.paired import DaySums
from solvent.kinds.slices import ALL
from solvent.registry import ModelVersion
from solvent.session import at_once, kept
from solvent.tables import Warehouse, content_of, declarations
from solvent.training.leaks import leaks
from solvent.training.manifests import append_manifest
from solvent.training.search import SearchResult, search
from solvent.training.training import Counts, Training, counts_of

if TYPE_CHECKING:
    from solvent.registry import Registry


@dataclass(frozen=True)
class Scored:
    """A fitted model on the holdout: its evaluation, its sums by day, and the digest of its predictions."""

    evaluation: Evaluation
    days: DaySums
    predictions_digest: str


def score_holdout(training: Training, model: PipelineModel) -> Scored:
    """Scores the holdout once; measures and digests the predictions."""
    kind, key, measures = training.estimator.kind, training.project.predicted.key, training.project.evaluation
    carried = [*dict.fromkeys([*training.carried, "prediction_time"])]
    with kept(predict(model, training.holdout_rows, kind, carried)) as scored:
        found, days = evaluate_by_day(scored, kind, measures, key)
        names = [*key, "prediction"]
        digest = content_of(scored, names).digest(declarations(scored, names))
    return Scored(found, days, digest)


def predict_holdout(training: Training, model: PipelineModel, features: Sequence[str] = ()) -> DataFrame:
    """What a model predicts on the holdout of a training: key, slices, label, prediction_time, and the features asked for."""
    carried = [*dict.fromkeys([*training.carried, *features, "prediction_time"])]
    return predict(model, training.holdout_rows, training.estimator.kind, carried)


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


def train(
    warehouse: Warehouse, registry: Registry, trainings: Sequence[Training], force: bool = False
) -> list[tuple[ModelVersion, PipelineModel | None]]:
    """Makes the models of trainings, unless they are there. They are fitted at the same time, and registered one after the other.

    Args:
        warehouse: The project's tables.
        registry: The project's models.
        trainings: What to make.
        force: Make another version even so.

    Returns:
        For each training the registered version, and its model if it was made now.

    Raises:
        TrainingError: If a model cannot be learned from the rows; nothing is registered then.
        EvaluationError: If it cannot be measured.
    """
    there = [None if force else registry.by_training(one.name, one.key) for one in trainings]
    for version in filter(None, there):
        append_manifest(warehouse, version, registry.manifest(version))
    missing = [one for one, found in zip(trainings, there, strict=True) if found is None]
    # One after the other: MLflow fails where two runs tell of the same new data at once.
    made = {
        one.training.key: registered(warehouse, registry, one, not force) for one in at_once(fitted_and_scored, missing)
    }
    return [made[one.key] if found is None else (found, None) for one, found in zip(trainings, there, strict=True)]


def fitted_and_scored(training: Training) -> Fitted:
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


def registered(
    warehouse: Warehouse, registry: Registry, fitted: Fitted, once: bool = True
) -> tuple[ModelVersion, PipelineModel | None]:
    """Logs a model and registers it, which makes its training complete, unless a run at the same time has; the model if this one has.

    Args:
        warehouse: The project's tables.
        registry: The project's models.
        fitted: The model.
        once: Make no second version of the training.
    """
    # Imported only here, as Registry is by solvent.registry.
    from solvent.training.tracking import log_run, requirements, signature

    training, found = fitted.training, fitted.scored.evaluation
    with registry.run(f"{training.name} as of {training.as_of}", training.key) as run_id:
        source, digest = registry.log_model(fitted.model, signature(training), requirements(training))
        ancestor = parent(registry, training.name)
        # Asked once it is fitted, when all executors that took part have come.
        manifest = manifest_of(fitted, calculation_of(warehouse.spark), digest, ancestor)
        log_run(warehouse, training, fitted.estimator, found, manifest)
        made = registry.register(
            training.name, source, run_id, training.key, digest, manifest, training.project.description, once
        )
    mine = made.run_id == run_id
    append_manifest(warehouse, made, manifest if mine else registry.manifest(made))
    subject, measures = training.subject(made.version, digest), training.project.evaluation
    append_evaluation(warehouse, subject, measures, found, fitted.scored.days)
    return made, fitted.model if mine else None


def evaluation_of(
    warehouse: Warehouse,
    registry: Registry,
    training: Training,
    version: ModelVersion,
    load: Callable[[ModelVersion], PipelineModel],
    force: bool = False,
) -> tuple[Evaluation, bool]:
    """The evaluation of any registered model on the holdout of a training, and whether it was made now.

    Args:
        warehouse: The project's tables.
        registry: The project's models.
        training: Whose holdout.
        version: What is evaluated.
        load: Gives the model of a version, verified.
        force: Measure it even if it was measured before.

    Raises:
        EvaluationError: If the model needs a column that the build does not have.
        IntegrityError: If the model's files are not what was registered.
    """
    measures = training.project.evaluation
    subject = training.subject(version.version, version.digest, version.name)
    found = None if force else find_evaluation(warehouse, subject, measures)
    if found is not None:
        return found, False
    require_inputs(version, registry.manifest(version), training.rows.columns)
    scored = score_holdout(training, load(version))
    append_evaluation(warehouse, subject, measures, scored.evaluation, scored.days)
    return scored.evaluation, True


def require_inputs(version: ModelVersion, manifest: Manifest, columns: Sequence[str]) -> None:
    """Refuses a model that needs a feature which is not there any more.

    Raises:
        EvaluationError: Naming the feature.
    """
    lacking = [name for name in manifest["estimator"]["inputs"] if name not in columns]
    if lacking:
        raise EvaluationError(
            f"{version} needs the feature {lacking[0]}, which the feature groups of model.yml do not give; train a model on "
            "the present features, or go back to the code of its commit"
        )


def manifest_of(
    fitted: Fitted, calculation: Mapping[str, Mapping[str, str]], digest: str, ancestor: str | None
) -> Manifest:
    """The manifest of a fitted model."""
    training, counts, scored = fitted.training, fitted.counts, fitted.scored
    windows, project = training.windows, training.project
    overall = {one.metric: one.value for one in scored.evaluation.measurements if one.slice == ALL}
    return Manifest(
        {
            "format": FORMAT,
            "project": project.project,
            "model": training.name,
            "as_of": training.as_of.isoformat(),
            "windows": windows.model_dump(mode="json"),
            "commit": {"hash": training.commit.hash, "branch": training.commit.branch, "dirty": training.commit.dirty},
            "configuration": {"digest": project.digest(), "resolved": project.resolved()},
            "code": training.code,
            "functions": dict(training.functions),
            "pins": [pin.document() for pin in training.pins],
            "features": dict(training.build),
            "estimator": {**fitted.estimator.model_dump(mode="json"), "inputs": list(training.inputs.names)},
            "search": None if fitted.search is None else fitted.search.model_dump(mode="json"),
            "layout": {"partitions": training.estimator.partitions, "key": list(project.predicted.key)},
            "training": {"rows": counts.train, "positives": counts.train_positives, "key": training.key},
            "remarks": list(fitted.remarks),
            "holdout": {
                "rows": counts.holdout,
                "positives": counts.holdout_positives,
                "never_labelled": counts.never_labelled,
                "not_yet_labelled": counts.not_yet_labelled,
            },
            "environment": dict(training.environment),
            "calculation": dict(calculation),
            "model_digest": digest,
            "predictions_digest": scored.predictions_digest,
            "metrics": overall,
            "parent": ancestor,
        }
    )


def parent(registry: Registry, name: str) -> str | None:
    """The manifest of the latest version before this one."""
    before = registry.versions(name)
    return before[-1].manifest_digest if before else None
