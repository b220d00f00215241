"""Scoring: predictions of a registered model for the rows of an interval, appended once, with what they were made from.

Features come from the functions and sources that training uses. A batch is one model on one interval with one set of pins; what it
finds scored by the same model before, it leaves, so that an interval may be scored again when late facts have come, and every row has
one prediction of a model. Predictions of another model are added beside, and replace nothing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import digest_of
from solvent.config.expressions import Column
from solvent.config.model import Project
from solvent.features import Feature, FeatureGroup
from solvent.features.profile import append_profile, cell_counts, reference_of
from solvent.features.table import (
    FeatureBuild,
    columns_of,
    declared,
    featured,
    predicted_within,
    read_build,
    read_once,
)
from solvent.identity import Manifest
from solvent.registry import ModelVersion, Registry
from solvent.session import kept
from solvent.tables.digest import contents_of, declarations, row_hash
from solvent.tables.sources import Pin, read_sources
from solvent.tables.warehouse import Warehouse
from solvent.training import predict, require_inputs

BATCHES = "score_batches"
BATCH_COLUMNS = (
    Column("batch", "STRING"),
    Column("sequence", "BIGINT"),
    Column("model", "STRING"),
    Column("model_version", "BIGINT"),
    Column("model_digest", "STRING"),
    Column("manifest_digest", "STRING"),
    Column("since", "TIMESTAMP"),
    Column("until", "TIMESTAMP"),
    Column("pins", "STRING"),
    Column("code", "STRING"),
    Column("features_digest", "STRING"),
    Column("table", "STRING"),
    Column("version", "BIGINT"),
    Column("rows", "BIGINT"),
    Column("scored_before", "BIGINT"),
    Column("unscored", "BIGINT"),
    Column("seconds", "DOUBLE"),
    Column("scored_at", "TIMESTAMP"),
)
MODEL_COLUMNS = (
    Column("prediction", "DOUBLE"),
    Column("features_hash", "BIGINT"),
    Column("model", "STRING"),
    Column("model_version", "BIGINT"),
    Column("model_digest", "STRING"),
    Column("batch", "STRING"),
)


@dataclass(frozen=True)
class ScoreBatch:
    """What became of the rows of an interval: rows found = rows + scored_before + unscored.

    Attributes:
        batch: Digest that names it.
        model: Registered name.
        model_version: Its version.
        model_digest: Its digest.
        since: First prediction time.
        until: Prediction times are before it.
        pins: What features were built from.
        features_digest: Digest of the content of key and features of the rows scored.
        table: Where predictions are.
        version: Version of the table that brought them.
        rows: Rows scored.
        scored_before: Rows that had a prediction of this model.
        unscored: Rows for which the model gave no probability, or no finite number.
        seconds: How long it took.
    """

    batch: str
    model: str
    model_version: int
    model_digest: str
    since: datetime
    until: datetime
    pins: tuple[Pin, ...]
    features_digest: str
    table: str
    version: int
    rows: int
    scored_before: int
    unscored: int
    seconds: float


@dataclass(frozen=True)
class Interval:
    """What to score: prediction times in [since, until), with sources at pins."""

    since: datetime
    until: datetime
    pins: tuple[Pin, ...]


def prediction_columns(project: Project, groups: Sequence[FeatureGroup]) -> list[Column]:
    """The columns of a table of predictions: key, slices, prediction_time, prediction, and whose prediction it is."""
    kept = {*project.predicted.key, *project.evaluation.slices, "prediction_time"}
    return [*(one for one in columns_of(project, groups) if one.name in kept), *MODEL_COLUMNS]


def predictions_table(project: Project, groups: Sequence[FeatureGroup]) -> str:
    """The table of predictions with a project's key and slices."""
    return f"predictions_{digest_of([column.ddl for column in prediction_columns(project, groups)])[:12]}"


