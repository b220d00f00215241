"""What proofs on data share: prediction times to try, and the first differences between two ways to build the same features."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.errors import FeatureError

MOST = 1000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
