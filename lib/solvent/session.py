"""The one place that makes or adopts a Spark session."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from py4j.protocol import Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from solvent.config.environment import Environment
from solvent.errors import ConfigurationError

log = logging.getLogger(__name__)

DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
# What a Spark action raises: the first when it was planned or runs over Spark Connect, the second when one of its tasks fails.
SPARK_ERRORS = (PySparkException, Py4JJavaError)
# They change results, so every session has them and every manifest names them.
RESULT_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
}
# Small jobs are mostly planning, which waits for nothing else.
AT_ONCE = 4

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def session(environment: Environment) -> SparkSession:
    """The active session if there is one (Databricks, notebooks, spark-submit, tests), else a new one with the environment's settings.

    Raises:
        ConfigurationError: If the environment's folder of jars is not there.
    """
    spark = SparkSession.getActiveSession() or made(environment)
    for key, value in RESULT_SETTINGS.items():
        found = spark.conf.get(key, None)
        if found is None or found.lower() != value.lower():
            log.info("session setting %s: %s -> %s", key, found, value)
            spark.conf.set(key, value)
    return spark


def made(environment: Environment) -> SparkSession:
    """A new session. On one machine it binds to loopback only."""
    builder = SparkSession.builder.appName("solvent")
    if environment.spark.master is not None:
        builder = builder.master(environment.spark.master)
        if environment.spark.master.startswith("local"):
            builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.driver.bindAddress", "127.0.0.1")
            os.environ.setdefault("SPARK_LOCAL_HOSTNAME", "localhost")
            # Python workers must be the interpreter that runs this.
            os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    if environment.spark.jars is not None:
        named = environment.spark.jars
        folders = [named] if isinstance(named, str) else named
        builder = builder.config("spark.jars", ",".join(jar for folder in folders for jar in jars_in(Path(folder))))
    for key, value in {**DELTA, **RESULT_SETTINGS, **environment.spark.settings}.items():
        builder = builder.config(key, str(value).lower() if isinstance(value, bool) else str(value))
    return builder.getOrCreate()


def jars_in(folder: Path) -> list[str]:
    """The jars of a folder.

    Raises:
        ConfigurationError: If there is none.
    """
    jars = sorted(str(jar) for jar in folder.glob("*.jar"))
    if not jars:
        target = "jars-s3" if folder.name == ".jars-s3" else "setup"
        raise ConfigurationError(f"{folder}: holds no jar, so that tables cannot be read; run `make {target}`")
    return jars


def at_once(step: Callable[[Thing], Result], things: Sequence[Thing]) -> list[Result]:
    """A step for each thing, several at the same time; the first error is raised once all have ended."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(step, things))


def cause(error: Exception) -> str:
    """What went wrong in Spark, in one line of at most 300 characters, without Java's stack trace."""
    text = str(error.java_exception.getMessage()) if isinstance(error, Py4JJavaError) else str(error)
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
