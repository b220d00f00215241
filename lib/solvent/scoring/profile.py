"""How the features and predictions of a batch are distributed, by day."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.features import Feature, FeatureGroup
from solvent.features.columns import features_of_model
from solvent.features.ledger import FeatureBuild, read_build
from solvent.features.profile import append_profile, cell_counts, reference_of
from solvent.identity import Manifest
from solvent.registry import ModelVersion
from solvent.tables import Warehouse


def described_of(groups: Sequence[FeatureGroup], manifest: Manifest) -> list[Feature]:
    """What is described of a model by day: the features it uses, and last its prediction."""
    return [*features_of_model(groups, manifest), Feature("prediction", "double", "What the model predicts")]


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
