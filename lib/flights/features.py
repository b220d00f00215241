"""What is known of a flight two hours before its scheduled departure.

Local-time columns of the data (sched_dep_time, hour, sched_arr_time) are clock readings at the airport: people schedule and delays
build up by the clock, so features of the schedule use them as they are. sched_arr_time is the clock of the destination and may be of
the next day; it is used only as a reading. Whatever compares two moments uses UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.features import Feature, as_of_lookup, feature_group, trailing_sums_by

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
# Rain, wind and cloud change within hours; an observation older than this says little.
WEATHER_TOLERANCE = 6 * HOUR


@feature_group(
    features=[
        Feature("sched_minute", "int", "Scheduled departure, minutes since local midnight", 0, 1439),
        Feature("sched_arr_minute", "int", "Scheduled arrival, minutes since midnight at the destination", 0, 1440),
        Feature("hour_block", "string", "Part of the local day of scheduled departure"),
        Feature("day_of_week", "string", "Local day of the week of scheduled departure"),
        Feature("carrier_code", "string", "Carrier"),
        Feature("origin_airport", "string", "Airport of departure"),
        Feature("distance_miles", "int", "Distance in miles", 0),
    ]
)
def schedule(rows: DataFrame, sources: Mapping[str, DataFrame]) -> DataFrame:
    """The timetable itself."""
    local_day = F.make_date("year", "month", "day")
    hour = F.col("hour")
    block = (
        F.when(hour < 9, "05-08")
        .when(hour < 12, "09-11")
        .when(hour < 15, "12-14")
        .when(hour < 18, "15-17")
        .otherwise("18-24")
    )
    return rows.withColumns(
        {
            "sched_minute": F.col("hour") * 60 + F.col("minute"),
            "sched_arr_minute": F.floor(F.col("sched_arr_time") / 100).cast("int") * 60 + F.col("sched_arr_time") % 100,
            "hour_block": block,
            "day_of_week": F.date_format(local_day, "E"),
            "carrier_code": F.col("carrier"),
            "origin_airport": F.col("origin"),
            "distance_miles": F.col("distance"),
        }
    )


WEATHER = {
    "wind_speed_mph": ("wind_speed", "Wind speed in miles per hour"),
    "wind_gust_mph": ("wind_gust", "Speed of gusts in miles per hour; none is 0"),
    "visibility_miles": ("visib", "Visibility in miles"),
    "pressure_hpa": ("pressure", "Sea level pressure in hectopascal"),
    "temperature_f": ("temp", "Temperature in degrees Fahrenheit"),
    "humidity_percent": ("humid", "Relative humidity in percent"),
    "precipitation_inches": ("precip", "Precipitation of the hour in inches"),
}


@feature_group(
    sources={"weather": ["origin", *(column for column, _ in WEATHER.values())]},
    look_back=WEATHER_TOLERANCE,
    features=[
        Feature(name, "double", f"{text}, latest observation at the origin") for name, (_, text) in WEATHER.items()
    ],
)
def weather_at_origin(rows: DataFrame, sources: Mapping[str, DataFrame]) -> DataFrame:
    """The latest hourly observation at the origin that was available, at most six hours old."""
    values = {name: F.col(column) for name, (column, _) in WEATHER.items()}
    # A missing gust means that there was none, as there is never a gust of zero in the data.
    values["wind_gust_mph"] = F.coalesce("wind_gust", F.when(F.col("wind_speed").isNotNull(), F.lit(0.0)))
    return as_of_lookup(rows, sources["weather"], on=["origin"], values=values, tolerance=WEATHER_TOLERANCE)


@feature_group(
    sources={"planes": ["tailnum", "year", "seats"]},
    features=[
        Feature("plane_age_years", "int", "Years since the plane was built", 0),
        Feature("plane_seats", "int", "Seats of the plane", 0),
    ],
)
def plane(rows: DataFrame, sources: Mapping[str, DataFrame]) -> DataFrame:
    """Age and size of the plane, from the register of planes; null for a tail number that is not in it."""
    register = sources["planes"].select("tailnum", F.col("year").alias("_built"), F.col("seats").alias("plane_seats"))
    return (
        rows.join(register, "tailnum", "left")
        .withColumn("plane_age_years", F.when(F.col("year") >= F.col("_built"), F.col("year") - F.col("_built")))
        .select(*rows.columns, "plane_age_years", "plane_seats")
    )


# Two weeks smooth over days, a day catches how it goes at present, three hours a storm that is under way.
TRAILING = {
    "carrier": (["carrier"], {"14d": 14 * DAY, "1d": DAY}),
    "origin": (["origin"], {"14d": 14 * DAY, "1d": DAY, "3h": 3 * HOUR}),
    "dest": (["dest"], {"14d": 14 * DAY, "1d": DAY}),
    "route": (["carrier", "origin", "dest"], {"28d": 28 * DAY}),
}
WORDS = {"14d": "14 days", "28d": "28 days", "1d": "day", "3h": "3 hours"}


def trailing_features() -> list[Feature]:
    """The declarations, one share and one mean delay for each span."""
    found = []
    for what, (_, windows) in TRAILING.items():
        for window in windows:
            over = f"over flights of the same {what} known in the last {WORDS[window]}"
            found.append(Feature(f"{what}_late_{window}", "double", f"Share more than 15 minutes late, {over}", 0, 1))
            found.append(Feature(f"{what}_delay_{window}", "double", f"Mean arrival delay in minutes, {over}"))
    return found


@feature_group(
    sources={"flights": ["carrier", "origin", "dest", "arr_delay"]},
    look_back=28 * DAY,
    features=trailing_features(),
)
def recent_delays(rows: DataFrame, sources: Mapping[str, DataFrame]) -> DataFrame:
    """How late the flights were that had landed and were reported by the prediction time; null where there was none.

    A flight in the air, and all the more the flight itself, has an available time after its prediction time and is not counted.
    """
    arrived = F.col("arr_delay").isNotNull()
    measures = {
        "_flights": F.when(arrived, 1).otherwise(0),
        "_late": F.when(F.col("arr_delay") > 15, 1).otherwise(0),
        "_minutes": F.coalesce("arr_delay", F.lit(0)),
    }
    summed = trailing_sums_by(rows, sources["flights"], by=TRAILING, measures=measures)
    shares = {}
    for what, (_, windows) in TRAILING.items():
        for window in windows:
            flights, late, minutes = (F.col(f"{measure}_{what}_{window}") for measure in measures)
            shares[f"{what}_late_{window}"] = late / F.nullif(flights, F.lit(0))
            shares[f"{what}_delay_{window}"] = minutes / F.nullif(flights, F.lit(0))
    return summed.withColumns(shares).select(*rows.columns, *shares)
