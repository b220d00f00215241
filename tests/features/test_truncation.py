"""Honest groups pass the truncation proof; leaks that are planted are found, each with its feature and row."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from solvent.errors import FeatureError
from solvent.features import (
    Feature,
    Leak,
    as_of_lookup,
    feature_group,
    require_no_leak,
    trailing_sums,
    truncation_proof,
)

HOUR = timedelta(hours=1)
Sources = Mapping[str, DataFrame]


def at(hour: float) -> datetime:
    return datetime(2024, 3, 1, tzinfo=UTC) + timedelta(hours=hour)


@pytest.fixture(scope="module")
def facts(spark: SparkSession) -> DataFrame:
    """Flights of one carrier that depart on the hour: event time; available when they land; delay."""
    flights = [
        (1, at(1), at(3), 10),
        (2, at(2), at(5), 20),  # lands at the very prediction time of flight 4
        (3, at(4), at(9), 40),  # is in the air when flights 4 and 5 are predicted
        (4, at(6), at(8), 80),
        (5, at(7), at(10), 160),
    ]
    return spark.createDataFrame(
        [(number, "AA", *rest) for number, *rest in flights],
        "id INT, carrier STRING, event_time TIMESTAMP, available_time TIMESTAMP, delay INT",
    )


@pytest.fixture(scope="module")
def rows(facts: DataFrame) -> DataFrame:
    """Flights 4 and 5, an hour before departure: at 5 and at 6 o'clock."""
    return facts.where("id >= 4").select("id", "carrier", (F.col("event_time") - F.lit(HOUR)).alias("prediction_time"))


READS = {"flights": ["id", "carrier", "delay"]}


@feature_group(sources=READS, features=[Feature("sum_24h", "bigint", "")])
def sums(rows: DataFrame, sources: Sources) -> DataFrame:
    found = trailing_sums(
        rows,
        sources["flights"],
        on=["carrier"],
        measures={"sum": F.col("delay")},
        windows={"24h": 24 * HOUR},
    )
    return found


@feature_group(sources=READS, features=[Feature("last", "int", "")])
def last(rows: DataFrame, sources: Sources) -> DataFrame:
    return as_of_lookup(rows, sources["flights"], on=["carrier"], values={"last": F.col("delay")}, tolerance=24 * HOUR)


@feature_group(sources=READS, features=[Feature("hour", "int", ""), Feature("own", "int", "")])
def own_outcome(rows: DataFrame, sources: Sources) -> DataFrame:
    own = sources["flights"].select("id", F.col("delay").alias("own"))
    return rows.withColumn("hour", F.hour("prediction_time")).join(own, "id", "left")


def total(rows: DataFrame, sources: Sources, name: str, known: str) -> DataFrame:
    """The sum of the delays of facts that are known by a rule."""
    others = sources["flights"].select(F.col("carrier").alias("_carrier"), "event_time", "available_time", "delay")
    joined = rows.join(others, (F.col("carrier") == F.col("_carrier")) & F.expr(known), "left")
    return joined.groupBy(*rows.columns).agg(F.sum("delay").alias(name))


@feature_group(sources=READS, features=[Feature("at_the_moment", "bigint", "")])
def at_the_moment(rows: DataFrame, sources: Sources) -> DataFrame:
    return total(rows, sources, "at_the_moment", "available_time <= prediction_time")


@feature_group(sources=READS, features=[Feature("by_event", "bigint", "")])
def by_event_time(rows: DataFrame, sources: Sources) -> DataFrame:
    return total(rows, sources, "by_event", "event_time < prediction_time")


@feature_group(sources=READS, features=[Feature("carrier_mean", "double", "")])
def over_everything(rows: DataFrame, sources: Sources) -> DataFrame:
    means = sources["flights"].groupBy("carrier").agg(F.avg("delay").alias("carrier_mean"))
    return rows.join(means, "carrier", "left").select(*rows.columns, "carrier_mean")


@feature_group(sources=READS, features=[Feature("is_known", "boolean", "")])
def drops_unknown_rows(rows: DataFrame, sources: Sources) -> DataFrame:
    known = sources["flights"].select("id", F.lit(True).alias("is_known"))
    return rows.join(known, "id")