def score(
    warehouse: Warehouse,
    registry: Registry,
    project: Project,
    groups: Sequence[FeatureGroup],
    version: ModelVersion,
    interval: Interval,
    code: str,
) -> tuple[ScoreBatch, bool]:
    """Scores the rows of an interval, unless it was done.

    Args:
        warehouse: The project's tables.
        registry: The project's models.
        project: Declares rows and sources.
        groups: Its feature groups.
        version: The model; its files are verified by digest.
        interval: Which rows, and the sources to build their features from.
        code: Digest of the code, for the ledger.

    Returns:
        The batch, and whether it was made now.

    Raises:
        EvaluationError: If the model needs a feature that the groups do not give.
        IntegrityError: If the model's files are not what was registered.
    """
    name = batch_name(version, interval)
    there = find_batch(warehouse, name)
    if there is not None:
        return there, False
    started = time.monotonic()
    manifest = registry.manifest(version)
    require_inputs(version, manifest, [column.name for column in columns_of(project, groups)])
    table, columns = predictions_table(project, groups), prediction_columns(project, groups)
    predicted = partial(predict, registry.load(version), kind=project.model.kind)
    key, features = list(project.predicted.key), [feature.name for feature in declared(groups)]
    carried = dict.fromkeys([*(column.name for column in columns if column not in MODEL_COLUMNS), *features])
    sound, new = scorable(project), F.col("_before").isNull()
    with ExitStack() as within:
        sources = read_sources(warehouse, project, interval.pins)
        once = within.enter_context(read_once(project, groups, sources, interval.since, interval.until))
        rows = predicted(feature_rows(project, groups, once, interval.since, interval.until), carried=[*carried])
        rows = rows.withColumn("features_hash", row_hash(rows, features))
        warehouse.create(table, columns)
        before = warehouse.read(table).where(
            scored_by(version, interval.since, interval.until) & (F.col("batch") != name)
        )
        rows = rows.join(before.select(*key, F.lit(True).alias("_before")), key, "left")
        scored = within.enter_context(kept(rows))
        content, (already, unscored) = contents_of(
            scored, [*key, *features], F.count_if(~new), F.count_if(new & ~sound), among=new & sound
        )
        digest = content.digest(declarations(scored, [*key, *features]))
        made = scored.where(new & sound)
        warehouse.append(table, of_model(made, version, name).select(*(column.name for column in columns)), name)
        describe(warehouse, groups, version, manifest, predicted, made, name)
    found = ScoreBatch(
        name, version.name, version.version, version.digest, interval.since, interval.until, interval.pins,
        digest, table, warehouse.brought(table, name).version, content.rows, int(str(already)), int(str(unscored)),
        time.monotonic() - started,
    )  # fmt: skip
    note(warehouse, found, manifest.digest, code)
    return found, True


def of_model(made: DataFrame, version: ModelVersion, batch: str) -> DataFrame:
    """Adds whose predictions they are."""
    whose = {"model": version.name, "model_digest": version.digest, "batch": batch}
    mine = made.withColumns({column: F.lit(value) for column, value in whose.items()})
    return mine.withColumn("model_version", F.lit(version.version).cast("bigint"))


def scored_by(version: ModelVersion, since: datetime, until: datetime) -> Expression:
    """Whether a prediction is of a model, and of an interval."""
    return predicted_within(since, until) & (F.col("model_digest") == version.digest)


def describe(
    warehouse: Warehouse,
    groups: Sequence[FeatureGroup],
    version: ModelVersion,
    manifest: Manifest,
    predicted: Callable[..., DataFrame],
    made: DataFrame,
    batch: str,
) -> None:
    """Appends how the features that a model uses, and its predictions, are distributed over the rows of a batch, by day."""
    described = described_of(groups, manifest)
    used = described[:-1]

    def trained_on() -> DataFrame:
        start = F.lit(manifest["windows"]["holdout_start"]).cast("timestamp")
        rows = read_build(warehouse, FeatureBuild(**manifest["features"])).where(F.col("prediction_time") < start)
        return predicted(rows, carried=[*(feature.name for feature in used), "prediction_time"])

    references = reference_of(warehouse, version.digest, trained_on, described)
    append_profile(warehouse, version.digest, batch, cell_counts(made, references, described))


def described_of(groups: Sequence[FeatureGroup], manifest: Manifest) -> list[Feature]:
    """What is described of a model by day: the features it uses, and last its prediction."""
    used = [feature for feature in declared(groups) if feature.name in manifest["estimator"]["inputs"]]
    return [*used, Feature("prediction", "double", "What the model predicts")]


