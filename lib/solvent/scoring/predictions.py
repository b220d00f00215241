"""The table of predictions: its columns, the rows that get one, and what is read of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import digest_of
from solvent.config.expressions import Column, taken_by
from solvent.config.project import Project
from solvent.errors import FeatureError
from solvent.features import FeatureGroup
from solvent.features.columns import columns_of
from solvent.features.table import predicted_within
from solvent.kinds import KINDS
from solvent.registry import ModelVersion
from solvent.tables import Warehouse

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


def scorable(project: Project) -> Expression:
    """Whether a prediction is what it should be."""
    return KINDS[project.model.kind].valid_prediction(F.col("prediction"))


def of_model(made: DataFrame, version: ModelVersion, batch: str) -> DataFrame:
    """Adds whose predictions they are."""
    whose = {"model": version.name, "model_digest": version.digest, "batch": batch}
    mine = made.withColumns({column: F.lit(value) for column, value in whose.items()})
    return mine.withColumn("model_version", F.lit(version.version).cast("bigint"))


def scored_by(version: ModelVersion, since: datetime, until: datetime) -> Expression:
    """Whether a prediction is of a model, and of an interval."""
    return predicted_within(since, until) & (F.col("model_digest") == version.digest)


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
    warehouse: Warehouse, project: Project, groups: Sequence[FeatureGroup], version: ModelVersion, since: datetime
) -> DataFrame:
    """What a version predicted since its holdout began, of rows that it has not learned from: others tell nothing of how good it is."""
    unseen = F.col("prediction_time") >= F.lit(since)
    return warehouse.read(predictions_table(project, groups)).where((F.col("model_digest") == version.digest) & unseen)
