"""What MLflow keeps of a training beside its model: parameters, metrics, inputs, signature."""

from __future__ import annotations

from typing import Any

import mlflow
from mlflow.data.delta_dataset_source import DeltaDatasetSource
from mlflow.data.meta_dataset import MetaDataset
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema

from solvent.config.estimator import Estimator
from solvent.evaluation import Evaluation
from solvent.identity import Manifest
from solvent.kinds.slices import ALL
from solvent.registry.registry import MANIFEST_FILE
from solvent.sources.pins import source_table
from solvent.tables.warehouse import Warehouse
from solvent.training.training import Training

SEARCH_FILE = "search.json"
MLFLOW_TYPES = {
    "bigint": DataType.long,
    "boolean": DataType.boolean,
    "double": DataType.double,
    "int": DataType.integer,
    "string": DataType.string,
}


def log_run(
    warehouse: Warehouse, training: Training, estimator: Estimator, found: Evaluation, manifest: Manifest
) -> None:
    """Writes parameters, metrics, inputs, search and manifest to the active run.

    Args:
        warehouse: The project's tables.
        training: What was trained.
        estimator: With the parameters that were fitted.
        found: Its evaluation on the holdout.
        manifest: Of the model.
    """
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
    if manifest.search is not None:
        mlflow.log_dict(dict(manifest.search), SEARCH_FILE)
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