def leak(time: datetime, key: int, feature: str, with_all: object, without_later: object) -> tuple[object, ...]:
    said = [None if value is None else str(value) for value in (with_all, without_later)]
    return (time.timestamp(), (key,), feature, *said)


def found(leaks: list[Leak]) -> list[tuple[object, ...]]:
    return [(one.prediction_time.timestamp(), one.key, one.feature, one.with_all, one.without_later) for one in leaks]


def test_leaks_of_every_kind_are_found_with_feature_and_row_and_honest_groups_are_not(
    rows: DataFrame, facts: DataFrame
) -> None:
    groups = [sums, own_outcome, last, at_the_moment, by_event_time, over_everything]
    assert found(truncation_proof(rows, groups, {"flights": facts}, key=["id"])) == [
        leak(at(5), 4, "at_the_moment", 30, 10),
        leak(at(5), 4, "by_event", 70, 10),
        leak(at(5), 4, "carrier_mean", 62.0, 10.0),
        leak(at(5), 4, "own", 80, None),
        leak(at(6), 5, "by_event", 70, 30),
        leak(at(6), 5, "carrier_mean", 62.0, 15.0),
        leak(at(6), 5, "own", 160, None),
    ]


def test_honest_groups_have_nothing_to_find_and_did_see_facts(rows: DataFrame, facts: DataFrame) -> None:
    require_no_leak(rows, [sums, last], {"flights": facts}, key=["id"])
    built = last.compute(sums.compute(rows, {"flights": facts}), {"flights": facts})
    assert sorted((row["id"], row["sum_24h"], row["last"]) for row in built.collect()) == [(4, 10, 10), (5, 30, 20)]


def test_a_row_that_exists_only_with_later_facts_is_a_leak(rows: DataFrame, facts: DataFrame) -> None:
    leaks = truncation_proof(rows.where("id = 5"), [drops_unknown_rows], {"flights": facts}, key=["id"])
    assert found(leaks) == [leak(at(6), 5, "is_known", "true", None)]


def test_as_many_prediction_times_are_tried_as_asked_for(rows: DataFrame, facts: DataFrame) -> None:
    (one,) = truncation_proof(rows, [own_outcome], {"flights": facts}, key=["id"], samples=1)
    assert one.feature == "own"


def test_the_refusal_names_groups_features_and_one_row_to_look_at(rows: DataFrame, facts: DataFrame) -> None:
    with pytest.raises(FeatureError) as caught:
        require_no_leak(rows.where("id = 4"), [own_outcome, sums, by_event_time], {"flights": facts}, key=["id"])
    here = __name__
    assert str(caught.value).startswith(
        f"features use facts from after prediction time ({here}.by_event_time: by_event, {here}.own_outcome: own); "
        "for instance by_event of id=4 at 2024-03-01 05:00:00: 70, but 10 from what was available before; "
    )
    assert "use only facts with available_time < prediction_time" in str(caught.value)


def test_no_row_proves_nothing(rows: DataFrame, facts: DataFrame) -> None:
    with pytest.raises(FeatureError, match="there is no row to prove anything on"):
        truncation_proof(rows.where("id > 9"), [sums], {"flights": facts}, key=["id"])


def test_the_proof_holds_where_the_machines_clock_repeats_an_hour(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On 2024-11-03 at 06:30 UTC the clocks of New York show 01:30 for the second time."""
    when = datetime(2024, 11, 3, 6, 30, tzinfo=UTC)
    schema = "id INT, carrier STRING, event_time TIMESTAMP, available_time TIMESTAMP, delay INT"
    facts = spark.createDataFrame([(1, "AA", when, when + HOUR, 10)], schema)
    rows = spark.createDataFrame([(1, "AA", when)], "id INT, carrier STRING, prediction_time TIMESTAMP")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "America/New_York")
        time.tzset()
        try:
            leaks = truncation_proof(rows, [own_outcome], {"flights": facts}, key=["id"])
        finally:
            elsewhere.undo()
            time.tzset()
    assert [one.feature for one in leaks] == ["own"]
