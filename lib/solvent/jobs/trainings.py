"""The trainings that jobs work on: of a run's own features, and of versions that were registered before, by their manifests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from pyspark.sql import DataFrame

from solvent.config.estimator import Estimator
from solvent.config.windows import Intervals
from solvent.estimators.spark_ml import Inputs
from solvent.features.columns import feature_types
from solvent.features.ledger import FeatureBuild, read_build
from solvent.features.table import predicted_within
from solvent.jobs.context import Context
from solvent.registry import ModelVersion
from solvent.sources.pins import Pin, pins_of
from solvent.training import Training, estimator_of, manifest_in_both, predict_holdout


def training_on(context: Context, name: str, estimator: Estimator, build: FeatureBuild) -> Training:
    """The training of a model on features of the run's as-of."""
    windows = context.project.windows.at(context.as_of)
    return training(context, name, estimator, build, context.pins, context.as_of, windows)


def trained_before(context: Context, version: ModelVersion) -> Training:
    """The training of a registered version, by its manifest, with the features it was trained on."""
    manifest = manifest_in_both(context.warehouse, context.registry, version)
    return training(
        *(context, version.name, estimator_of(manifest), FeatureBuild(**manifest["features"])),
        *(pins_of(manifest), date.fromisoformat(manifest["as_of"]), manifest.windows),
    )


def training(
    context: Context,
    name: str,
    estimator: Estimator,
    build: FeatureBuild,
    pins: Sequence[Pin],
    as_of: date,
    windows: Intervals,
) -> Training:
    """The training of a model on any features, with the code and the environment of the run."""
    types = feature_types(context.settings.groups)
    return Training(
        project=context.project,
        name=name,
        estimator=estimator,
        inputs=Inputs.of(types),
        types=types,
        rows=read_build(context.warehouse, build),
        build=build.document(),
        pins=pins,
        as_of=as_of,
        windows=windows,
        code=context.code.digest,
        functions=context.code.functions,
        measuring=context.code.measuring,
        commit=context.commit,
        environment=context.facts,
    )


def predicted_holdout(
    context: Context, version: ModelVersion, span: tuple[datetime, datetime] | None = None
) -> DataFrame:
    """Predictions, labels and features of a version's own holdout; only of a span of prediction times if one is given."""
    features = [*feature_types(context.settings.groups)]
    rows = predict_holdout(trained_before(context, version), context.models.load(version), features)
    return rows if span is None else rows.where(predicted_within(*span))
