"""A Spark ML model in the form of MLflow's Spark flavour, written and read through files alone.

mlflow.spark copies a model between Spark's file system and this machine in the JVM of the session, which a session of Spark Connect
does not have. What is stored here is the same: mlflow.spark.load_model and mlflow.pyfunc.load_model read it.
"""

from __future__ import annotations

import platform
import re
import tempfile
import uuid
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import mlflow.pyfunc
import pyspark
import yaml
from mlflow.models import Model, ModelSignature
from pyarrow import fs
from pyspark.ml import PipelineModel

SPARKML = "sparkml"
SCHEME = re.compile(r"\w+:")


def save_model(
    path: str,
    mlflow_model: Model,
    model: PipelineModel,
    scratch: str | None,
    signature: ModelSignature,
    requirements: Sequence[str],
) -> None:
    """Writes a model and what MLflow says of it; called by mlflow.models.Model.log, which takes this module for a flavour.

    Args:
        path: A folder that is made.
        mlflow_model: What MLflow knows of it.
        model: The model.
        scratch: See write.
        signature: What the model takes and gives.
        requirements: What loading it takes, as pip reads it.
    """
    folder = Path(path)
    folder.mkdir(parents=True)
    write(model, folder / SPARKML, scratch)
    python, pip = platform.python_version(), list(requirements)
    environments = {
        "conda.yaml": {
            "name": "mlflow-env",
            "channels": ["conda-forge"],
            "dependencies": [f"python={python}", "pip", {"pip": pip}],
        },
        "python_env.yaml": {"python": python, "dependencies": ["-r requirements.txt"]},
    }
    for name, environment in environments.items():
        (folder / name).write_text(yaml.safe_dump(environment, sort_keys=False), encoding="utf-8")
    (folder / "requirements.txt").write_text("\n".join(pip) + "\n", encoding="utf-8")
    mlflow_model.signature = signature
    kind = type(model)
    mlflow_model.add_flavor(
        "spark",
        pyspark_version=pyspark.__version__,
        model_data=SPARKML,
        code=None,
        model_class=f"{kind.__module__}.{kind.__name__}",
    )
    conda, virtualenv = environments
    mlflow.pyfunc.add_to_model(
        mlflow_model, loader_module="mlflow.spark", data=SPARKML, conda_env=conda, python_env=virtualenv
    )
    mlflow_model.save(str(folder / "MLmodel"))


def write(model: PipelineModel, folder: Path, scratch: str | None) -> None:
    """Writes a model into a folder of this machine.

    Args:
        model: The model.
        folder: Is made.
        scratch: A folder or bucket that this process and all of Spark reach by the same name; None if Spark runs on this machine.
    """
    with passage(scratch) as between:
        model.write().save(between)
        copy(between, str(folder))


def read(folder: Path, scratch: str | None) -> PipelineModel:
    """The model in a folder of this machine, which has to be there as long as the model is; see write."""
    if scratch is None:
        return PipelineModel.load(f"file:{folder}")
    with ExitStack() as places:
        between = places.enter_context(passage(scratch))
        copy(str(folder), between)
        return kept_for(PipelineModel.load(between), places)


def kept_for(model: PipelineModel, places: ExitStack) -> PipelineModel:
    """The model, with whose end places are left, and not before: Spark 4.0 reads what an imputer fills in whenever that is used."""
    weakref.finalize(model, places.pop_all().close)
    return model


@contextmanager
def passage(scratch: str | None) -> Iterator[str]:
    """A place in scratch as Spark names it, empty afterwards."""
    if scratch is None:
        with tempfile.TemporaryDirectory(prefix="solvent-") as folder:
            yield f"file:{folder}/{SPARKML}"
        return
    place = f"{scratch}/{uuid.uuid4().hex}"
    try:
        yield place if SCHEME.match(place) else f"file:{place}"
    finally:
        system, path = located(place)
        if system.get_file_info(path).type is not fs.FileType.NotFound:
            system.delete_dir(path)


def copy(source: str, destination: str) -> None:
    """Copies a folder with all in it."""
    (here, old), (there, new) = located(source), located(destination)
    there.create_dir(new, recursive=True)
    fs.copy_files(old, new, source_filesystem=here, destination_filesystem=there)


def located(place: str) -> tuple[fs.FileSystem, str]:
    """A folder as Arrow reaches it, which calls s3 what Hadoop calls s3a. Databricks mounts what it calls dbfs, volumes among it."""
    if "://" not in place:
        return fs.LocalFileSystem(), place.removeprefix("file:").removeprefix("dbfs:")
    found: tuple[fs.FileSystem, str] = fs.FileSystem.from_uri(place.replace("s3a://", "s3://", 1))
    return found
