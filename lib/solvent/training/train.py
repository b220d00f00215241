"""From a feature build to a registered model with its manifest.

A training is named by the digest of all that determines the model. It is done once: what a killed run left is found by that name and
completed. The order is: fit, score the holdout, measure, log, register; registering is one step, and makes the training complete. The Delta
table manifests is a copy of what the registry holds, for those who query.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

import mlflow
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import digest_of
from solvent.config.estimator import Estimator
from solvent.config.expressions import Column
from solvent.config.model import Intervals, Project
from solvent.errors import EvaluationError, TrainingError
from solvent.evaluation import ALL, Evaluation, evaluate
from solvent.evaluation.table import Subject, append_evaluation, find_evaluation
from solvent.identity import FORMAT, Commit, Manifest
from solvent.registry import ModelVersion, Registry
from solvent.registry.registry import MANIFEST_FILE
from solvent.session import at_once
from solvent.tables.digest import content_of, declarations
from solvent.tables.sources import Pin, source_table
from solvent.tables.warehouse import Warehouse
from solvent.training.fit import Inputs, fit, predict

log = logging.getLogger(__name__)

MANIFESTS = "manifests"
MANIFEST_COLUMNS = (
    Column("manifest_digest", "STRING"),
    Column("model", "STRING"),
    Column("version", "BIGINT"),
    Column("model_digest", "STRING"),
    Column("as_of", "DATE"),
    Column("commit", "STRING"),
    Column("manifest", "STRING"),
)
MLFLOW_TYPES = {
    "bigint": DataType.long,
    "boolean": DataType.boolean,
    "double": DataType.double,
    "int": DataType.integer,
    "string": DataType.string,
}


@dataclass(frozen=True)
class Training:
    """All that determines a model and its evaluation.

    Attributes:
        project: The configuration.
        name: The registered model's name.
        estimator: What is learned.
        inputs: The feature columns.
        types: Feature column -> type.
        rows: The feature build: key, slices, prediction_time, label, label_available_time, features.
        build: The build as JSON values.
        pins: What it was built from.
        as_of: The date the windows are relative to.
        code: Digest of the code.
        commit: Where the code came from.
        environment: What it runs with.
    """

    project: Project
    name: str
    estimator: Estimator
    inputs: Inputs
    types: Mapping[str, str]
    rows: DataFrame
    build: Mapping[str, Any]
    pins: Sequence[Pin]
    as_of: date
    code: str
    commit: Commit
    environment: Mapping[str, str]

    @property
    def windows(self) -> Intervals:
        """The windows at the as-of."""
        return self.project.windows.at(self.as_of)

    @property
    def seen_from(self) -> datetime:
        """The moment of the as-of."""
        return datetime.combine(self.as_of, time(), UTC)

    @property
    def key(self) -> str:
        """The digest that names the training."""
        return digest_of(
            {
                "name": self.name,
                "estimator": self.estimator.model_dump(mode="json"),
                "features": self.build["digest"],
                "inputs": list(self.inputs.names),
                "as_of": self.as_of.isoformat(),
                "windows": self.project.digest("windows"),
                "code": self.code,
                "environment": dict(self.environment),
            }
        )

    @property
    def train_rows(self) -> DataFrame:
        """Rows whose label was available before the holdout starts."""
        windows = self.windows
        return self.rows.where(
            (F.col("prediction_time") >= F.lit(windows.train_start))
            & (F.col("prediction_time") < F.lit(windows.holdout_start))
            & F.col("label").isNotNull()
            & (F.col("label_available_time") < F.lit(windows.holdout_start))
        )

    @property
    def in_holdout(self) -> DataFrame:
        """All rows of the holdout, with a label or without."""
        windows = self.windows
        return self.rows.where(
            (F.col("prediction_time") >= F.lit(windows.holdout_start))
            & (F.col("prediction_time") < F.lit(windows.holdout_end))
        )

    @property
    def holdout_rows(self) -> DataFrame:
        """Rows of the holdout whose label was available before the as-of."""
        known = F.col("label").isNotNull() & (F.col("label_available_time") < F.lit(self.seen_from))
        return self.in_holdout.where(known)

    @property
    def carried(self) -> list[str]:
        """What predictions carry: key, slices and label."""
        return list(dict.fromkeys([*self.project.predicted.key, *self.project.evaluation.slices, "label"]))

    def subject(self, version: int, model_digest: str, name: str | None = None) -> Subject:
        """The evaluation of a model on this training's holdout."""
        pins = [pin.document() for pin in self.pins]
        windows = self.windows
        return Subject(
            name or self.name,
            version,
            model_digest,
            windows.holdout_start,
            windows.holdout_end,
            self.seen_from,
            self.build["digest"],
            pins,
        )


