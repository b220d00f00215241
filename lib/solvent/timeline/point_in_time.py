"""What was known at a row's prediction time: the latest fact, and sums over trailing windows.

Both lay facts and prediction times on one time line for each value of `on`, and run along it once. At each moment, what came strictly
before it is known. Hence no join by range: the work is sorting, and every shuffle is by `on` or by `on` and time. A time line is
aggregated by moment before it is gathered, so that a frequent value of `on` costs its distinct moments rather than its facts. The result
depends neither on the order of rows nor on their layout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.window import WindowSpec

from solvent.errors import FeatureError

MOMENT, FACT, ASKED = "_moment", "_fact", "_asked"
INTEGERS = ("tinyint", "smallint", "int", "bigint")


def as_of_lookup(
    rows: DataFrame, facts: DataFrame, *, on: Sequence[str], values: Mapping[str, Column], tolerance: timedelta
) -> DataFrame:
    """Adds, from the latest fact known at prediction time, its values.

    Args:
        rows: The columns of on, prediction_time TIMESTAMP, and any others.
        facts: The columns of on, event_time TIMESTAMP, available_time TIMESTAMP, and what values are made of.
        on: The columns in which row and fact agree, none where all facts are of one thing; nulls agree with nothing.
        values: New column -> expression over facts.
        tolerance: How long before prediction time the fact may have happened, at most.

    Returns:
        rows with the values of the fact with the latest event_time among those with available_time < prediction_time; null if
        there is none, or its event_time < prediction_time - tolerance. Among facts of one event_time the one available last counts,
        and then the greatest values in the order given.
    """
    happened = F.struct("event_time", "available_time", F.struct(*named(values)).alias("values"))
    known = facts.select(*on, F.col("available_time").alias(MOMENT), happened.alias(FACT))
    line = time_line(rows, known, on, [F.max(FACT).alias(FACT)])
    latest = line.withColumn(FACT, F.max(FACT).over(strictly_before(on)))
    recent = F.col(FACT)["event_time"] >= F.col(MOMENT) - F.lit(tolerance)
    return joined_back(rows, latest, on, {name: F.when(recent, F.col(FACT)["values"][name]) for name in values})


def trailing_sums(
    rows: DataFrame,
    facts: DataFrame,
    *,
    on: Sequence[str],
    measures: Mapping[str, Column],
    windows: Mapping[str, timedelta],
) -> DataFrame:
    """Adds sums over the facts that became known in windows that end at prediction time.

    A fact is added to a running sum when it becomes available, and taken off when it leaves the window.

    Args:
        rows: The columns of on, prediction_time TIMESTAMP, and any others.
        facts: The columns of on, available_time TIMESTAMP, and what measures are made of.
        on: The columns in which row and fact agree, none where all facts are of one thing; nulls agree with nothing.
        measures: Name -> expression over facts of an integer type, so that sums are exact and the same in any order; null counts as 0.
        windows: Name -> length.

    Returns:
        rows with, for each measure and window, <measure>_<window> BIGINT: the sum over facts with
        prediction_time - length <= available_time < prediction_time; 0 if there is none.

    Raises:
        FeatureError: If a measure is not of an integer type.
    """
    return summed(rows, facts, measures, [(on, windows)])


def trailing_sums_by(
    rows: DataFrame,
    facts: DataFrame,
    *,
    by: Mapping[str, tuple[Sequence[str], Mapping[str, timedelta]]],
    measures: Mapping[str, Column],
) -> DataFrame:
    """Adds trailing sums over facts that agree in this, and in that: trailing_sums for each of several `on`, each with its windows.

    Spark plans one `on` after the other on rows that have the sums of those before it, and so plans each twice as long as the last; here
    all are planned on the rows given.

    Args:
        rows: As for trailing_sums.
        facts: As for trailing_sums.
        by: Name -> on and windows, as for trailing_sums.
        measures: As for trailing_sums.

    Returns:
        rows with, for each name, measure and window, <measure>_<name>_<window> BIGINT.

    Raises:
        FeatureError: If a measure is not of an integer type.
    """
    spans = [
        (on, {f"{name}_{window}": length for window, length in windows.items()}) for name, (on, windows) in by.items()
    ]
    return summed(rows, facts, measures, spans)


def summed(
    rows: DataFrame,
    facts: DataFrame,
    measures: Mapping[str, Column],
    spans: Sequence[tuple[Sequence[str], Mapping[str, timedelta]]],
) -> DataFrame:
    """The sums of all spans, each an `on` with its windows."""
    for field in facts.select(*named(measures)).schema:
        if field.dataType.simpleString() not in INTEGERS:
            found = field.dataType.simpleString()
            raise FeatureError(
                f"measure {field.name}: is {found}; make it an integer, of a smaller unit if need be, for exact sums"
            )
    result, added = rows, []
    for on, windows in spans:
        sums = [f"{measure}_{window}" for window in windows for measure in measures]
        line = time_line(rows, changes(facts, on, measures, windows), on, [F.sum(name).alias(name) for name in sums])
        running = line.select(*on, MOMENT, ASKED, *(F.sum(name).over(strictly_before(on)).alias(name) for name in sums))
        result = joined_back(result, running, on, {name: F.col(name) for name in sums})
        added += sums
    return result.fillna(0, subset=added)


def changes(
    facts: DataFrame, on: Sequence[str], measures: Mapping[str, Column], windows: Mapping[str, timedelta]
) -> DataFrame:
    """What each fact adds to the sum of every window when it becomes available, and takes off when it leaves it."""

    def change(moment: Column, sign_in: Mapping[str, int]) -> Column:
        amounts = [
            (F.col(measure).cast("bigint") * F.lit(sign_in[window])).alias(f"{measure}_{window}")
            if window in sign_in
            else F.lit(0).cast("bigint").alias(f"{measure}_{window}")
            for window in windows
            for measure in measures
        ]
        return F.struct(moment.alias(MOMENT), *amounts)

    enters = change(F.col("available_time"), dict.fromkeys(windows, 1))
    leaves = [change(F.col("available_time") + F.lit(length), {window: -1}) for window, length in windows.items()]
    measured = facts.select(*on, "available_time", *named(measures))
    return measured.select(*on, F.inline(F.array(enters, *leaves)))


def named(columns: Mapping[str, Column]) -> list[Column]:
    """Expressions under their names."""
    return [column.alias(name) for name, column in columns.items()]


def time_line(rows: DataFrame, known: DataFrame, on: Sequence[str], together: Sequence[Column]) -> DataFrame:
    """The moments of facts and the prediction times of rows, each once, with aggregates of what became known at it."""
    # Distinct, so that Spark sees that features joined to rows before do not matter here.
    asked = rows.select(*on, F.col("prediction_time").alias(MOMENT)).distinct().withColumn(ASKED, F.lit(True))
    moments = asked.unionByName(known, allowMissingColumns=True).dropna(subset=[*on, MOMENT])
    return moments.groupBy(*on, MOMENT).agg(F.max(ASKED).alias(ASKED), *together)


def strictly_before(on: Sequence[str]) -> WindowSpec:
    """All moments before the present one; a moment is one row."""
    return Window.partitionBy(*on).orderBy(MOMENT).rowsBetween(Window.unboundedPreceding, -1)


def joined_back(rows: DataFrame, line: DataFrame, on: Sequence[str], values: Mapping[str, Column]) -> DataFrame:
    """Gives each row the values at its prediction time."""
    at = line.where(ASKED).select(*on, F.col(MOMENT).alias("prediction_time"), *named(values))
    return rows.join(at, [*on, "prediction_time"], "left").select(*rows.columns, *values)
