"""The flights' features on real days of 2013, among them those on which clocks were set forward and back."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual

from flights.features import plane, recent_delays, schedule, weather_at_origin
from flights.staging import lines_by_date, lines_of, package_data
from solvent.config.project import Project, load_project
from solvent.features import build, load_groups, reach_proof, truncation_proof
from solvent.features.table import labelled_rows
from solvent.sources.pins import with_times

ROOT = Path(__file__).resolve().parents[2]
# Clocks are set forward on 2013-03-10 and back on 2013-11-03; on 2013-10-30 a flight departs at 2400.
DAYS = [date(2013, 3, day) for day in range(8, 13)] + [date(2013, 10, 30), date(2013, 11, 2), date(2013, 11, 3)]
MICROSECOND = timedelta(microseconds=1)


def utc(month: int, day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2013, month, day, hour, minute, tzinfo=UTC)


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project("flights", ROOT)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The real data of the days, and the register of planes, as files of CSV."""
    folder, data = tmp_path_factory.mktemp("flights"), package_data()
    for source, name in (("flights", "flights.csv.zip"), ("weather", "weather.csv")):
        header, lines_on = lines_by_date(data / name)
        (folder / f"{source}.csv").write_text(header + "".join(line for day in DAYS for line in lines_on[day]))
    (folder / "planes.csv").write_text("".join(lines_of(data / "planes.csv")))
    return {source: folder / f"{source}.csv" for source in ("flights", "weather", "planes")}


@pytest.fixture(scope="module")
def sources(spark: SparkSession, project: Project, files: dict[str, Path]) -> dict[str, DataFrame]:
    """Facts as stages read them."""

    def facts(source: str) -> DataFrame:
        declared = project.sources[source]
        schema = ", ".join(column.ddl.replace(" NOT NULL", "") for column in declared.columns)
        reader = spark.read.options(header=True, nullValue="NA", mode="FAILFAST").schema(schema)
        return with_times(reader.csv(str(files[source])), declared).cache()

    return {source: facts(source) for source in files}


def rows_of(project: Project, flights: DataFrame) -> DataFrame:
    """All flights as rows to predict."""
    rows = labelled_rows(project, flights, utc(1, 1, 0), utc(12, 31, 0))
    return rows.drop("_label", "_label_available_time")


def test_scheduled_departures_are_the_right_moments_in_both_offsets(sources: dict[str, DataFrame]) -> None:
    """The data tell the hour of departure in UTC in a column that is not used."""
    local = F.make_timestamp(*(F.col(name) for name in ("year", "month", "day", "hour", "minute")), F.lit(0))
    offset = (F.unix_seconds("scheduled_departure") - F.unix_seconds(local)) / 3600
    found = (
        sources["flights"]
        .groupBy("month", "day")
        .agg(
            F.collect_set(offset).alias("offsets"),
            F.count_if(F.date_trunc("hour", "scheduled_departure") != F.col("time_hour")).alias("wrong"),
        )
        .collect()
    )
    offsets = {(row["month"], row["day"]): row["offsets"] for row in found}
    assert {row["wrong"] for row in found} == {0}
    assert offsets == {
        (3, 8): [5.0], (3, 9): [5.0], (3, 10): [4.0], (3, 11): [4.0], (3, 12): [4.0],
        (10, 30): [4.0], (11, 2): [4.0], (11, 3): [5.0],
    }  # fmt: skip


def test_times_of_single_flights_worked_out_by_hand(spark: SparkSession, sources: dict[str, DataFrame]) -> None:
    chosen = sources["flights"].where(
        "(month, day, carrier, flight, sched_dep_time) IN ((3, 8, 'EV', 4294, 1615), (3, 9, 'B6', 727, 2359), "
        "(3, 10, 'B6', 727, 2359), (10, 30, 'B6', 839, 2359))"
    )
    found = chosen.select("day", "dep_time", "dep_delay", "air_time", "arr_delay", "event_time", "available_time")
    expected = spark.createDataFrame(
        [
            # Cancelled at 16:15 EST: known a day later.
            (8, None, None, None, None, utc(3, 8, 21, 15), utc(3, 9, 21, 15)),
            # 23:59 EST, 54 minutes late, 2:55 in the air, and 2:00; clocks are set forward meanwhile.
            (9, 53, 54, 175, 26, utc(3, 10, 4, 59), utc(3, 10, 10, 48)),
            # 23:59 EDT, 7 minutes late, 3:06 in the air, and 2:00; it departs and arrives on the next day.
            (10, 6, 7, 186, -2, utc(3, 11, 3, 59), utc(3, 11, 9, 12)),
            # At 24:00 EDT, a minute late, 3:02 in the air, and 2:00.
            (30, 2400, 1, 182, -10, utc(10, 31, 3, 59), utc(10, 31, 9, 2)),
        ],
        "day INT, dep_time INT, dep_delay INT, air_time INT, arr_delay INT, event_time TIMESTAMP, available_time TIMESTAMP",
    )
    assertDataFrameEqual(found, expected)