@dataclass(frozen=True)
class Counts:
    """Rows by use, and positive labels (0 for a regression)."""

    train: int
    train_positives: int
    holdout: int
    holdout_positives: int
    never_labelled: int
    not_yet_labelled: int


def counts_of(training: Training) -> Counts:
    """Counts the rows of a training in one pass.

    Raises:
        TrainingError: If there is nothing to learn from.
        EvaluationError: If there is nothing to measure.
    """
    windows, label = training.windows, F.col("label")
    in_train = F.col("prediction_time") < F.lit(windows.holdout_start)
    there = label.isNotNull()
    usable = in_train & there & (F.col("label_available_time") < F.lit(windows.holdout_start))
    due = F.col("label_available_time") < F.lit(training.seen_from)
    row = training.rows.agg(
        F.count_if(usable),
        F.count_if(usable & (label == 1)),
        F.count_if(~in_train & there & due),
        F.count_if(~in_train & there & due & (label == 1)),
        F.count_if(~in_train & ~there & due),
        F.count_if(~in_train & ~due),
    ).collect()[0]
    counts = Counts(*(int(value) for value in row))
    require_classes(training, counts)
    return counts


def require_classes(training: Training, counts: Counts) -> None:
    """Refuses windows without labels, and with one class only."""
    windows = training.windows
    spans = (
        ("train", windows.train_start, windows.holdout_start, counts.train, counts.train_positives, TrainingError),
        (
            "holdout",
            windows.holdout_start,
            windows.holdout_end,
            counts.holdout,
            counts.holdout_positives,
            EvaluationError,
        ),
    )
    for window, start, end, rows, positives, error in spans:
        where = f"the {window} window, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC,"
        if not rows:
            raise error(f"{where} has no row with a label known in time; choose another --as-of, or ingest more data")
        if training.estimator.kind == "binary" and positives in (0, rows):
            only = 1 if positives else 0
            raise error(
                f"{where} has {rows} labels, all of them {only}: with one class there is nothing to tell apart; look at "
                "prediction.label in model.yml, or choose another --as-of"
            )


@dataclass(frozen=True)
class Scored:
    """A fitted model on the holdout: its evaluation, and the digest of its predictions."""

    evaluation: Evaluation
    predictions_digest: str


def score_holdout(training: Training, model: PipelineModel) -> Scored:
    """Scores the holdout once; measures and digests the predictions."""
    kind, measures = training.estimator.kind, training.project.evaluation
    scored = predict(model, training.holdout_rows, kind, training.carried).persist()
    try:
        key = training.project.predicted.key
        found = evaluate(
            scored,
            kind=kind,
            metrics=measures.metrics,
            slices=measures.slices,
            key=key,
            threshold=measures.threshold,
            confidence=measures.confidence,
        )
        names = [*key, "prediction"]
        digest = content_of(scored, names).digest(declarations(scored, names))
    finally:
        scored.unpersist()
    return Scored(found, digest)


@dataclass(frozen=True)
class Fitted:
    """A training's model, not registered yet."""

    training: Training
    counts: Counts
    model: PipelineModel
    scored: Scored


def train(
    warehouse: Warehouse, registry: Registry, trainings: Sequence[Training], force: bool = False
) -> list[tuple[ModelVersion, bool]]:
    """Makes the models of trainings, unless they are there. Models are fitted at the same time, and registered one after the other.

    Args:
        warehouse: The project's tables.
        registry: The project's models.
        trainings: What to make.
        force: Make another version even so.

    Returns:
        For each training the registered version, and whether it was made now.

    Raises:
        TrainingError: If a model cannot be learned from the rows; nothing is registered then.
        EvaluationError: If it cannot be measured.
    """
    there = [None if force else registry.by_training(one.name, one.key) for one in trainings]
    missing = [one for one, found in zip(trainings, there, strict=True) if found is None]
    fitted = {one.training.key: one for one in at_once(fitted_and_scored, missing)}
    made = []
    for training, version in zip(trainings, there, strict=True):
        if version is None:
            made.append((registered(warehouse, registry, fitted[training.key]), True))
        else:
            note(warehouse, version, registry.manifest(version))
            made.append((version, False))
    return made


def fitted_and_scored(training: Training) -> Fitted:
    """All of a training that Spark does."""
    counts = counts_of(training)
    model = fit(training.train_rows, training.estimator, training.inputs, training.project.predicted.key)
    return Fitted(training, counts, model, score_holdout(training, model))


