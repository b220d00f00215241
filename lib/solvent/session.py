"""The one place that makes or adopts a Spark session."""

from __future__ import annotations

import atexit
import logging
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import psutil
from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession, is_remote

from solvent.config.environment import Environment
from solvent.errors import ConfigurationError, SessionError
from solvent.failure import cause
from solvent.java import output_aside, refusal, wrong_locale

log = logging.getLogger(__name__)

DELTA = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
}
# Delta's default for folders looks for a version, writes a file, and renames that to the version, so that of two drivers that do so at once
# one overwrites the other's commit. Of Delta's other stores this one looks again right before it renames; the suite's own makes a version
# in one step (tools/FolderLogStore.scala), and is in a jar beside Delta's, where set-up has put them.
LOG_STORE, DELTAS_STORE = "spark.delta.logStore.file.impl", "io.delta.storage.HDFSLogStore"
OWN_STORE, STORE_JAR = "solvent.FolderLogStore", "solvent-folder-log-store.jar"
# What a Spark action raises: the first when it was planned or runs over Spark Connect, the second when one of its tasks fails.
SPARK_ERRORS = (PySparkException, Py4JJavaError)
# What serverless compute of Databricks says to persist (https://github.com/capitalone/datacompy/issues/407).
KEEPS_NONE = "NOT_SUPPORTED_WITH_SERVERLESS"
# They change results, so every session has them and every manifest names them.
RESULT_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
}
# Kept rows are put together to as few partitions as their size asks for; as they are, each batch is as many files as a shuffle has
# partitions (SPARK-46995).
FILE_SETTINGS = {"spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": "true"}
# Small jobs are mostly planning, which waits for nothing else.
AT_ONCE = 4
# Made by tools/archive_classes.py, in the folder of jars; Java starts without it where another Java or other jars made it.
ARCHIVE = "classes.jsa"
JAVA_OPTIONS, CLASS_PATH = "spark.driver.extraJavaOptions", "spark.driver.extraClassPath"
EXECUTOR_OPTIONS = "spark.executor.extraJavaOptions"
# netlib, with which Spark ML adds up, takes native libraries where it finds some, else Java's vectors as wide as the processor has them; in
# another order each. Every processor has vectors of 16 bytes. Older netlibs know no allowNative, but the name of a library. Java's exp, log
# and pow are code of each processor's own, unless they are those of StrictMath.
ARITHMETIC = " ".join(
    [
        "-XX:MaxVectorSize=16 -XX:+UnlockDiagnosticVMOptions -XX:-UseLibmIntrinsic",
        *(f"-Ddev.ludovic.netlib.{part}.allowNative=false" for part in ("blas", "lapack", "arpack")),
        *(f"-Ddev.ludovic.netlib.{part}.nativeLib=none" for part in ("blas", "lapack", "arpack")),
    ]
)
# Of many expressions Spark makes a method of more than 8,000 bytes, which Java otherwise never compiles and runs several times as slowly.
COMPILING = "-XX:-DontCompileHugeMethods"
# spark-submit names by it the Java that it has started.
SUBMITTED = "PYSPARK_GATEWAY_PORT"
LOOPBACK = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}

Thing = TypeVar("Thing")
Result = TypeVar("Result")


def session(environment: Environment, alike: bool = True) -> SparkSession:
    """The active session if there is one (Databricks, notebooks, spark-submit, tests), else a new one with the environment's settings.

    Args:
        environment: Where it runs.
        alike: Calculate alike on every machine; if not, as this machine does, which is how models were made before that was told.

    Raises:
        ConfigurationError: If the environment's folder of jars is not there.
    """
    spark = SparkSession.getActiveSession() or made(environment, alike)
    for key, value in RESULT_SETTINGS.items():
        found = spark.conf.get(key, None)
        if found is None or found.lower() != value.lower():
            log.info("session setting %s: %s -> %s", key, found, value)
            spark.conf.set(key, value)
    return spark


def databricks_runtime() -> str | None:
    """The version of Databricks' runtime, which runs this; None where none does."""
    return os.environ.get("DATABRICKS_RUNTIME_VERSION")


def made(environment: Environment, alike: bool = True) -> SparkSession:
    """A new session. On one machine it binds to loopback only; a server of Spark Connect has settings and jars of its own."""
    if databricks_runtime() is not None:
        # The platform has made one, with a Delta of its own, and refuses most settings.
        return SparkSession.builder.getOrCreate()
    settings: dict[str, object] = {**FILE_SETTINGS, **RESULT_SETTINGS, **environment.spark.settings}
    if environment.spark.remote is not None:
        spark = configured(SparkSession.builder.remote(environment.spark.remote), settings).getOrCreate()
        # Models that are left when Python ends would wait for a server that is no longer heard.
        atexit.register(spark.stop)
        return spark
    builder, master = SparkSession.builder.appName("solvent"), environment.spark.master
    jars = [jar for folder in environment.spark.jars for jar in jars_in(Path(folder))]
    # The Java of spark-submit runs already, so that it is given them with all its other options.
    if SUBMITTED not in os.environ:
        settings = with_options(COMPILING, calculating_alike(settings) if alike else settings)
    settings = {**DELTA, **keeping_commits(jars), **settings}
    if master is not None:
        builder = builder.master(master)
    if master is not None and master.startswith("local"):
        os.environ.setdefault("SPARK_LOCAL_HOSTNAME", "localhost")
        # Python workers must be the interpreter that runs this.
        os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
        settings = on_one_machine(settings, jars)
    elif jars:
        settings["spark.jars"] = ",".join(jars)
    return started(configured(builder, settings), environment.name)