def test_every_real_row_keeps_the_expectations(project: Project, sources: dict[str, DataFrame]) -> None:
    assert sources["flights"].where("dep_time = 2400").count() > 0
    for name, facts in sources.items():
        broken = [F.count_if(~F.expr(rule)).alias(key) for key, rule in project.sources[name].expect.items()]
        times = [F.count_if(F.col(key).isNull()).alias(key) for key in ("event_time", "available_time")]
        assert set(facts.agg(*broken, *times).collect()[0]) == {0}, name


def test_no_group_uses_what_was_not_yet_available_or_is_older_than_it_declares(
    project: Project, sources: dict[str, DataFrame]
) -> None:
    """At five in the afternoon; what was in the air then, and all later days, are in the data."""
    rows = rows_of(project, sources["flights"]).where("month = 3 AND day = 11 AND sched_dep_time = 1900")
    groups = load_groups(project.features)
    assert len(groups) == 4
    assert truncation_proof(rows, groups, sources, key=project.predicted.key, samples=1) == []
    assert reach_proof(rows, groups, sources, key=project.predicted.key, samples=1) == []


def test_weather_is_the_latest_that_was_published(
    spark: SparkSession, files: dict[str, Path], sources: dict[str, DataFrame]
) -> None:
    """An observation is available an hour after its time, and tolerated until six hours after."""
    asked = {
        # Before and after the observation of 3 o'clock EDT, the hour after 1 o'clock EST, is available.
        utc(3, 10, 8): "2013-03-10T06:00:00Z",
        utc(3, 10, 8) + MICROSECOND: "2013-03-10T07:00:00Z",
        # The hour from 1 to 2 o'clock comes twice.
        utc(11, 3, 6, 30): "2013-11-03T05:00:00Z",
        utc(11, 3, 7, 30): "2013-11-03T06:00:00Z",
        # The last observation there is of these days.
        utc(3, 13, 9): "2013-03-13T03:00:00Z",
        utc(3, 13, 9) + MICROSECOND: None,
    }
    with files["weather"].open() as lines:
        real = {line["time_hour"]: line for line in csv.DictReader(lines) if line["origin"] == "EWR"}
    columns = ("wind_speed", "wind_gust", "visib", "pressure", "temp", "humid", "precip")

    def values(time_hour: str | None) -> list[Any]:
        if time_hour is None:
            return [None] * len(columns)
        line = {name: None if real[time_hour][name] == "NA" else float(real[time_hour][name]) for name in columns}
        return [0.0 if name == "wind_gust" and value is None else value for name, value in line.items()]

    rows = spark.createDataFrame([("EWR", when) for when in asked], "origin STRING, prediction_time TIMESTAMP")
    found = build(rows, [weather_at_origin], sources)
    schema = ", ".join(f"{feature.name} DOUBLE" for feature in weather_at_origin.features)
    expected = [("EWR", when, *values(time_hour)) for when, time_hour in asked.items()]
    assertDataFrameEqual(found, spark.createDataFrame(expected, f"origin STRING, prediction_time TIMESTAMP, {schema}"))
    assert len({tuple(row[3:]) for row in expected}) == len(asked)


def test_a_plane_has_an_age_where_the_register_tells_when_it_was_built(
    spark: SparkSession, files: dict[str, Path], sources: dict[str, DataFrame]
) -> None:
    with files["planes"].open() as lines:
        register = {line["tailnum"]: line for line in csv.DictReader(lines)}
    dated = next(line for line in register.values() if line["year"] == "2004")
    undated = next(line for line in register.values() if line["year"] == "NA")
    cases = [
        (dated["tailnum"], 2013, 9, int(dated["seats"])),
        (dated["tailnum"], 2004, 0, int(dated["seats"])),
        (dated["tailnum"], 2003, None, int(dated["seats"])),
        (undated["tailnum"], 2013, None, int(undated["seats"])),
        ("N0NE", 2013, None, None),
        (None, 2013, None, None),
    ]
    schema = "id INT, tailnum STRING, year INT"
    rows = spark.createDataFrame([(number, *case[:2]) for number, case in enumerate(cases)], schema)
    expected = [(number, *case) for number, case in enumerate(cases)]
    assertDataFrameEqual(
        build(rows, [plane], sources),
        spark.createDataFrame(expected, f"{schema}, plane_age_years INT, plane_seats INT"),
    )