def registered(warehouse: Warehouse, registry: Registry, fitted: Fitted) -> ModelVersion:
    """Logs a model and registers it, which makes its training complete."""
    training, found = fitted.training, fitted.scored.evaluation
    with registry.run(f"{training.name} as of {training.as_of}", training.key) as run_id:
        source, digest = registry.log_model(fitted.model, signature(training), requirements(training))
        ancestor = parent(registry, training.name)
        manifest = manifest_of(training, fitted.counts, digest, fitted.scored, ancestor)
        log_run(warehouse, training, manifest, found)
        made = registry.register(
            training.name, source, run_id, training.key, digest, manifest, training.project.description
        )
    note(warehouse, made, manifest)
    append_evaluation(warehouse, training.subject(made.version, digest), training.project.evaluation, found)
    return made


def evaluation_of(
    warehouse: Warehouse, registry: Registry, training: Training, version: ModelVersion, force: bool = False
) -> tuple[Evaluation, bool]:
    """The evaluation of any registered model on the holdout of a training, and whether it was made now.

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
    scored = score_holdout(training, registry.load(version))
    append_evaluation(warehouse, subject, measures, scored.evaluation)
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


def manifest_of(training: Training, counts: Counts, digest: str, scored: Scored, ancestor: str | None) -> Manifest:
    """The manifest of a fitted model."""
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
            "pins": [pin.document() for pin in training.pins],
            "features": dict(training.build),
            "estimator": {**training.estimator.model_dump(mode="json"), "inputs": list(training.inputs.names)},
            "layout": {"partitions": training.estimator.partitions, "key": list(project.predicted.key)},
            "training": {"rows": counts.train, "positives": counts.train_positives, "key": training.key},
            "holdout": {
                "rows": counts.holdout,
                "positives": counts.holdout_positives,
                "never_labelled": counts.never_labelled,
                "not_yet_labelled": counts.not_yet_labelled,
            },
            "environment": dict(training.environment),
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


def log_run(warehouse: Warehouse, training: Training, manifest: Manifest, found: Evaluation) -> None:
    """Writes parameters, metrics, inputs and manifest to the active run."""
    estimator = training.estimator
    mlflow.log_params(
        {
            "estimator": estimator.estimator,
            "seed": estimator.seed,
            "as_of": training.as_of.isoformat(),
            **{f"params.{name}": value for name, value in estimator.params.items()},
        }
    )
    mlflow.log_metrics(
        {one.metric: one.value for one in found.measurements if one.slice == ALL and one.value is not None}
    )
    mlflow.log_metrics({"train_rows": manifest["training"]["rows"], "holdout_rows": manifest["holdout"]["rows"]})
    for pin in training.pins:
        where = warehouse.location(source_table(pin.source))
        by = {"path": where} if warehouse.tables.path is not None else {"delta_table_name": where}
        source = DeltaDatasetSource(**by, delta_table_version=pin.version, delta_table_id=pin.table_id)
        # MLflow's digests have at most 36 characters.
        dataset: Any = MetaDataset(source, name=pin.source, digest=pin.digest[:36])  # type: ignore[abstract]
        mlflow.log_input(dataset, context="training")
    mlflow.set_tags(
        {
            "solvent.manifest_digest": manifest.digest,
            "solvent.commit": str(training.commit.hash),
            "solvent.dirty": str(training.commit.dirty).lower(),
        }
    )
    mlflow.log_text(manifest.text, MANIFEST_FILE)


def signature(training: Training) -> ModelSignature:
    """What the model takes and gives."""
    inputs = Schema(
        [ColSpec(MLFLOW_TYPES[training.types[name]], name, required=False) for name in training.inputs.names]
    )
    return ModelSignature(inputs, Schema([ColSpec(DataType.double, "prediction")]))


def requirements(training: Training) -> list[str]:
    """What loading the model takes, without MLflow's costly inference."""
    return [f"{library}=={training.environment[library]}" for library in ("mlflow", "numpy", "pyspark")]


def note(warehouse: Warehouse, version: ModelVersion, manifest: Manifest) -> None:
    """Enters a manifest into the Delta table; once, however often it is called."""
    warehouse.create(MANIFESTS, MANIFEST_COLUMNS)
    known = warehouse.read(MANIFESTS).where((F.col("model") == version.name) & (F.col("version") == version.version))
    if known.limit(1).collect():
        return
    as_of = date.fromisoformat(manifest["as_of"])
    row = (
        manifest.digest,
        version.name,
        version.version,
        version.digest,
        as_of,
        manifest["commit"]["hash"],
        manifest.text,
    )
    warehouse.append_rows(MANIFESTS, [row], MANIFEST_COLUMNS, digest_of([version.name, version.version]))
