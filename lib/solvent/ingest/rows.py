"""Records of landing files, judged against their source's declaration, and each row's fate."""

from __future__ import annotations

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType

from solvent.config.model import Source
from solvent.ingest.texts import CORRUPT
from solvent.tables.digest import row_hash
from solvent.tables.sources import FILE


def judged(raw: DataFrame, source: Source) -> DataFrame:
    """Rows by their declared types, with the reason why a row cannot be accepted, or null."""
    typed = {column.name: F.expr(f"try_cast(`{column.name}` AS {column.type})") for column in source.columns}
    reasons: list[Column] = [F.col(CORRUPT)]
    for column in source.columns:
        text, value = F.col(f"`{column.name}`"), typed[column.name]
        bad = text.isNotNull() & value.isNull()
        reasons.append(F.when(bad, F.concat(F.lit(f"{column.name}: not {column.type}: "), F.substring(text, 1, 80))))
        if not column.nullable:
            why = "key" if column.name in source.key else "required"
            reasons.append(F.when(text.isNull(), F.lit(f"{column.name}: {why} is missing")))
    values = raw.select(
        *(typed[column.name].alias(column.name) for column in source.columns),
        "_raw",
        FILE,
        F.coalesce(*reasons).alias("_reason"),
    )
    return expected(values, source)


def expected(values: DataFrame, source: Source) -> DataFrame:
    """Adds what breaks an expectation, or has no time, to the reasons."""
    # Only rows that parse have values to derive from; under ANSI mode an expression over others may fail.
    sound = F.col("_reason").isNull()
    reasons = [F.col("_reason")]
    for name, condition in source.expect.items():
        broken = F.when(sound, ~F.coalesce(F.expr(condition), F.lit(False)))
        reasons.append(F.when(broken, F.lit(f"expectation {name} does not hold: {condition}")))
    # A fact whose times cannot be told would be seen by every feature or by none.
    for name, expression in source.derive.items():
        values = values.withColumn(name, F.when(sound, F.expr(expression)))
    for time, expression in {"event_time": source.event_time, "available_time": source.available_time}.items():
        untold = F.when(sound, F.expr(expression).isNull())
        reasons.append(F.when(untold, F.lit(f"{time} cannot be told: {expression} is null")))
    return values.withColumn("_reason", F.coalesce(*reasons)).drop(*source.derive)


def sorted_out(rows: DataFrame, source: Source, stored: DataFrame | None) -> DataFrame:
    """Each row's fate: "accepted", "duplicate" (same key and values are there or came before) or "quarantined".

    Args:
        rows: Judged rows.
        source: Declares the key.
        stored: Rows of the source from earlier batches; None if there are none.

    Returns:
        rows with _fate STRING and _reason STRING.
    """
    names = [column.name for column in source.columns]
    rows = rows.withColumn("_hash", row_hash(rows, names))
    # The least file and hash wins, so that the outcome does not depend on the order of rows.
    same_key = Window.partitionBy(*source.key, F.col("_reason").isNull()).orderBy(FILE, "_hash")
    ranked = (
        with_stored(rows, source, stored)
        .withColumn("_first", F.first("_hash").over(same_key))
        .withColumn("_rank", F.row_number().over(same_key))
    )
    kept = F.coalesce(F.col("_there"), F.col("_first"))
    is_first = F.col("_there").isNull() & (F.col("_rank") == 1)
    fate = (
        F.when(F.col("_reason").isNotNull(), F.lit("quarantined"))
        .when(is_first, F.lit("accepted"))
        .when(F.col("_hash") == kept, F.lit("duplicate"))
        .otherwise(F.lit("quarantined"))
    )
    conflict = F.lit(f"conflict: another row has the same {', '.join(source.key)} and other values")
    return ranked.withColumn("_fate", fate).withColumn(
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
