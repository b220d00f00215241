"""What departures adds to the features of flights: by hand, and without what comes later."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.testing import assertDataFrameEqual

from departures.features import plane_before, recent_departures
from solvent.config.project import Project, load_project
from solvent.features import build, reach_proof, truncation_proof
from solvent.features.table import labelled_rows
from solvent.sources.pins import with_times

ROOT = Path(__file__).resolve().parents[2]
NOON = datetime(2013, 3, 11, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
FLIGHT = (
    "tailnum STRING, carrier STRING, origin STRING, hour INT, dep_delay INT, arr_delay INT, event_time TIMESTAMP, "
    "available_time TIMESTAMP"
)
ROW = "id STRING, tailnum STRING, carrier STRING, origin STRING, hour INT, prediction_time TIMESTAMP"


def utc(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2013, 3, day, hour, minute, tzinfo=UTC)


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project("departures", ROOT)


@pytest.fixture(scope="module")
def flights(spark: SparkSession) -> DataFrame:
    """Scheduled, and known, at."""
    return spark.createDataFrame(
        [
            ("N1", "ZZ", "JFK", 7, 30, 25, utc(11, 5), utc(11, 9)),
            # The plane's last flight, but still in the air at noon.
            ("N1", "ZZ", "JFK", 8, 90, 80, utc(11, 9), NOON),
            ("N1", "ZZ", "JFK", 9, 10, None, utc(10, 1), utc(10, 4)),
            # Cancelled.
            ("N2", "ZZ", "JFK", 9, None, None, utc(10, 10), utc(11, 10)),
            # More than a day ago: nothing of the plane's, but of the last 14 days.
            ("N2", "ZZ", "JFK", 10, 4, 0, utc(8, 15), utc(8, 19)),
            ("N3", "AA", "JFK", 10, -6, -9, utc(11, 4), utc(11, 8)),
            ("N3", "ZZ", "EWR", 10, 50, 50, utc(11, 4), utc(11, 8)),
            # More than 14 days before noon.
            ("N3", "ZZ", "JFK", 10, 500, 500, NOON - 15 * DAY, NOON - 15 * DAY),
        ],
        FLIGHT,
    ).cache()


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(
        [("a", "N1", "ZZ", "JFK", 10, NOON), ("b", "N2", "XX", "LGA", 10, NOON), ("c", None, "AA", "JFK", 9, NOON)], ROW
    )


def test_a_plane_was_as_late_as_on_its_last_flight_known(rows: DataFrame, flights: DataFrame) -> None:
    found = build(rows, [plane_before], {"flights": flights}).orderBy("id").collect()
    # One flight is known too late, one was too long ago, and a plane without a number was on none.
    assert [(row["plane_dep_delay"], row["plane_arr_delay"]) for row in found] == [(30, 25), (None, None), (None, None)]


def test_departures_are_counted_once_known_and_cancelled_ones_apart(rows: DataFrame, flights: DataFrame) -> None:
    found = {row["id"]: row.asDict() for row in build(rows, [recent_departures], {"flights": flights}).collect()}
    expected = {
        "origin_dep_delay_6h": (30 - 6) / 2, "origin_cancelled_6h": 1 / 3,
        "origin_dep_delay_1d": (30 - 6) / 2, "origin_cancelled_1d": 1 / 3,
        "carrier_origin_dep_delay_1d": 30.0, "carrier_origin_cancelled_1d": 1 / 2,
        "carrier_origin_dep_delay_14d": (30 + 10 + 4) / 3, "carrier_origin_cancelled_14d": 1 / 4,
        "origin_hour_dep_delay_14d": (4 - 6) / 2, "origin_hour_cancelled_14d": 0.0,
    }  # fmt: skip
    given = [name.split(" ")[0] for name in ROW.split(", ")]
    assert {name: value for name, value in found["a"].items() if name not in given} == expected
    assert {value for name, value in found["b"].items() if name not in given} == {None}


def test_no_group_uses_what_was_not_yet_available_or_is_older_than_it_declares(
    rows: DataFrame, flights: DataFrame
) -> None:
    groups = [plane_before, recent_departures]
    assert truncation_proof(rows, groups, {"flights": flights}, key=["id"], samples=1) == []
    assert reach_proof(rows, groups, {"flights": flights}, key=["id"], samples=1) == []


def test_a_delay_is_known_at_departure_and_a_cancellation_a_day_later(spark: SparkSession, project: Project) -> None:
    """Before the flight has landed, which is when its row counts as a fact."""
    columns = [column.name for column in project.predicted.columns]
    lines = [
        # Departed 54 minutes late, and was 175 minutes in the air.
        [2013, 3, 9, 53, 2359, 54, None, None, 26, "B6", 727, "N1", "JFK", "SJU", 175, 1598, 23, 59, None],
        [2013, 3, 8, None, 1615, None, None, None, None, "EV", 4294, "N2", "EWR", "BUF", None, 282, 16, 15, None],
        # Early.
        [2013, 3, 8, 555, 600, -5, None, None, -9, "UA", 1, "N3", "EWR", "ORD", 120, 719, 6, 0, None],
    ]
    schema = ", ".join(column.ddl.replace(" NOT NULL", "") for column in project.predicted.columns)
    assert len(columns) == len(lines[0])
    facts = with_times(spark.createDataFrame([tuple(line) for line in lines], schema), project.predicted)
    rows = labelled_rows(project, facts, utc(1, 0), utc(31, 0))
    found = rows.join(facts.select("flight", "available_time"), "flight").select(
        "flight", "prediction_time", "_label", "_label_available_time", "available_time"
    )
    expected = [
        (727, utc(10, 2, 59), 54.0, utc(10, 5, 53), utc(10, 10, 48)),
        (4294, utc(8, 19, 15), None, utc(9, 21, 15), utc(9, 21, 15)),
        (1, utc(8, 9), -5.0, utc(8, 10, 55), utc(8, 14, 55)),
    ]
    types = (
        "flight INT NOT NULL, prediction_time TIMESTAMP, _label DOUBLE, _label_available_time TIMESTAMP, "
        "available_time TIMESTAMP"
    )
    assertDataFrameEqual(found, spark.createDataFrame(expected, types), ignoreNullable=True)


def test_features_of_flights_are_taken_as_they_are(project: Project) -> None:
    named = {path.split(".")[0] for path in project.features}
    assert named == {"flights", "departures"}
    flights = load_project("flights", ROOT)
    assert set(flights.features) < set(project.features)
