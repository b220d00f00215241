"""What Spark's own analyzer says of a project's expressions, before anything is read or written."""

from __future__ import annotations

from pathlib import Path

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import BooleanType, DataType, DateType, TimestampNTZType, TimestampType

from solvent.coercion import require_no_text_for_a_time
from solvent.config.landing import FORMATS
from solvent.config.project import Project
from solvent.config.source import Source
from solvent.errors import ConfigurationError
from solvent.failure import cause

# All of its parts differ, and so do its halves of a day.
EXAMPLE = "TIMESTAMP '2024-01-31 22:33:44.123456'"
UNITS = ("year", "month", "day", "hour", "minute", "second", "millisecond", "microsecond")
MOMENTS = (DateType, TimestampType, TimestampNTZType)
# Digests of the sections that were found right by this process, which makes many runs of one project.
RIGHT: set[str] = set()


def require_analysed(spark: SparkSession, project: Project, path: Path, earlier: bool = False) -> None:
    """Refuses expressions that Spark does not understand, that do not give what they are for, or that take a text for a time as it likes.

    Args:
        spark: A session.
        project: Declares sources, rows and label.
        path: Its model.yml, which is named.
        earlier: Whether a model was made of it before, which is to be made again as it was: it may take texts for times.

    Raises:
        ConfigurationError: Naming file, key, expression, and Spark's reason.
    """
    digest = f"{project.digest('sources', 'prediction')} {earlier}"
    if digest in RIGHT:
        return
    for name, source in project.sources.items():
        try:
            facts = analysed_source(spark, source)
            if name == project.prediction.source:
                require_prediction(facts, project)
            if not earlier:
                require_formats(spark, source)
                require_no_text_for_a_time(facts, expressions_of(project, name))
        except ValueError as error:
            key = "" if str(error).startswith("prediction.") else f"sources.{name}."
            raise ConfigurationError(f"{path}: {key}{error}") from None
    RIGHT.add(digest)


def expressions_of(project: Project, name: str) -> dict[str, str]:
    """All expressions over a source, by their keys."""
    source, prediction = project.sources[name], project.prediction
    found = {f"expect.{key}": one for key, one in source.expect.items()}
    found |= {f"derive.{key}": one for key, one in source.derive.items()}
    found |= {"event_time": source.event_time, "available_time": source.available_time}
    if name == prediction.source:
        found |= prediction.computed
    return found


def analysed_source(spark: SparkSession, source: Source) -> DataFrame:
    """A source without a fact: its declared and derived columns and its times.

    Raises:
        ValueError: Naming the key of an expression that is wrong.
    """
    declared = [F.lit(None).cast(column.type).alias(column.name) for column in source.columns]
    facts = spark.range(0).select(*declared)
    for name, condition in source.expect.items():
        require_type(facts, f"expect.{name}", condition, "a condition", BooleanType)
    for name, expression in source.derive.items():
        type_of(facts, f"derive.{name}", expression)
        facts = facts.withColumn(name, F.expr(expression))
    times = {"event_time": source.event_time, "available_time": source.available_time}
    for name, expression in times.items():
        require_type(facts, name, expression, "a time", *MOMENTS)
    return facts.withColumns({name: F.expr(expression) for name, expression in times.items()})


def require_formats(spark: SparkSession, source: Source) -> None:
    """Refuses formats of a source's files by which values would be lost or completed.

    Raises:
        ValueError: Naming the key.
    """
    for key in FORMATS.values():
        pattern = source.landing.reading.get(key)
        if pattern is not None:
            require_readable(spark, f"landing.options.{key}", str(pattern))


def require_readable(spark: SparkSession, key: str, pattern: str) -> None:
    """Refuses a format by which Spark does not read what it writes by it, to the smallest part that is named.

    With a part missing before that, a value would be completed by what nobody sent.

    Raises:
        ValueError: Naming the key.
    """
    example, text = F.expr(EXAMPLE), F.date_format(F.expr(EXAMPLE), pattern)
    read = F.try_to_timestamp(text, F.lit(pattern))
    whole = read.isin(*(F.date_trunc(unit, example) for unit in UNITS))
    try:
        ((shown, written, again, right),) = spark.range(1).select(*map(as_text, (example, text, read)), whole).collect()
    except PySparkException as error:
        raise ValueError(f"{key}: {pattern}: {cause(error)}") from None
    if not right:
        found = "does not read again" if again is None else f"reads as {again}"
        raise ValueError(
            f"{key}: {pattern}: Spark writes {shown} as {written}, which it {found}; name a time from its year on, hours as HH, or hh "
            "and a, with marks between parts"
        )


def as_text(value: Column) -> Column:
    """A value as Spark shows it."""
    return value.cast("string")


def require_prediction(facts: DataFrame, project: Project) -> None:
    """Refuses times of prediction and label that are none, and labels that are no number.

    Raises:
        ValueError: Naming the key.
    """
    for key, expression in project.prediction.computed.items():
        if key == "prediction.label.value":
            type_of(facts, key, expression)
        else:
            require_type(facts, key, expression, "a time", *MOMENTS)


def require_type(facts: DataFrame, key: str, expression: str, what: str, *types: type[DataType]) -> None:
    """Refuses an expression that gives something else."""
    found = type_of(facts, key, expression)
    if not isinstance(found, types):
        raise ValueError(f"{key}: {' '.join(expression.split())} is {found.simpleString()}, and not {what}")


def type_of(facts: DataFrame, key: str, expression: str) -> DataType:
    """The type of an expression over facts.

    Raises:
        ValueError: If it has none.
    """
    try:
        return facts.select(F.expr(expression).alias("value")).schema["value"].dataType
    except PySparkException as error:
        raise ValueError(f"{key}: {' '.join(expression.split())}: {cause(error)}") from None
