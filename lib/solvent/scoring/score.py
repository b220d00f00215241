"""Scoring: predictions of a registered model for the rows of an interval, appended once, with what they were made from.

Features come from the functions and sources that training uses. A batch is one model on one interval with one set of pins; what it
finds scored by the same model before, it leaves, so that an interval may be scored again when late facts have come, and every row has
one prediction of a model, also where runs come at the same time (solvent.scoring.batches). Predictions of another model are added beside,
and replace nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import partial

from pyspark.ml import PipelineModel
from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import digest_of
from solvent.config.expressions import Column, taken_by
from solvent.config.project import Project
from solvent.errors import FeatureError
from solvent.estimators.spark_ml import predict
from solvent.features import Feature, FeatureGroup
from solvent.features.builds import FeatureBuild, read_build
from solvent.features.columns import columns_of, declared
from solvent.features.profile import append_profile, cell_counts, reference_of
from solvent.features.table import featured, predicted_within, read_once
from solvent.identity import Manifest
from solvent.kinds import KINDS
from solvent.registry import ModelVersion, Registry
from solvent.scoring.batches import BATCHES, Claim, Interval, ScoreBatch, append_batch, batch_name, claimed, find_batch
from solvent.session import kept
from solvent.sources.pins import read_sources
from solvent.tables import Warehouse, contents_of, declarations, row_hash
from solvent.training import require_inputs

MODEL_COLUMNS = (
    Column("prediction", "DOUBLE"),
    Column("features_hash", "BIGINT"),
    Column("model", "STRING"),
    Column("model_version", "BIGINT"),
    Column("model_digest", "STRING"),
    Column("batch", "STRING"),
)


def prediction_columns(project: Project, groups: Sequence[FeatureGroup]) -> list[Column]:
    """The columns of a table of predictions: key, slices, prediction_time, prediction, and whose prediction it is.

    Raises:
        FeatureError: If a key or slice has the name of one of the latter.
    """
    kept = {*project.predicted.key, *project.evaluation.slices, "prediction_time"}
    own = [column.name for column in MODEL_COLUMNS]
    if taken := [name for name in sorted(kept) if taken_by(name, own)]:
        raise FeatureError(
            f"column {taken[0]}: predictions have one of this name; land the key or slice by another one"
        )
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
    load: Callable[[ModelVersion], PipelineModel],
) -> tuple[ScoreBatch, bool]:
    """Scores the rows of an interval, unless it was done.

    Args:
        warehouse: The project's tables.
        registry: The project's models.
        project: Declares rows and sources.
        groups: Its feature groups.
        version: The model.
        interval: Which rows, and the sources to build their features from.
        code: Digest of the code, for the ledger.
        load: Gives the model of a version, whose files were verified by digest.

    Returns:
        The batch, and whether it was made now.

    Raises:
        EvaluationError: If the model needs a feature that the groups do not give.
        IntegrityError: If the model's files are not what was registered.
    """
    name = batch_name(version, interval)
    if (there := find_batch(warehouse, name)) is not None:
        return there, False
    require_inputs(version, registry.manifest(version), [column.name for column in columns_of(project, groups)])
    table = predictions_table(project, groups)
    warehouse.create(table, prediction_columns(project, groups))
    mine, waiting = claimed(warehouse, version, interval, table)
    for one in waiting:
        if one.overlaps(mine) or appended(warehouse, one):
            # It may be that of another version with the same digest.
            whose = registry.find(one.model, str(one.model_version))
            complete(warehouse, registry, project, groups, whose, one, code, load)
    (made,) = BATCHES.rows(warehouse, batch=name)
    return made, True


def appended(warehouse: Warehouse, claim: Claim) -> bool:
    """Whether predictions of a claim are there."""
    within = predicted_within(claim.interval.since, claim.interval.until)
    return not warehouse.read(claim.table).where(within & (F.col("batch") == claim.batch)).isEmpty()


def complete(
    warehouse: Warehouse,
    registry: Registry,
    project: Project,
    groups: Sequence[FeatureGroup],
    version: ModelVersion,
    claim: Claim,
    code: str,
    load: Callable[[ModelVersion], PipelineModel],
) -> None:
    """Scores the rows of a claim that have no prediction of its model yet, whatever part of that was done before."""
    started = time.monotonic()
    name, interval, table = claim.batch, claim.interval, claim.table
    manifest, columns = registry.manifest(version), prediction_columns(project, groups)
    predicted = partial(predict, load(version), kind=project.model.kind)
    key, features = list(project.predicted.key), [feature.name for feature in declared(groups)]
    carried = dict.fromkeys([*(column.name for column in columns if column not in MODEL_COLUMNS), *features])
    sound, new = scorable(project), F.col("_before").isNull()
    with ExitStack() as within:
        sources = read_sources(warehouse, project, interval.pins)
        once = within.enter_context(read_once(project, groups, sources, interval.since, interval.until))
        rows = predicted(feature_rows(project, groups, once, interval.since, interval.until), carried=[*carried])
        rows = rows.withColumn("features_hash", row_hash(rows, features))
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
        **{"batch": name, "sequence": claim.sequence, **vars(version.key), "manifest_digest": manifest.digest},
        since=interval.since, until=interval.until, pins=interval.pins, code=code, features_digest=digest,
        table=table, version=warehouse.brought(table, name).version, rows=content.rows,
        scored_before=int(str(already)), unscored=int(str(unscored)), seconds=time.monotonic() - started,
        scored_at=datetime.now(UTC),
    )  # fmt: skip
    append_batch(warehouse, found)


def of_model(made: DataFrame, version: ModelVersion, batch: str) -> DataFrame:
    """Adds whose predictions they are."""
    whose = {"model": version.name, "model_digest": version.digest, "batch": batch}
    mine = made.withColumns({column: F.lit(value) for column, value in whose.items()})
    return mine.withColumn("model_version", F.lit(version.version).cast("bigint"))


def read_predictions(
    warehouse: Warehouse,
    project: Project,
    groups: Sequence[FeatureGroup],
    version: ModelVersion,
    since: datetime,
    until: datetime,
) -> DataFrame:
    """What a version predicted for an interval of prediction times: key, slices, prediction_time, prediction."""
    return warehouse.read(predictions_table(project, groups)).where(scored_by(version, since, until))


def unseen_predictions(
    warehouse: Warehouse, project: Project, groups: Sequence[FeatureGroup], version: ModelVersion, manifest: Manifest
) -> DataFrame:
    """What a version predicted of rows that it has not learned from: of others it tells nothing of how good it is."""
    unseen = F.col("prediction_time") >= F.lit(manifest.windows.holdout_start)
    return warehouse.read(predictions_table(project, groups)).where((F.col("model_digest") == version.digest) & unseen)


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


def feature_rows(
    project: Project, groups: Sequence[FeatureGroup], sources: Mapping[str, DataFrame], since: datetime, until: datetime
) -> DataFrame:
    """Key, slices, prediction_time and features of the rows of an interval; no label."""
    return featured(project, groups, sources, since, until).drop("label", "label_available_time")


def scorable(project: Project) -> Expression:
    """Whether a prediction is what it should be."""
    return KINDS[project.model.kind].valid_prediction(F.col("prediction"))
