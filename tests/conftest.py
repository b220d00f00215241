"""One Spark session for the suite, started as the local environment says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from solvent.config.environment import load_environment
from solvent.session import session

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    """The session of conf/environments/local.yml, with its warehouse in a temporary folder."""
    environment = load_environment("local", ROOT)
    warehouse = {"spark.sql.warehouse.dir": str(tmp_path_factory.mktemp("warehouse"))}
    settings = {**environment.spark.settings, **warehouse}
    spark = session(
        environment.model_copy(update={"spark": environment.spark.model_copy(update={"settings": settings})})
    )
    yield spark
    spark.stop()
