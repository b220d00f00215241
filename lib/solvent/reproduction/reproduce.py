"""A model made again with the code that is imported here, compared part by part."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pyspark.sql import SparkSession

from solvent.config.environment import Environment
from solvent.identity import calculation_of, environment_facts, java_of
from solvent.registry import ModelVersion, Registry
from solvent.reproduction.elsewhere import present_code
from solvent.reproduction.findings import (
    Finding,
    calculation_findings,
    compared,
    environment_finding,
    search_finding,
)
from solvent.reproduction.inputs import input_findings, project_of
from solvent.reproduction.training import features_digest, fitted_again, training_again
from solvent.session import kept
from solvent.tables.warehouse import Warehouse
from solvent.training import manifest_in_both, score_holdout, searched


def reproduce(
    spark: SparkSession, environment: Environment, registry: Registry, version: ModelVersion, root: Path
) -> Iterator[Finding]:
    """Makes a model again with the code that is imported here, and compares each part as it is made.

    Inputs that differ end the comparison, as all else follows from them. Nothing is written.

    Args:
        spark: A session.
        environment: Where tables and models are.
        registry: The project's models.
        version: The model.
        root: The folder that holds requirements.lock.

    Yields:
        Findings: those of MADE_WITH, inputs, features, search if there was one, model, predictions.

    Raises:
        IntegrityError: If the manifest was changed.
    """
    warehouse = Warehouse(lambda: spark, environment.tables, registry.project)
    manifest = manifest_in_both(warehouse, registry, version)
    project = project_of(spark, manifest, f"manifest of {version}")
    yield compared("code", manifest["code"], present_code(manifest))
    here = environment_facts(java_of(spark), root)
    yield environment_finding(manifest["environment"], here)
    yield from calculation_findings(manifest.calculation, calculation_of(spark))
    inputs = list(input_findings(warehouse, project, manifest))
    yield from inputs
    if not all(finding.identical for finding in inputs):
        return
    training = training_again(warehouse, project, manifest, here)
    with kept(training.rows) as rows:
        yield compared("features", manifest["features"]["digest"], features_digest(project, rows))
        if manifest.search is not None:
            yield search_finding(manifest.search, searched(training))
        model = fitted_again(training)
        yield compared("model", manifest["model_digest"], registry.digest(model))
        yield compared("predictions", manifest["predictions_digest"], score_holdout(training, model).predictions_digest)
