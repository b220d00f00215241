"""What is known in the morning of how warm the day will get: the time of the year, yesterday, and the days before.

All days are of one place, so that look-ups and sums agree in nothing but time.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from solvent.features import Feature, as_of_lookup, feature_group, trailing_sums

DAY = timedelta(days=1)
# Yesterday began 30 hours before six in the morning, give or take one when clocks are set.
YESTERDAY = timedelta(hours=36)
NORMALS = ["day_of_normals", "temp"]


def celsius(fahrenheit: Column) -> Column:
    """Degrees Celsius."""
    return (fahrenheit - 32) * 5 / 9


def normal_days(normals: DataFrame) -> DataFrame:
    """The 30-year averages by day: day_of_normals, normal_max and normal_min, °C, the warmest and the coldest hour."""
    warmest, coldest = celsius(F.max("temp")), celsius(F.min("temp"))
    return normals.groupBy("day_of_normals").agg(warmest.alias("normal_max"), coldest.alias("normal_min"))


@feature_group(
    sources={"normals": NORMALS},
    features=[
        Feature("season", "string", "Season of the calendar"),
        Feature("normal_max", "double", "Warmest hour of the day on average over 30 years, °C"),
        Feature("normal_min", "double", "Coldest hour of the day on average over 30 years, °C"),
    ],
)
def season(rows: DataFrame, sources: Mapping[str, DataFrame]) -> DataFrame:
    """What is usual at this time of the year."""
    quarter = F.floor(F.month("day") % 12 / 3)
    names = F.array(*(F.lit(name) for name in ("winter", "spring", "summer", "autumn")))
    return (
        rows.join(normal_days(sources["normals"]), "day_of_normals", "left")
        .withColumn("season", F.element_at(names, quarter.cast("int") + 1))
        .select(*rows.columns, "season", "normal_max", "normal_min")
    )


OBSERVED = {
    "max_yesterday": ("temp_max", "Highest temperature of yesterday, °C"),
    "min_yesterday": ("temp_min", "Lowest temperature of yesterday, °C"),
    "precipitation_yesterday": ("precipitation", "Rain and snow of yesterday, mm"),
    "wind_yesterday": ("wind", "Wind of yesterday, m/s"),
}


@feature_group(
    sources={"days": ["weather", *(column for column, _ in OBSERVED.values())]},
    look_back=YESTERDAY,
    features=[
        *(Feature(name, "double", text) for name, (_, text) in OBSERVED.items()),
        Feature("weather_yesterday", "string", "Weather of yesterday in a word"),
    ],
)
def day_before(rows: DataFrame, sources: Mapping[str, DataFrame]) -> DataFrame:
    """Yesterday; null if it was not reported by the morning."""
    values = {name: F.col(column) for name, (column, _) in OBSERVED.items()}
    values["weather_yesterday"] = F.col("weather")
    return as_of_lookup(rows, sources["days"], on=[], values=values, tolerance=YESTERDAY)


WINDOWS = {"3d": 3 * DAY, "7d": 7 * DAY, "30d": 30 * DAY}


@feature_group(
    sources={"days": ["day_of_normals", "temp_max", "precipitation"], "normals": NORMALS},
    look_back=max(WINDOWS.values()),
    features=[
        feature
        for window, length in WINDOWS.items()
        for feature in (
            Feature(f"above_normal_{window}", "double", f"Mean of highest less normal, °C, over {length.days} days"),
            Feature(f"rain_days_{window}", "double", f"Share of {length.days} days with rain or snow", 0, 1),
        )
    ],
)
def recent_days(rows: DataFrame, sources: Mapping[str, DataFrame]) -> DataFrame:
    """How much warmer than normal it has been, and how wet; null where no day is known."""
    days = sources["days"].join(normal_days(sources["normals"]), "day_of_normals", "left")
    hundredths = F.round((F.col("temp_max") - F.col("normal_max")) * 100).cast("int")
    measures = {
        "_days": F.lit(1),
        "_above": hundredths,
        "_rain": F.when(F.col("precipitation") > 0, 1).otherwise(0),
    }
    summed = trailing_sums(rows, days, on=[], measures=measures, windows=WINDOWS)
    means = {}
    for window in WINDOWS:
        known = F.nullif(F.col(f"_days_{window}"), F.lit(0))
        means[f"above_normal_{window}"] = F.col(f"_above_{window}") / known / 100
        means[f"rain_days_{window}"] = F.col(f"_rain_{window}") / known
    return summed.withColumns(means).select(*rows.columns, *means)
