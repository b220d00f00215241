"""One bad row costs one row, and what becomes of a row does not depend on which files came with its own."""

from __future__ import annotations

import random
from collections import Counter
from itertools import groupby
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from solvent.config.source import Source
from solvent.sources.acceptance import fails, hold, judged, sorted_out
from solvent.sources.pins import FILE, with_times

NUMBERS = "n INT, a INT, b INT, t STRING, m TIMESTAMP"
ROWS = [
    (0, 1, 0, "a", "2024-01-01"),
    (1, 2, 1, "5", None),
    (2, None, None, None, None),
    (3, 2461, -1, "", "9999-12-31"),
]
# Expression -> the rows for which Spark's ANSI mode raises.
FAILS = {
    "a DIV b": {0},
    "a % b": {0},
    "1 / (a - a)": {0, 1, 3},
    "1 / 0": {0, 1, 2, 3},
    "a * 2147483647": {1, 3},
    "abs(a - 2147483647 - 2)": {0},
    "CAST(t AS INT)": {0, 3},
    "CAST(a * 100 AS TINYINT)": {1, 3},
    "make_timestamp(2013, 1, 1, a DIV 100, a % 100, 0)": {3},
    "to_date(t)": {0, 1, 3},
    "from_utc_timestamp(m, t)": {0, 3},
    "timestampadd(YEAR, a * 300000, TIMESTAMP '2013-01-01')": {0, 1, 3},
    "array(1, 2)[coalesce(a, 0)]": {1, 3},
    "element_at(array(1), a)": {1, 3},
    "raise_error(t)": {0, 1, 2, 3},
    "assert_true(b > 0)": {0, 2, 3},
    "t RLIKE concat('(', t)": {0, 1, 3},
    "to_number(t, '99')": {0, 3},
    "url_decode(concat('%', t))": {0, 1, 3},
    "transform(array(1, 2), x -> x DIV b)": {0},
    "named_struct('x', a DIV b)": {0},
    "map('x', a DIV b)": {0},
    "(a DIV b) IS NULL": {0},
    "coalesce(a DIV b, 1)": {0},
    "concat(t, a DIV b)": {0},
    "if(a > 1, a DIV b, CAST(t AS INT))": {0},
    "a DIV b > 0 OR b = 0": {0},
    "b <> 0 AND a DIV b > 0": set(),
    "CASE WHEN b = 0 THEN 0 ELSE a DIV b END": set(),
    "t": set(),
    "NULL": set(),
    "rlike(t, 'a')": set(),
    "m": set(),
}


@pytest.mark.parametrize("generated", ["CODEGEN_ONLY", "NO_CODEGEN"])
def test_what_cannot_be_computed_is_known_row_by_row(spark: SparkSession, generated: str) -> None:
    """Said of every expression beside all others, whose parts Spark computes once for all; and where it is said, all is well."""
    settings = {
        "spark.sql.codegen.factoryMode": generated,
        "spark.sql.codegen.wholeStage": str(generated[0] == "C").lower(),
    }
    before = {name: spark.conf.get(name, None) for name in settings}
    for name, value in settings.items():
        spark.conf.set(name, value)
    try:
        frame = spark.createDataFrame(ROWS, NUMBERS.replace("m TIMESTAMP", "m STRING")).withColumn(
            "m", F.to_timestamp("m")
        )
        all_rows = F.col("n") >= 0
        said = frame.select("n", *(fails(one, all_rows).alias(str(k)) for k, one in enumerate(FAILS))).collect()
        found = {one: {row["n"] for row in said if row[str(k)]} for k, one in enumerate(FAILS)}
        assert found == FAILS
        # Of several conditions at once it is said, too.
        both = {one: [F.struct(F.expr(one)).cast("string") != "", F.col("n") != 2] for one in FAILS}
        held = frame.select("n", *(F.when(all_rows, hold(both[one])).alias(str(k)) for k, one in enumerate(FAILS)))
        rows = held.collect()
        found = {one: {row["n"] for row in rows if row[str(k)]} for k, one in enumerate(FAILS)}
        assert found == {one: {0, 1, 3} - failing for one, failing in FAILS.items()}
        guarded = [F.when(~fails(one, all_rows), F.expr(one)).alias(str(k)) for k, one in enumerate(FAILS)]
        assert len(frame.select(*guarded).collect()) == len(ROWS)
    finally:
        for name, value in before.items():
            spark.conf.unset(name) if value is None else spark.conf.set(name, value)


SOURCE = {
    "schema": "id INT, hour INT, part INT, whole INT",
    "key": ["id"],
    "derive": {
        "time": "make_timestamp(2024, 1, 1, hour DIV 100, hour % 100, 0)",
        "share": "part DIV whole",
        "doubled": "share * 2",
    },
    "event_time": "time + make_dt_interval(whole * 900000)",
    "available_time": "array(time, time + INTERVAL 1 HOUR)[part]",
    "expect": {"hour_is_one": "hour % 100 < 60", "half": "1 DIV (whole - 1) <= 1"},
}


def texts(spark: SparkSession, source: Source, rows: list[tuple[object, ...]]) -> DataFrame:
    """Rows of landing files as they are judged: values, and the file."""
    names = [column.name for column in source.columns]
    schema = ", ".join(f"{name} STRING" for name in [*names, "_corrupt", "_raw", FILE])
    return spark.createDataFrame(
        [(*(None if value is None else str(value) for value in row[:-1]), None, "", row[-1]) for row in rows], schema
    )


