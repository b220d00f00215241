"""From a feature build to a registered model with its manifest.

A training is named by the digest of all that determines the model. It is done once: what a killed run left is found by that name and
completed. The order is: search the parameters if that is declared, fit, score the holdout, measure, log, register; registering is one step,
and makes the training complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from pyspark.ml import PipelineModel

from solvent.evaluation.table import append_evaluation
from solvent.identity import FORMAT, Manifest, calculation_of
from solvent.kinds.slices import ALL
from solvent.registry import ModelVersion
from solvent.session import at_once
from solvent.tables import Warehouse
from solvent.training.fitting import Fitted, fit_and_score
from solvent.training.manifests import append_manifest
from solvent.training.training import Training

if TYPE_CHECKING:
    from solvent.registry import Registry


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
        one.training.key: register_model(warehouse, registry, one, not force) for one in at_once(fit_and_score, missing)
    }
    return [made[one.key] if found is None else (found, None) for one, found in zip(trainings, there, strict=True)]


def register_model(
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
