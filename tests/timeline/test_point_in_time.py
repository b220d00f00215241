"""What was known at a prediction time: edges to the microsecond, ties, late facts, and a brute-force computation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual

from solvent.errors import FeatureError
from solvent.features import as_of_lookup, trailing_sums, trailing_sums_by

HOUR, MICROSECOND = timedelta(hours=1), timedelta(microseconds=1)
ROWS = "id STRING, prediction_time TIMESTAMP"
FACTS = "id STRING, event_time TIMESTAMP, available_time TIMESTAMP, v INT, w INT"


def at(hour: int, minute: int = 0) -> datetime:
    return datetime(2024, 3, 1, hour, minute, tzinfo=UTC)


NOON = at(12)
# Case -> its facts (event time, available time, v, w), and the v and w found at noon with a tolerance of two hours.
LOOKUPS: dict[str, tuple[list[tuple[Any, ...]], tuple[int | None, int | None]]] = {
    "no fact": ([], (None, None)),
    "known": ([(at(11), at(11, 30), 1, 2)], (1, 2)),
    "available at prediction time": ([(at(11), NOON, 1, 2)], (None, None)),
    "available just before": ([(at(11), NOON - MICROSECOND, 1, 2)], (1, 2)),
    "happened as long ago as tolerated": ([(at(10), at(10), 1, 2)], (1, 2)),
    "happened longer ago": ([(at(10) - MICROSECOND, at(11), 1, 2)], (None, None)),
    "the latest known, not the latest": ([(at(11), at(11), 1, 2), (at(11, 30), at(12, 30), 3, 4)], (1, 2)),
    "reported later, happened earlier": ([(at(11), at(11, 10), 1, 2), (at(10, 30), at(11, 50), 3, 4)], (1, 2)),
    "corrected": ([(at(11), at(11, 40), 0, 0), (at(11), at(11, 10), 1, 2)], (0, 0)),
    "correction not known yet": ([(at(11), at(12, 10), 0, 0), (at(11), at(11, 10), 1, 2)], (1, 2)),
    "tie": ([(at(11), at(11), 1, 9), (at(11), at(11), 2, 1), (at(11), at(11), None, 99)], (2, 1)),
    "null in the latest": ([(at(11), at(11), 1, 2), (at(11, 30), at(11, 30), None, 4)], (None, 4)),
    "foretold": ([(at(13), at(11), 1, 2), (at(11, 30), at(11, 30), 3, 4)], (1, 2)),
    "never available": ([(at(11), None, 1, 2)], (None, None)),
    "event time unknown": ([(None, at(11), 1, 2)], (None, None)),
}


def test_lookup_finds_the_latest_fact_known(spark: SparkSession) -> None:
    asked = [(case, NOON) for case in LOOKUPS] + [(None, NOON), ("known", None), ("known", NOON), ("known", at(11, 30))]
    facts = [(case, *fact) for case, (given, _) in LOOKUPS.items() for fact in given] + [(None, at(11), at(11), 7, 7)]
    found = as_of_lookup(
        spark.createDataFrame(asked, ROWS),
        spark.createDataFrame(facts, FACTS),
        on=["id"],
        values={"a": F.col("v"), "b": F.col("w")},
        tolerance=2 * HOUR,
    )
    expected = [(case, NOON, *values) for case, (_, values) in LOOKUPS.items()]
    # A null agrees with nothing; a row without a time is kept; rows of one moment have the same; at 11:30 it is not known yet.
    expected += [(None, NOON, None, None), ("known", None, None, None), ("known", NOON, 1, 2)]
    expected += [("known", at(11, 30), None, None)]
    assertDataFrameEqual(found, spark.createDataFrame(expected, f"{ROWS}, a INT, b INT"))


def test_lookup_takes_all_values_from_one_fact_and_keeps_the_rows_columns(spark: SparkSession) -> None:
    rows = spark.createDataFrame([(9, "x", "y", NOON)], "other INT, p STRING, q STRING, prediction_time TIMESTAMP")
    facts = spark.createDataFrame(
        [("x", "y", at(11), at(11), None, 5), ("x", "z", at(11, 30), at(11, 30), 8, 8)],
        f"p STRING, q STRING, {FACTS.partition(', ')[2]}",
    )
    found = as_of_lookup(
        rows, facts, on=["p", "q"], values={"sum": F.coalesce("v", F.lit(0)) + F.col("w")}, tolerance=HOUR
    )
    assert found.columns == ["other", "p", "q", "prediction_time", "sum"]
    assertDataFrameEqual(
        found, spark.createDataFrame([(9, "x", "y", NOON, 5)], ", ".join([rows_schema(rows), "sum INT"]))
    )


def rows_schema(frame: DataFrame) -> str:
    return ", ".join(f"{field.name} {field.dataType.simpleString()}" for field in frame.schema)


# Case -> its facts (available time, v), and at noon the number and sum of v of the last hour and of the last three.
SUMS: dict[str, tuple[list[tuple[Any, ...]], tuple[int, int, int, int]]] = {
    "no fact": ([], (0, 0, 0, 0)),
    "in the window": ([(at(11, 30), 5)], (1, 5, 1, 5)),
    "at its start": ([(at(11), 5)], (1, 5, 1, 5)),
    "just before its start": ([(at(11) - MICROSECOND, 5)], (0, 0, 1, 5)),
    "at the start of the longer": ([(at(9), 5)], (0, 0, 1, 5)),
    "before both": ([(at(9) - MICROSECOND, 5)], (0, 0, 0, 0)),
    "at prediction time": ([(NOON, 5)], (0, 0, 0, 0)),
    "just before prediction time": ([(NOON - MICROSECOND, 5)], (1, 5, 1, 5)),
    "after": ([(at(13), 5)], (0, 0, 0, 0)),
    "null counts as 0": ([(at(11, 30), None), (at(11, 40), 2)], (2, 2, 2, 2)),
    "nulls only": ([(at(11, 30), None)], (1, 0, 1, 0)),
    "negative": ([(at(11, 30), -3), (at(10), 2)], (1, -3, 2, -1)),
    "same moment": ([(at(11, 30), 1)] * 3, (3, 3, 3, 3)),
    "never available": ([(None, 5)], (0, 0, 0, 0)),
}


def test_sums_are_over_windows_closed_at_their_start_and_open_at_their_end(spark: SparkSession) -> None:
    asked = [(case, NOON) for case in SUMS] + [(None, NOON), ("in the window", None), ("in the window", NOON)]
    facts = [(case, when, v) for case, (given, _) in SUMS.items() for when, v in given] + [(None, at(11, 30), 7)]
    found = trailing_sums(
        spark.createDataFrame(asked, ROWS),
        spark.createDataFrame(facts, "id STRING, available_time TIMESTAMP, v TINYINT"),
        on=["id"],
        measures={"n": F.lit(1), "v": F.col("v")},
        windows={"1h": HOUR, "3h": 3 * HOUR},
    )
    expected = [(case, NOON, *values) for case, (_, values) in SUMS.items()]
    expected += [(None, NOON, 0, 0, 0, 0), ("in the window", None, 0, 0, 0, 0), ("in the window", NOON, 1, 5, 1, 5)]
    schema = f"{ROWS}, n_1h BIGINT, v_1h BIGINT, n_3h BIGINT, v_3h BIGINT"
    assert found.columns == [part.split(" ")[0] for part in schema.split(", ")]
    assertDataFrameEqual(found, spark.createDataFrame(expected, schema))


@pytest.mark.parametrize("kind", ["double", "decimal(10,2)", "string", "boolean"])
def test_sums_that_would_not_be_exact_are_refused(spark: SparkSession, kind: str) -> None:
    rows, facts = spark.createDataFrame([], ROWS), spark.createDataFrame([], FACTS)
    with pytest.raises(FeatureError) as caught:
        trailing_sums(rows, facts, on=["id"], measures={"m": F.col("v").cast(kind)}, windows={"1h": HOUR})
    assert f"measure m: is {kind}; make it an integer" in str(caught.value)


def test_sums_by_several_keys_are_those_of_each_and_plan_each_once(spark: SparkSession) -> None:
    asked = [(who, where, at(hour)) for who in ("a", "b", None) for where in ("x", "y") for hour in (11, 12)]
    facts = [
        (who, where, at(9 + n % 3, 7 * n), n) for n in range(8) for who, where in (("a", "x"), ("b", "y"), ("a", "y"))
    ]
    rows = spark.createDataFrame(asked, "who STRING, where STRING, prediction_time TIMESTAMP")
    frame = spark.createDataFrame(facts, "who STRING, where STRING, available_time TIMESTAMP, v INT")
    measures = {"n": F.lit(1), "v": F.col("v")}
    by = {
        "who": (["who"], {"1h": HOUR, "3h": 3 * HOUR}),
        "both": (["who", "where"], {"1h": HOUR}),
        "all": ([], {"2h": 2 * HOUR}),
    }
    found = trailing_sums_by(rows, frame, by=by, measures=measures)
    chained = rows
    for name, (on, windows) in by.items():
        named = {f"{name}_{window}": length for window, length in windows.items()}
        chained = trailing_sums(chained, frame, on=on, measures=measures, windows=named)
    assert found.columns == chained.columns
    assertDataFrameEqual(found, chained)
    # Rows are planned once for each key, and once themselves; in a chain, twice as often with each key.
    assert (reads_of(found), reads_of(chained)) == (4, 8)


def reads_of(frame: DataFrame) -> int:
    """How often the rows stand in a plan."""
    plan = frame._jdf.queryExecution().analyzed().toString()
    return sum("LogicalRDD [who" in line and "prediction_time" in line for line in plan.splitlines())


# A dozen minutes and three values of `on`, so that nearly every edge and tie occurs among a few dozen facts.
moments = st.integers(0, 12)
ids = st.sampled_from(["a", "b", "c", None])
asked_rows = st.lists(st.tuples(ids, moments), min_size=30, max_size=60)
known_facts = st.lists(st.tuples(ids, moments, moments, st.integers(-2, 2) | st.none()), min_size=40, max_size=90)
WINDOWS = {"short": 2, "long": 5}


def minute(number: int) -> datetime:
    return NOON + timedelta(minutes=number)


def brute_force(row: tuple[Any, int], facts: list[tuple[Any, ...]]) -> tuple[Any, ...]:
    """The definitions, word for word: the value looked up, and the sum over each window."""
    who, now = row
    mine = [fact for fact in facts if who is not None and fact[0] == who and fact[2] < now]
    latest = max(mine, key=lambda fact: (fact[1], fact[2], -100 if fact[3] is None else fact[3]), default=None)
    looked_up = latest[3] if latest is not None and latest[1] >= now - 4 else None
    sums = [sum(fact[3] or 0 for fact in mine if fact[2] >= now - length) for length in WINDOWS.values()]
    return (who, minute(now).replace(tzinfo=None), looked_up, *sums)


@given(asked_rows, known_facts, st.permutations(range(6)))
@settings(max_examples=2, deadline=None, derandomize=True, database=None)
def test_both_equal_brute_force_in_any_order_and_partitioning(
    spark: SparkSession, asked: list[tuple[Any, int]], facts: list[tuple[Any, ...]], layout: list[int]
) -> None:
    rows = spark.createDataFrame([(who, minute(now)) for who, now in asked], ROWS)
    frame = spark.createDataFrame(
        [(who, minute(event), minute(available), v, 0) for who, event, available, v in facts], FACTS
    )
    rows, frame = rows.repartition(layout[0] + 1), frame.orderBy(F.rand(layout[1])).repartition(layout[2] + 1)
    found = trailing_sums(
        as_of_lookup(rows, frame, on=["id"], values={"found": F.col("v")}, tolerance=timedelta(minutes=4)),
        frame,
        on=["id"],
        measures={"v": F.col("v")},
        windows={name: timedelta(minutes=length) for name, length in WINDOWS.items()},
    )
    as_text = found.withColumn("prediction_time", F.col("prediction_time").cast("timestamp_ntz"))
    assert sorted(map(repr, map(tuple, as_text.collect()))) == sorted(repr(brute_force(row, facts)) for row in asked)
