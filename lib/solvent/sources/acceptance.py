"""Records of landing files, judged against their source's declaration, and each row's fate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType

from solvent.config.source import TIMES, Source
from solvent.sources.pins import FILE
from solvent.sources.texts import CORRUPT
from solvent.sources.values import is_in_range, value_of
from solvent.tables.digest import row_hash


def judged(raw: DataFrame, source: Source, predicted: Mapping[str, str] | None = None) -> DataFrame:
    """Rows by their declared types, with the reason why a row cannot be accepted, or null.

    Args:
        raw: Rows of landing files, as texts.
        source: Declares them.
        predicted: What else is computed of them later, by key: times and label, if they are predicted.
    """
    texts = [F.col(f"`{column.name}`").alias(f"_text.{column.name}") for column in source.columns]
    typed = [value_of(column, source.landing.reading).alias(column.name) for column in source.columns]
    # Reasons hold no values, so that they can be counted; the record beside them does.
    reasons: list[Column] = [F.col(CORRUPT)]
    for column in source.columns:
        text, value = F.col(f"`_text.{column.name}`"), F.col(f"`{column.name}`")
        bad = text.isNotNull() & value.isNull()
        reasons.append(F.when(bad, F.lit(f"{column.name}: not {column.type}")))
        if not column.nullable:
            why = "key" if column.name in source.key else "required"
            reasons.append(F.when(text.isNull(), F.lit(f"{column.name}: {why} is missing")))
    values = raw.select(*typed, *texts, "_raw", FILE, CORRUPT)
    names = [column.name for column in source.columns]
    values = values.select(*(f"`{name}`" for name in names), "_raw", FILE, F.coalesce(*reasons).alias("_reason"))
    return expected(values, source, predicted or {})


def expected(values: DataFrame, source: Source, predicted: Mapping[str, str]) -> DataFrame:
    """Adds what breaks an expectation, cannot be derived, or has no time, to the reasons.

    What cannot be computed of a row costs this row. Readers compute the same expressions of accepted rows only, and so never fail. Nearly
    all rows are as they should be, which is seen of all expressions at once; what is wrong with another is then looked for one by one.
    """
    # Only rows that parse have values to compute with.
    sound, fine = F.col("_reason").isNull(), F.col("_fine")
    values = values.withColumn("_fine", sound)
    reasons: list[Column] = []
    for name, condition in source.expect.items():
        failed = fails(condition, sound)
        reasons.append(F.when(failed, F.lit(f"expectation {name} cannot be computed: {condition}")))
        broken = F.when(~failed, ~F.coalesce(F.expr(condition), F.lit(False)))
        reasons.append(F.when(broken, F.lit(f"expectation {name} does not hold: {condition}")))
    for name, expression in source.derive.items():
        failed = fails(expression, sound)
        reasons.append(F.when(failed, F.lit(f"derive {name} cannot be computed: {expression}")))
        values = values.withColumn("_fine", F.when(fine, ~failed))
        values = values.withColumn(name, F.when(fine, F.expr(expression)))
    # A fact whose times cannot be told would be seen by every feature or by none.
    times = {"event_time": source.event_time, "available_time": source.available_time}
    for time, expression in times.items():
        failed, moment = fails(expression, sound), F.expr(expression)
        reasons.append(F.when(failed, F.lit(f"{time} cannot be computed: {expression}")))
        untold = F.when(~failed, moment.isNull())
        reasons.append(F.when(untold, F.lit(f"{time} cannot be told: {expression} is null")))
        outside = F.when(~failed, ~is_in_range(moment))
        reasons.append(F.when(outside, F.lit(f"{time} is not within the years 1 to 9999: {expression}")))
    in_range = [is_in_range(F.expr(expression)) for expression in times.values()]
    values = values.withColumn("_fine", F.when(fine, hold([*map(F.expr, source.expect.values()), *in_range])))
    values = values.withColumns({time: F.when(fine, F.expr(expression)) for time, expression in times.items()})
    if predicted:
        # A hash is of all values, and never null.
        values = values.withColumn("_fine", F.when(fine, hold([F.xxhash64(*map(F.expr, predicted.values())) != 0])))
    for key, expression in predicted.items():
        reasons.append(F.when(fails(expression, sound), F.lit(f"{key} cannot be computed: {expression}")))
    reason = F.when(sound & ~F.coalesce(fine, F.lit(False)), F.coalesce(*reasons))
    return values.withColumn("_reason", F.coalesce("_reason", reason)).drop("_fine", *source.derive, *TIMES)


def hold(conditions: Sequence[Column]) -> Column:
    """Whether all conditions are true, and none of them ends in an error; to be asked under a condition, as `fails` says."""
    # One within the other, as Spark might leave out a part of what AND is between.
    passed = reduce(lambda rest, condition: F.when(condition, rest), reversed(conditions), F.lit(""))
    return F.try_to_binary(passed, F.lit("utf-8")).isNotNull()


def fails(expression: str, among: Column) -> Column:
    """Whether evaluating an expression ends in an error of Spark's, such as a division by zero; null for rows that are not among these.

    Spark has no general TRY, but evaluates all of the argument of try_to_binary within one; and a struct is never null.
    """
    tried = F.try_to_binary(F.struct(F.expr(expression)).cast("string"), F.lit("utf-8"))
    # Under a condition, as Spark computes what several expressions share once, before and outside of each one's TRY, but for branches.
    return F.when(among, tried.isNull())


def sorted_out(rows: DataFrame, source: Source, stored: DataFrame | None) -> DataFrame:
    """Each row's fate: "accepted", "duplicate" (same key and values are there or came before) or "quarantined".

    The files of a batch count in the order of their names, as if they had come one after the other: the first that has one value for a
    key decides. Where one file has several, nothing tells which is meant, and all of them go to quarantine.

    Args:
        rows: Judged rows.
        source: Declares the key.
        stored: Rows of the source from earlier batches; None if there are none.

    Returns:
        rows with _fate STRING and _reason STRING.
    """
    names = [column.name for column in source.columns]
    same_key = Window.partitionBy(*source.key, F.col("_reason").isNull())
    same_file = same_key.orderBy(FILE).rangeBetween(Window.currentRow, Window.currentRow)
    in_order = same_key.orderBy(FILE, "_hash")
    rows = (
        with_stored(rows.withColumn("_hash", row_hash(rows, names)), source, stored)
        .withColumn("_leads", ~F.col(FILE).eqNullSafe(F.lag(FILE).over(in_order)))
        .withColumn("_agrees", F.min("_hash").over(same_file) == F.max("_hash").over(same_file))
        .withColumn("_decides", F.min(F.when(F.col("_agrees"), F.struct(FILE, "_hash"))).over(same_key))
    )
    # The value that the key has by then: one that was stored before, or that this file or an earlier one gives it.
    kept = F.coalesce(F.col("_there"), F.when(F.col(FILE) >= F.col(f"_decides.{FILE}"), F.col("_decides._hash")))
    is_new = F.col("_there").isNull() & (F.col(FILE) == F.col(f"_decides.{FILE}")) & F.col("_leads")
    fate = (
        F.when(F.col("_reason").isNotNull(), F.lit("quarantined"))
        .when(is_new, F.lit("accepted"))
        .when(F.col("_hash") == kept, F.lit("duplicate"))
        .otherwise(F.lit("quarantined"))
    )
    key = ", ".join(source.key)
    conflict = F.when(
        kept.isNull(), F.lit(f"conflict: another row of the file has the same {key} and other values")
    ).otherwise(F.lit(f"conflict: an earlier row has the same {key} and other values"))
    return rows.withColumn("_fate", fate).withColumn(
        "_reason", F.coalesce(F.col("_reason"), F.when(F.col("_fate") == "quarantined", conflict))
    )


def within_reach(stored: DataFrame, rows: DataFrame, source: Source) -> DataFrame:
    """The stored rows that can have a key of new ones: each column of the key is between its least and its greatest new value.

    Delta leaves out files by it, so that what arrives in a day is not compared with all of history. One pass over the new rows.

    Args:
        stored: Rows of the source.
        rows: Judged rows, which are read once more later.
        source: Declares the key.
    """
    key = [name for name in source.key if not isinstance(rows.schema[name].dataType, BinaryType)]
    # As text, because Spark gives a time as the driver's local clock reads, which shows some moments twice.
    edges = [edge(f"`{name}`").cast("string") for name in key for edge in (F.min, F.max)]
    found = rows.where(F.col("_reason").isNull()).agg(*edges).collect()[0]
    for name, low, high in zip(key, found[::2], found[1::2], strict=True):
        kind = rows.schema[name].dataType
        stored = stored.where(F.col(f"`{name}`").between(F.lit(low).cast(kind), F.lit(high).cast(kind)))
    return stored


def with_stored(rows: DataFrame, source: Source, stored: DataFrame | None) -> DataFrame:
    """Adds _there BIGINT: the hash of the stored row with the same key; null if there is none."""
    if stored is None:
        return rows.withColumn("_there", F.lit(None).cast("bigint"))
    names = [column.name for column in source.columns]
    return rows.join(stored.select(*source.key, row_hash(stored, names).alias("_there")), list(source.key), "left")
