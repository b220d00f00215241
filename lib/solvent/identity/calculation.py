"""How a session calculates: the arithmetic of driver and executors as it is, not as it was asked for, and the settings that decide values.

Spark ML adds up through netlib (dev.ludovic.netlib), whose implementations add in different orders, and whose vectors are as wide as the
processor's unless Java is told otherwise; see solvent.session.ARITHMETIC.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

# What Java is asked, by the name of the fact: a class, a static method of it, and what that is given. exp(1) has another last digit by
# StrictMath than by the code that Java has for x86-64.
ARITHMETIC_IS = {
    "java": "'java.lang.System', 'getProperty', 'java.version'",
    "cpu": "'java.lang.System', 'getProperty', 'os.arch'",
    "exp(1)": "'java.lang.Math', 'exp', 1D",
    "blas": "'dev.ludovic.netlib.blas.BLAS', 'getInstance'",
    "lapack": "'dev.ludovic.netlib.lapack.LAPACK', 'getInstance'",
    "vectors": "'jdk.incubator.vector.VectorShape', 'preferredShape'",
}
MASTER = "spark.master"
# One row for each task that runs at once, so that each executor has some.
ROWS = 1000
# Settings that decide a value, a type, or which rows are read, all of Spark's ways back to older releases among them. Those that decide
# how a query is planned or where it runs are none: how rows are spread over tasks shapes nothing, as training has a layout of its own.
DECISIVE = (
    *("spark.sql.ansi.", "spark.sql.session.timeZone", "spark.sql.session.collation.", "spark.sql.legacy."),
    *("spark.sql.storeAssignmentPolicy", "spark.sql.mapKeyDedupPolicy", "spark.sql.caseSensitive"),
    *("spark.sql.decimalOperations.", "spark.sql.timestampType", "spark.sql.files.ignore"),
    *("spark.sql.readSideCharPadding", "spark.sql.charAsVarchar", "spark.sql.preserveCharVarcharTypeInfo"),
    *("spark.sql.parquet.binaryAsString", "spark.sql.parquet.int96", "spark.sql.parquet.datetimeRebaseMode"),
    *("spark.sql.parquet.inferTimestampNTZ", "spark.sql.sources.partitionColumnTypeInference."),
)


def calculation_of(spark: SparkSession) -> dict[str, dict[str, str]]:
    """How a session calculates, for its manifests.

    Returns:
        "arithmetic": Java and processor, how it takes exp, what netlib calculates with, such as VectorBLAS, F2jLAPACK (both Java's) or
        JNIBLAS (a native library), and how wide vectors are; where driver and executors differ, all that there are. "settings": those that
        decide values and were set, as the others have the default of Spark's version. What a platform does not tell is not there.
    """
    settings = settings_of(spark)
    places = [on_driver(spark)]
    if not settings.get(MASTER, "").startswith("local"):
        places.append(spark.range(ROWS))
    asked = [asking(name, of) for name, of in ARITHMETIC_IS.items()]
    if not answers(places[0].select(*asked)):
        # There is no such class in this Java or this Spark, or the platform lets nobody ask.
        asked = [column for column in asked if answers(places[0].select(column))]
    rows = [row.asDict() for place in places for row in place.select(*asked).collect()] if asked else []
    return {
        "arithmetic": {name: " and ".join(sorted({row[name] for row in rows})) for name in (rows[0] if rows else ())},
        "settings": {name: settings[name] for name in sorted(settings) if name.startswith(DECISIVE)},
    }


def settings_of(spark: SparkSession) -> Mapping[str, str]:
    """The settings of a session that were set; none where the platform does not tell them."""
    try:
        found: Mapping[str, str] = spark.conf.getAll
    except PySparkException:
        return {}
    return found


def on_driver(spark: SparkSession) -> DataFrame:
    """One row whose columns the driver evaluates, as it does those of values that are written down."""
    return spark.sql("SELECT * FROM VALUES (1) AS driver (id)")


def asking(name: str, of: str) -> Column:
    """What a static method of Java gives, as text: of an object its class, as its own text is the class's whole name and an address."""
    return F.regexp_replace(F.expr(f"reflect({of})"), r"^.*\.(\w+)@\w+$", "$1").alias(name)


def answers(frame: DataFrame) -> bool:
    """Whether Spark can evaluate a frame's columns."""
    try:
        return bool(frame.schema)
    except PySparkException:
        return False
