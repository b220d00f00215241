"""Proof that features use nothing from after prediction time: delete all of it, build again, and compare.

What a feature is allowed to see is decided by its code, and read wrongly as easily as written wrongly. So it is tested on data: for some
prediction times, every fact that became available at or after them is deleted, the features are built again, and must be exactly
the same. A leak shows if a fact it uses exists for a row sampled; what no sampled row uses stays unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.errors import FeatureError
from solvent.features.build import build
from solvent.features.group import FeatureGroup

MOST = 1000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Leak:
    """A feature of one row that differs once the facts from its prediction time on are deleted."""

    prediction_time: datetime
    key: tuple[object, ...]
    feature: str
    with_all: str | None
    without_later: str | None


def truncation_proof(
    rows: DataFrame,
    groups: Sequence[FeatureGroup],
    sources: Mapping[str, DataFrame],
    *,
    key: Sequence[str],
    samples: int = 5,
) -> list[Leak]:
    """Compares features with those built from truncated sources.

    Args:
        rows: As for build; their key is unique.
        groups: As for build.
        sources: As for build.
        key: The columns that name a row.
        samples: How many distinct prediction times to try, chosen by hash.

    Returns:
        The leaks found, at most 1000, in the order of time, key and feature; none if all is well.

    Raises:
        FeatureError: If a group does not do what it declares, or there is no row.
    """
    times = sampled_times(rows, samples, "truncation proof")
    features = [feature.name for group in groups for feature in group.features]
    with_all = build(rows, groups, sources).where(F.unix_micros("prediction_time").isin(times))
    without = reduce(DataFrame.unionByName, [build_until(time, rows, groups, sources) for time in times])
    found = differences(with_all, without, [*key, "prediction_time"], features)
    return [Leak(*one) for one in first_of(found, key)]


def first_of(
    found: DataFrame, key: Sequence[str]
) -> list[tuple[datetime, tuple[object, ...], str, str | None, str | None]]:
    """The first differences, at most 1000, in the order of time, key and feature: these three, and the feature's value either way."""
    ordered = found.orderBy("prediction_time", *key, "feature").limit(MOST)
    return [
        (
            EPOCH + timedelta(microseconds=row["_micros"]),
            tuple(row[name] for name in key),
            row["feature"],
            row["with_all"],
            row["without_later"],
        )
        for row in ordered.withColumn("_micros", F.unix_micros("prediction_time")).collect()
    ]


def sampled_times(rows: DataFrame, samples: int, proof: str) -> list[int]:
    """Distinct prediction times of rows, chosen by hash, in microseconds since 1970.

    Raises:
        FeatureError: If there is no row, naming the proof.
    """
    order = F.xxhash64("prediction_time")
    chosen = rows.select("prediction_time").distinct().orderBy(order, "prediction_time").limit(samples)
    # As numbers, because Spark gives a time as the driver's local clock reads, which shows some moments twice.
    times = [int(row[0]) for row in chosen.select(F.unix_micros("prediction_time")).collect()]
    if not times:
        raise FeatureError(f"{proof}: there is no row to prove anything on; choose dates that have some")
    return times


def build_until(
    time: int, rows: DataFrame, groups: Sequence[FeatureGroup], sources: Mapping[str, DataFrame]
) -> DataFrame:
    """The features of the rows of one prediction time, in microseconds since 1970, from what was available before it."""
    moment = F.timestamp_micros(F.lit(time))
    until = {name: facts.where(F.col("available_time") < moment) for name, facts in sources.items()}
    return build(rows.where(F.col("prediction_time") == moment), groups, until)


def differences(with_all: DataFrame, without: DataFrame, key: Sequence[str], features: Sequence[str]) -> DataFrame:
    """The features that differ: key, feature STRING, with_all STRING, without_later STRING.

    A row that only one of both has differs in every feature that is not null.
    """
    left = with_all.select(*key, F.struct(*features).alias("with_all"))
    right = without.select(*key, F.struct(*features).alias("without_later"))
    each = [
        F.struct(
            F.lit(name).alias("feature"),
            F.col("with_all")[name].cast("string").alias("with_all"),
            F.col("without_later")[name].cast("string").alias("without_later"),
            F.col("with_all")[name].eqNullSafe(F.col("without_later")[name]).alias("same"),
        )
        for name in features
    ]
    compared = left.join(right, list(key), "full_outer").select(*key, F.inline(F.array(*each)))
    return compared.where(~F.col("same")).drop("same")


def require_no_leak(
    rows: DataFrame,
    groups: Sequence[FeatureGroup],
    sources: Mapping[str, DataFrame],
    *,
    key: Sequence[str],
    samples: int = 5,
) -> None:
    """Refuses groups with a leak; arguments as for truncation_proof.

    Raises:
        FeatureError: Naming the groups and features that leak, and one row to look at.
    """
    leaks = truncation_proof(rows, groups, sources, key=key, samples=samples)
    if leaks:
        owner = {feature.name: group.name for group in groups for feature in group.features}
        leaking = ", ".join(sorted({f"{owner[leak.feature]}: {leak.feature}" for leak in leaks}))
        first = leaks[0]
        row = ", ".join(f"{name}={value}" for name, value in zip(key, first.key, strict=True))
        raise FeatureError(
            f"features use facts from after prediction time ({leaking}); for instance {first.feature} of {row} at "
            f"{first.prediction_time:%Y-%m-%d %H:%M:%S}: {first.with_all}, but {first.without_later} from what was available "
            "before; use only facts with available_time < prediction_time, as as_of_lookup and trailing_sums do"
        )