def test_a_row_that_cannot_be_computed_with_is_refused_alone_and_says_where(spark: SparkSession) -> None:
    source = Source.model_validate(SOURCE)
    rows = {
        (1, 1230, 0, 3): None,
        (2, 2461, 0, 3): "expectation hour_is_one does not hold: hour % 100 < 60",
        (3, 2430, 0, 3): "derive time cannot be computed: make_timestamp(2024, 1, 1, hour DIV 100, hour % 100, 0)",
        (4, 1230, 0, 0): "derive share cannot be computed: part DIV whole",
        (5, 1230, 0, 1): "expectation half cannot be computed: 1 DIV (whole - 1) <= 1",
        (6, 1230, 2, 3): "available_time cannot be computed: array(time, time + INTERVAL 1 HOUR)[part]",
        (7, 1230, 0, 4): "event_time is not within the years 1 to 9999: time + make_dt_interval(whole * 900000)",
        (8, 1230, 0, 2147483647): "event_time cannot be computed: time + make_dt_interval(whole * 900000)",
        (9, None, 0, 3): "expectation hour_is_one does not hold: hour % 100 < 60",
        (10, "soon", 0, 3): "hour: not INT",
        (11, 1230, 0, None): "expectation half does not hold: 1 DIV (whole - 1) <= 1",
    }
    found = judged(texts(spark, source, [(*row, "a.csv") for row in rows]), source).cache()
    assert {row["id"]: row["_reason"] for row in found.collect()} == {row[0]: why for row, why in rows.items()}
    # Whatever reads the source afterwards computes the same of accepted rows alone.
    assert with_times(found.where("_reason IS NULL").drop("_raw", "_reason", FILE), source).count() == 1


def test_a_row_whose_prediction_time_or_label_cannot_be_computed_is_refused_alone(spark: SparkSession) -> None:
    source = Source.model_validate({"schema": "id INT, hours INT, part INT, whole INT", "key": ["id"]})
    predicted = {
        "prediction.time": "event_time + make_dt_interval(0, hours * 1000000000)",
        "prediction.label.value": "CAST((part DIV whole) AS DOUBLE)",
        "prediction.label.available_time": "array(available_time)[part]",
    }
    rows = {
        (1, 0, 0, 1): None,
        (2, 9, 0, 1): "prediction.time",
        (3, 0, 0, 0): "prediction.label.value",
        (4, 0, 1, 1): "prediction.label.available_time",
        (5, None, 0, None): None,
    }
    found = judged(texts(spark, source, [(*row, "a.csv") for row in rows]), source, predicted).collect()
    said = {row["id"]: row["_reason"] for row in found}
    assert said == {row[0]: why and f"{why} cannot be computed: {predicted[why]}" for row, why in rows.items()}


KEYED = Source.model_validate({"schema": "id INT, value INT", "key": ["id"]})
FILES = ["a.csv", "b.csv", "c.csv", "d.csv"]


def arrived(seed: int) -> list[tuple[int, int, str]]:
    """For each of many keys some rows with one of few values, in any of the files."""
    chance = random.Random(seed)
    return [
        (key, chance.randrange(1 + key % 3), chance.choice(FILES))
        for key in range(300)
        for _ in range(1 + chance.randrange(6))
    ]


def fates(
    spark: SparkSession, rows: list[tuple[int, int, str]], batches: list[list[str]], partitions: int = 1
) -> Counter[Any]:
    """What becomes of rows whose files come in these batches."""
    there: list[tuple[int, int]] = []
    found: Counter[Any] = Counter()
    for files in batches:
        new = judged(texts(spark, KEYED, [row for row in rows if row[-1] in files]).repartition(partitions), KEYED)
        stored = spark.createDataFrame(there, "id INT, value INT") if there else None
        seen = sorted_out(new, KEYED, stored).select("id", "value", FILE, "_fate", "_reason").collect()
        there += [(row["id"], row["value"]) for row in seen if row["_fate"] == "accepted"]
        found.update(tuple(row) for row in seen)
    return found


def expected_fates(rows: list[tuple[int, int, str]]) -> Counter[Any]:
    """File after file and key after key."""
    there: dict[int, int] = {}
    found: Counter[Any] = Counter()
    for (file, key), group in groupby(sorted(rows, key=lambda row: (row[2], row[0])), key=lambda row: (row[2], row[0])):
        values = [value for _, value, _ in group]
        new = key not in there and len(set(values)) == 1
        if new:
            there[key] = values[0]
        for number, value in enumerate(values):
            if new and not number:
                fate, reason = "accepted", None
            elif there.get(key) == value:
                fate, reason = "duplicate", None
            else:
                which = "an earlier row" if key in there else "another row of the file"
                fate, reason = "quarantined", f"conflict: {which} has the same id and other values"
            found[key, value, file, fate, reason] += 1
    return found


def test_files_that_come_together_count_as_if_they_had_come_one_by_one(spark: SparkSession) -> None:
    rows = arrived(1)
    wanted = expected_fates(rows)
    assert {fate for *_, fate, _ in wanted} == {"accepted", "duplicate", "quarantined"}
    for batches in ([[file] for file in FILES], [FILES], [FILES[:1], FILES[1:]], [FILES[:2], FILES[2:]]):
        assert fates(spark, rows, batches) == wanted, batches
    assert fates(spark, rows[::-1], [FILES], partitions=3) == wanted