def batch_name(version: ModelVersion, interval: Interval) -> str:
    """The digest that names a batch."""
    pins = [[pin.source, pin.digest] for pin in interval.pins]
    return digest_of([version.name, version.digest, interval.since.isoformat(), interval.until.isoformat(), pins])


def feature_rows(
    project: Project, groups: Sequence[FeatureGroup], sources: Mapping[str, DataFrame], since: datetime, until: datetime
) -> DataFrame:
    """Key, slices, prediction_time and features of the rows of an interval; no label."""
    return featured(project, groups, sources, since, until).drop("label", "label_available_time")


def scorable(project: Project) -> Expression:
    """Whether a prediction is what it should be."""
    value = F.col("prediction")
    if project.model.kind == "binary":
        return F.coalesce(value.between(0.0, 1.0), F.lit(False))
    return F.coalesce(~F.isnan(value) & (F.abs(value) < F.lit(float("inf"))), F.lit(False))


def note(warehouse: Warehouse, made: ScoreBatch, manifest: str, code: str) -> None:
    """Enters a batch into the ledger, which completes it."""
    warehouse.create(BATCHES, BATCH_COLUMNS)
    pins = json.dumps([pin.document() for pin in made.pins])
    row = (
        *(made.batch, len(warehouse.rows(BATCHES)) + 1, made.model, made.model_version, made.model_digest, manifest),
        *(made.since, made.until, pins, code, made.features_digest, made.table, made.version),
        *(made.rows, made.scored_before, made.unscored, made.seconds, datetime.now(UTC)),
    )
    warehouse.append_rows(BATCHES, [row], BATCH_COLUMNS, made.batch)


def batches(warehouse: Warehouse, model_digest: str) -> list[ScoreBatch]:
    """The complete batches of a model, from the first."""
    rows = warehouse.rows(BATCHES, model_digest=model_digest)
    return [batch_from(row) for row in sorted(rows, key=lambda row: row["sequence"])]


def find_batch(warehouse: Warehouse, name: str) -> ScoreBatch | None:
    """A complete batch, if there is one of that name."""
    return next((batch_from(row) for row in warehouse.rows(BATCHES, batch=name)), None)


def batch_from(row: Mapping[str, Any]) -> ScoreBatch:
    """A batch as the ledger has it."""
    values = {name: row[name] for name in ScoreBatch.__dataclass_fields__}
    return ScoreBatch(**{**values, "pins": tuple(Pin(**pin) for pin in json.loads(row["pins"]))})


@dataclass(frozen=True)
class Skew:
    """A row whose features, built again from the sources as they were, are not those it was scored with."""

    batch: str
    key: tuple[object, ...]
    found: bool


def skew_of(
    warehouse: Warehouse, project: Project, groups: Sequence[FeatureGroup], batch: ScoreBatch, most: int = 100
) -> tuple[int, list[Skew]]:
    """Builds the features of a batch again from its pins, and compares them row by row with those used.

    Returns:
        How many rows differ, and at most so many of them; found is False for a row that is not built any more.
    """
    key = list(project.predicted.key)
    within = predicted_within(batch.since, batch.until)
    used = warehouse.read(batch.table).where(within & (F.col("batch") == batch.batch))
    with ExitStack() as stack:
        sources = read_sources(warehouse, project, batch.pins)
        once = stack.enter_context(read_once(project, groups, sources, batch.since, batch.until))
        rows = feature_rows(project, groups, once, batch.since, batch.until)
        again = rows.select(*key, row_hash(rows, [feature.name for feature in declared(groups)]).alias("_again"))
        differs = ~F.col("features_hash").eqNullSafe(F.col("_again"))
        differing = stack.enter_context(kept(used.join(again, key, "left").where(differs)))
        examples = differing.orderBy(*key).limit(most).select(*key, F.col("_again").isNotNull().alias("_found"))
        skewed = [Skew(batch.batch, tuple(row[:-1]), row[-1]) for row in examples.collect()]
        return (differing.count() if len(skewed) == most else len(skewed)), skewed
