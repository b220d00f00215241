"""Groups that look further back than they declare are found, by feature and row; a build with one is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from solvent.errors import FeatureError
from solvent.features import Feature, FeatureGroup, feature_group, reach_proof, trailing_sums
from solvent.jobs.build_features import build_feature_table
from solvent.jobs.ingest import ingest_files

DAY = timedelta(days=1)
NOW = datetime(2024, 3, 1, tzinfo=UTC)
Sources = Mapping[str, DataFrame]


def sums(days: int, declared: timedelta | None) -> FeatureGroup:
    """A group that sums over some days, whatever it declares."""

    @feature_group(sources={"facts": ["amount"]}, look_back=declared, features=[Feature(f"sum_{days}", "bigint", "")])
    def summed(rows: DataFrame, sources: Sources) -> DataFrame:
        found = trailing_sums(
            rows, sources["facts"], on=[], measures={"_sum": F.col("amount")}, windows={"all": days * DAY}
        )
        return found.withColumnRenamed("_sum_all", f"sum_{days}")

    return summed


def doubled(days: int) -> FeatureGroup:
    """A group that looks at nothing but what a group before it added."""

    @feature_group(features=[Feature("doubled", "bigint", "")])
    def made(rows: DataFrame, sources: Sources) -> DataFrame:
        return rows.withColumn("doubled", F.col(f"sum_{days}") * F.lit(2).cast("bigint"))

    return made


@pytest.fixture(scope="module")
def data(spark: SparkSession) -> tuple[DataFrame, Sources]:
    """A fact a day, and one that is always known; rows at two times."""
    times = "event_time TIMESTAMP, available_time TIMESTAMP"
    facts = [(1, at, at) for at in (NOW - n * DAY for n in range(40))]
    known = [(7, datetime(1970, 1, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC))]
    rows = spark.createDataFrame([(1, NOW), (2, NOW - DAY / 2)], "id INT, prediction_time TIMESTAMP")
    return rows, {
        "facts": spark.createDataFrame(facts, f"amount INT, {times}"),
        "known": spark.createDataFrame(known, f"always INT, {times}"),
    }


def test_what_reaches_too_far_is_named_and_what_keeps_to_it_is_not(data: tuple[DataFrame, Sources]) -> None:
    rows, sources = data

    @feature_group(sources={"known": ["always"]}, look_back=DAY, features=[Feature("always", "int", "")])
    def always(rows: DataFrame, sources: Sources) -> DataFrame:
        return rows.crossJoin(sources["known"].select("always"))

    groups = [sums(14, 14 * DAY), sums(7, 6 * DAY), doubled(7), sums(30, None), always]
    found = reach_proof(rows, groups, sources, key=["id"])
    assert [(one.key, one.feature, one.with_all, one.within_reach) for one in found] == [
        ((2,), "doubled", "14", "12"),
        ((2,), "sum_7", "7", "6"),
        ((1,), "doubled", "14", "12"),
        ((1,), "sum_7", "7", "6"),
    ]
    # Half a day less makes no difference at noon, where the oldest fact is as old.
    assert [one.key for one in reach_proof(rows, [sums(7, 6.5 * DAY)], sources, key=["id"])] == [(1,)]
    with pytest.raises(FeatureError, match="reach proof: there is no row to prove anything on"):
        reach_proof(rows.where("id > 9"), groups, sources, key=["id"])


def test_a_build_with_a_group_that_looks_further_back_is_refused(make_shop: Callable[[], Any]) -> None:
    shop = make_shop()
    run = shop.run()
    ingest_files(run)
    order, returns = run.settings.groups
    run = replace(run, settings=replace(run.settings, groups=(order, replace(returns, look_back=10 * DAY))))
    with pytest.raises(FeatureError) as caught:
        build_feature_table(run)
    said = str(caught.value)
    assert said.startswith(
        "shop.features.returns: returns_14d hangs on facts from longer before prediction time than look_back (10 days); for instance "
    )
    assert said.endswith("set look_back to the longest time that the function looks back")
    assert run.warehouse.rows("feature_builds") == []