def started(builder: SparkSession.Builder, environment: str) -> SparkSession:
    """A session in a Java of its own, whose output is shown where the log is, and otherwise read only if it does not start.

    Raises:
        SessionError: If it does not start.
    """
    with tempfile.TemporaryFile("a+b") as said, ExitStack() as aside, started_whole():
        if not log.isEnabledFor(logging.INFO):
            aside.enter_context(output_aside(said))
        try:
            spark = builder.getOrCreate()
            # Settings of SQL are read when they are first asked for.
            spark.conf.get("spark.sql.session.timeZone", None)
        except (PySparkException, Py4JError, OSError) as error:
            said.seek(0)
            # An error of Java says why; one of Python only that no Java answers.
            output = said.read().decode(errors="replace")
            why = wrong_locale() or (cause(error) if isinstance(error, Py4JJavaError) else refusal(output))
            raise SessionError(
                f"environment {environment}: Spark does not start: {why}; `solvent --verbose` shows all that Java says"
            ) from error
        return spark


def keeping_commits(jars: Sequence[str]) -> dict[str, str]:
    """The setting that says what writes the logs of tables in folders: the suite's own store where its jar is among those given."""
    own = any(Path(jar).name == STORE_JAR for jar in jars)
    return {LOG_STORE: OWN_STORE if own else DELTAS_STORE}


def calculating_alike(settings: Mapping[str, object]) -> dict[str, object]:
    """Settings with which Java calculates alike on every machine, driver and executors; options that are there come later, and win."""
    return with_options(ARITHMETIC, settings)


def with_options(options: str, settings: Mapping[str, object]) -> dict[str, object]:
    """Settings with options of Java, of driver and executors, before those that are there."""
    both = {name: f"{options} {settings.get(name, '')}".strip() for name in (JAVA_OPTIONS, EXECUTOR_OPTIONS)}
    return {**settings, **both}


@contextmanager
def started_whole() -> Iterator[None]:
    """Ends the Java that was started within if an interrupt comes before Spark has; it would go on alone, and fail with a trace."""
    before = psutil.Process().children()
    try:
        yield
    except KeyboardInterrupt:
        for child in set(psutil.Process().children()) - set(before):
            child.terminate()
        raise


def on_one_machine(settings: Mapping[str, object], jars: Sequence[str]) -> dict[str, object]:
    """Settings of one process with jars, which keep what an environment has set."""
    options, path = (str(settings.get(name, "")) for name in (JAVA_OPTIONS, CLASS_PATH))
    return {**LOOPBACK, **settings, **on_class_path(jars, options, path)}


def on_class_path(jars: Sequence[str], options: str, path: str = "") -> dict[str, object]:
    """Settings by which one process finds jars where Java itself does, which reads classes from an archive if there is one.

    Args:
        jars: What is put there, before what is there.
        options: The options that Java has.
        path: Its class path.
    """
    if not jars:
        return {}
    found: dict[str, object] = {CLASS_PATH: ":".join([*jars, path] if path else jars)}
    archive = Path(jars[0]).with_name(ARCHIVE)
    if archive.exists():
        found[JAVA_OPTIONS] = f'{options} "-XX:SharedArchiveFile={archive}" -Xlog:cds*=off -Xlog:class+path=off'.strip()
    return found


def configured(builder: SparkSession.Builder, settings: Mapping[str, object]) -> SparkSession.Builder:
    """A builder with settings."""
    for key, value in settings.items():
        builder = builder.config(key, str(value).lower() if isinstance(value, bool) else str(value))
    return builder


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
    """A step for each thing, several at the same time; the first error is raised once all have ended.

    Over Spark Connect it is one after the other: pyspark.ml asks for the session of its thread, and only the first thread has one.
    """
    if is_remote():
        return [step(thing) for thing in things]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(step, things))


@contextmanager
def kept(frame: DataFrame) -> Iterator[DataFrame]:
    """A frame that is read more than once, computed once within; where the platform keeps none, it is computed each time."""
    keeps = persisted(frame)
    try:
        yield frame
    finally:
        if keeps:
            frame.unpersist()


def persisted(frame: DataFrame) -> bool:
    """Asks to keep a frame; whether the platform does."""
    try:
        frame.persist()
    except PySparkException as error:
        if KEEPS_NONE not in str(error):
            raise
        return False
    return True
