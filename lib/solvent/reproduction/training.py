"""The training of a manifest, with its features built again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame

from solvent.config.project import Project
from solvent.estimators.spark_ml import Inputs, fit
from solvent.features import load_groups
from solvent.features.columns import columns_of, feature_types
from solvent.features.ledger import content_digest
from solvent.features.table import featured
from solvent.identity import Commit, Manifest
from solvent.sources.pins import pins_of, read_sources
from solvent.tables.warehouse import Warehouse
from solvent.training import Training, estimator_of


def features_digest(project: Project, rows: DataFrame) -> str:
    """The digest of the content of features."""
    return content_digest(rows, columns_of(project, load_groups(project.features)))


def training_again(warehouse: Warehouse, project: Project, manifest: Manifest, here: Mapping[str, str]) -> Training:
    """The training of a manifest, with its features rebuilt from the pins instead of read."""
    as_of = date.fromisoformat(manifest["as_of"])
    windows, pins = manifest.windows, pins_of(manifest)
    groups = load_groups(project.features)
    sources = read_sources(warehouse, project, pins)
    rows = featured(project, groups, sources, windows.train_start, windows.holdout_end)
    names = manifest["estimator"]["inputs"]
    types = feature_types(groups)
    commit = manifest["commit"]
    return Training(
        project=project,
        name=manifest["model"],
        estimator=estimator_of(manifest),
        inputs=Inputs.of({name: types[name] for name in names}),
        types=types,
        rows=rows,
        build=manifest["features"],
        pins=pins,
        as_of=as_of,
        windows=windows,
        code=manifest["code"],
        functions=manifest.functions,
        measuring="",
        commit=Commit(commit["hash"], commit["branch"], commit["dirty"]),
        environment=here,
    )


def fitted_again(training: Training) -> PipelineModel:
    """The model of a training."""
    return fit(training.train_rows, training.estimator, training.inputs, training.project.predicted.key)
