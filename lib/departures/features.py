"""What is known of a departure two hours before, besides what project flights knows of every flight."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.features import Feature, as_of_lookup, feature_group, trailing_sums_by

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@feature_group(
    sources={"flights": ["tailnum", "dep_delay", "arr_delay"]},
    look_back=DAY,
    features=[
        Feature("plane_dep_delay", "int", "Departure delay of the plane's last flight known, in minutes"),
        Feature("plane_arr_delay", "int", "Arrival delay of the plane's last flight known, in minutes"),
    ],
)
def plane_before(rows: DataFrame, sources: Mapping[str, DataFrame]) -> DataFrame:
    """How late the same plane last was on a flight from New York, at most a day before; null for one that comes from elsewhere."""
    values = {"plane_dep_delay": F.col("dep_delay"), "plane_arr_delay": F.col("arr_delay")}
    return as_of_lookup(rows, sources["flights"], on=["tailnum"], values=values, tolerance=DAY)


# The hours show a day that goes wrong, the weeks what is usual at this time of the day.
TRAILING = {
    "origin": (["origin"], {"6h": 6 * HOUR, "1d": DAY}),
    "carrier_origin": (["carrier", "origin"], {"1d": DAY, "14d": 14 * DAY}),
    "origin_hour": (["origin", "hour"], {"14d": 14 * DAY}),
}
WORDS = {"6h": "6 hours", "1d": "day", "14d": "14 days"}


def trailing_features() -> list[Feature]:
    """The declarations: a mean departure delay and a share of flights cancelled for each span."""
    found = []
    for what, (on, windows) in TRAILING.items():
        for window in windows:
            over = f"over flights of the same {' and '.join(on)} known in the last {WORDS[window]}"
            found.append(Feature(f"{what}_dep_delay_{window}", "double", f"Mean departure delay in minutes, {over}"))
            found.append(Feature(f"{what}_cancelled_{window}", "double", f"Share cancelled, {over}", 0, 1))
    return found


@feature_group(
    sources={"flights": ["carrier", "origin", "hour", "dep_delay"]},
    look_back=14 * DAY,
    features=trailing_features(),
)
def recent_departures(rows: DataFrame, sources: Mapping[str, DataFrame]) -> DataFrame:
    """How late flights departed that are known by the prediction time, and how many did not; null where there was none."""
    departed = F.col("dep_delay").isNotNull()
    measures = {
        "_flights": F.lit(1),
        "_departed": F.when(departed, 1).otherwise(0),
        "_minutes": F.coalesce("dep_delay", F.lit(0)),
    }
    summed = trailing_sums_by(rows, sources["flights"], by=TRAILING, measures=measures)
    means = {}
    for what, (_, windows) in TRAILING.items():
        for window in windows:
            flights, left, minutes = (F.col(f"{measure}_{what}_{window}") for measure in measures)
            means[f"{what}_dep_delay_{window}"] = minutes / F.nullif(left, F.lit(0))
            means[f"{what}_cancelled_{window}"] = (flights - left) / F.nullif(flights, F.lit(0))
    return summed.withColumns(means).select(*rows.columns, *means)