FLIGHT = "carrier STRING, origin STRING, dest STRING, arr_delay INT, event_time TIMESTAMP, available_time TIMESTAMP"


def test_recent_delays_count_what_had_landed_and_not_the_flight_itself(spark: SparkSession) -> None:
    """Predicted on 2013-03-11 at 12:00 UTC, for a departure at 14:00."""
    noon, day = utc(3, 11, 12), timedelta(days=1)
    facts = spark.createDataFrame(
        [
            ("ZZ", "JFK", "BUF", 20, utc(3, 11, 7), utc(3, 11, 10)),
            ("ZZ", "JFK", "ROC", 10, utc(3, 10, 15), utc(3, 10, 18)),
            # 15 minutes are not late yet.
            ("ZZ", "EWR", "BUF", 15, utc(3, 8, 15), utc(3, 8, 18)),
            ("AA", "JFK", "BUF", -10, utc(3, 11, 6), utc(3, 11, 9)),
            # Cancelled: known, and not counted.
            ("ZZ", "JFK", "BUF", None, utc(3, 10, 8), utc(3, 11, 8)),
            # In the air.
            ("ZZ", "JFK", "BUF", 500, utc(3, 11, 9), noon),
            # The flight itself.
            ("ZZ", "JFK", "BUF", 100, utc(3, 11, 14), utc(3, 11, 17)),
            # More than 14 days ago, less than 28.
            ("ZZ", "JFK", "BUF", 40, noon - 20 * day, noon - 20 * day),
            # More than 28 days ago.
            ("ZZ", "JFK", "BUF", 999, noon - 29 * day, noon - 29 * day),
        ],
        FLIGHT,
    )
    rows = spark.createDataFrame(
        [("ZZ", "JFK", "BUF", noon), ("XX", "LGA", "SEA", noon)],
        "carrier STRING, origin STRING, dest STRING, prediction_time TIMESTAMP",
    )
    found = {row["carrier"]: row.asDict() for row in build(rows, [recent_delays], {"flights": facts}).collect()}
    expected = {
        "carrier_late_14d": 1 / 3, "carrier_delay_14d": 45 / 3, "carrier_late_1d": 1 / 2, "carrier_delay_1d": 30 / 2,
        "origin_late_14d": 1 / 3, "origin_delay_14d": 20 / 3, "origin_late_1d": 1 / 3, "origin_delay_1d": 20 / 3,
        "origin_late_3h": 1 / 2, "origin_delay_3h": 10 / 2,
        "dest_late_14d": 1 / 3, "dest_delay_14d": 25 / 3, "dest_late_1d": 1 / 2, "dest_delay_1d": 10 / 2,
        "route_late_28d": 2 / 2, "route_delay_28d": 60 / 2,
    }  # fmt: skip
    given = ("carrier", "origin", "dest", "prediction_time")
    assert {name: value for name, value in found["ZZ"].items() if name not in given} == expected
    assert {value for name, value in found["XX"].items() if name not in given} == {None}


def test_the_schedule_is_told_by_local_clocks(spark: SparkSession, project: Project) -> None:
    columns = (
        "hour INT, minute INT, sched_arr_time INT, month INT, day INT, distance INT, origin STRING, carrier STRING"
    )
    rows = spark.createDataFrame(
        [
            (5, 0, 630, 3, 10, 80, "EWR", "UA"),
            (23, 59, 2400, 3, 11, 1576, "JFK", "B6"),
            (12, 5, None, 3, 12, 1, "LGA", None),
        ],
        columns,
    ).withColumn("year", F.lit(2013))
    found = build(rows, [schedule], {}).select(*(feature.name for feature in schedule.features))
    expected = spark.createDataFrame(
        [
            (300, 390, "05-08", "Sun", "UA", "EWR", 80),
            (1439, 1440, "18-24", "Mon", "B6", "JFK", 1576),
            (725, None, "12-14", "Tue", None, "LGA", 1),
        ],
        "sched_minute INT, sched_arr_minute INT, hour_block STRING, day_of_week STRING, carrier_code STRING, "
        "origin_airport STRING, distance_miles INT",
    )
    assertDataFrameEqual(found, expected)
