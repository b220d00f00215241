"""Groups are held to what they declare; builds are made once, refused before anything is written, and narrowed without a change."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual

from solvent.errors import FeatureError
from solvent.features import Feature, FeatureGroup, build, feature_group, load_groups
from solvent.features.builds import build_features
from solvent.features.columns import columns_of
from solvent.features.ledger import build_name, read_build
from solvent.features.table import featured, labelled_rows, narrowed, read_once
from solvent.sources.pins import Pin, source_table, with_times

Compute = Callable[[DataFrame, Mapping[str, DataFrame]], DataFrame]
DAY, MICROSECOND = timedelta(days=1), timedelta(microseconds=1)


def day(month: int, number: int) -> datetime:
    return datetime(2024, month, number, tzinfo=UTC)


def group(compute: Compute, *features: str, reads: Mapping[str, list[str]] | None = None) -> FeatureGroup:
    """A group that declares features such as "x int"."""
    declared = [Feature(*feature.split(" "), "For the test") for feature in features]
    return feature_group(features=declared, sources=reads)(compute)


@pytest.fixture(scope="module")
def rows(spark: SparkSession) -> DataFrame:
    return spark.createDataFrame(
        [(1, 2.5, day(2, 1)), (2, None, day(2, 2))], "id INT, amount DOUBLE, prediction_time TIMESTAMP"
    )


@pytest.fixture(scope="module")
def sources(spark: SparkSession) -> dict[str, DataFrame]:
    schema = "id INT, v INT, secret INT, event_time TIMESTAMP, available_time TIMESTAMP"
    return {"facts": spark.createDataFrame([(1, 10, 99, day(1, 1), day(1, 2))], schema)}


def adds_x(rows: DataFrame, sources: Mapping[str, DataFrame]) -> DataFrame:
    return rows.withColumn("x", F.col("id") * 10)


def test_groups_add_their_features_in_the_order_declared_and_may_use_earlier_ones(
    spark: SparkSession, rows: DataFrame, sources: dict[str, DataFrame]
) -> None:
    def joins(rows: DataFrame, sources: Mapping[str, DataFrame]) -> DataFrame:
        assert sources.keys() == {"facts"}
        assert sources["facts"].columns == ["id", "v", "event_time", "available_time"]
        return rows.join(sources["facts"].select("id", "v"), "id", "left").select(
            "v", (F.col("x") + 1).alias("y"), *rows.columns
        )

    found = build(rows, [group(adds_x, "x int"), group(joins, "y int", "v int", reads={"facts": ["id", "v"]})], sources)
    expected = spark.createDataFrame(
        [(1, 2.5, day(2, 1), 10, 11, 10), (2, None, day(2, 2), 20, 21, None)],
        "id INT, amount DOUBLE, prediction_time TIMESTAMP, x INT, y INT, v INT",
    )
    assert found.columns == expected.columns
    assertDataFrameEqual(found, expected)


BREACHES: dict[str, tuple[Compute, list[str], str]] = {
    "undeclared": (adds_x, [], "column x is expected to be absent, but is int"),
    "missing": (adds_x, ["x int", "y int"], "column y is expected to be int, but is absent"),
    "type": (adds_x, ["x bigint"], "column x is expected to be bigint, but is int"),
    "row column dropped": (
        lambda rows, _: adds_x(rows, {}).drop("amount"),
        ["x int"],
        "column amount is expected to be double, but is absent",
    ),
    "row column of another type": (
        lambda rows, _: adds_x(rows, {}).withColumn("amount", F.lit("much")),
        ["x int"],
        "column amount is expected to be double, but is string",
    ),
    "taken": (adds_x, ["amount double"], "adds amount, but rows have a column of that name; rename the feature"),
    "twice": (
        lambda rows, _: adds_x(rows, {}).select("*", F.lit(1).alias("x")),
        ["x int"],
        "returns two columns of one name: id, amount, prediction_time, x, x",
    ),
    "row column twice": (
        lambda rows, _: adds_x(rows, {}).select("*", F.lit(1).alias("id")),
        ["x int"],
        "returns two columns of one name",
    ),
}


@pytest.mark.parametrize("breach", BREACHES)
def test_a_group_that_does_not_do_what_it_declares_is_named(rows: DataFrame, breach: str) -> None:
    compute, features, says = BREACHES[breach]
    with pytest.raises(FeatureError) as caught:
        build(rows, [group(compute, *features)], {})
    assert says in str(caught.value)
    assert str(caught.value).startswith(f"{compute.__module__}.{compute.__name__}: ")


@pytest.mark.parametrize(
    ("reads", "says"),
    [
        ({"fact": ["id"]}, "adds_x: reads the source fact; there are: facts"),
        (
            {"facts": ["id", "w"]},
            "adds_x: reads w of the source facts, which has: id, v, secret, event_time, available_time",
        ),
    ],
)
def test_a_source_or_column_that_is_not_there_is_named(
    rows: DataFrame, sources: dict[str, DataFrame], reads: dict[str, list[str]], says: str
) -> None:
    with pytest.raises(FeatureError) as caught:
        build(rows, [group(adds_x, "x int", reads=reads)], sources)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    "compute",
    [
        lambda rows, sources: rows.crossJoin(sources["facts"].select(F.col("secret").alias("x"))),
        lambda rows, sources: rows.crossJoin(sources["others"].select("x")),
    ],
    ids=["column", "source"],
)
def test_what_a_group_reads_without_declaring_it_is_named(
    rows: DataFrame, sources: dict[str, DataFrame], compute: Compute
) -> None:
    with pytest.raises(FeatureError, match=r"secret|others"):
        build(rows, [group(compute, "x int", reads={"facts": ["id"]})], sources)


def test_what_cannot_be_a_feature_is_refused_where_it_is_declared(shop_package: Any) -> None:
    with pytest.raises(FeatureError, match="feature x: type float is not one of bigint, boolean, double, int, string"):
        Feature("x", "float", "")
    with pytest.raises(
        FeatureError, match=r"feature group shop\.features\.F: shop\.features has a module of that name"
    ):
        load_groups(["shop.features.F"])
    with pytest.raises(
        FeatureError, match=r"feature group shop\.features\.ordr: shop\.features has nothing of that name"
    ):
        load_groups(["shop.features.ordr"])
    with pytest.raises(FeatureError, match=r"feature group shop\.feature\.order: there is no module shop\.feature;"):
        load_groups(["shop.feature.order"])


@pytest.fixture(scope="module")
def ingested(make_shop: Any) -> Any:
    """A run whose sources are there, at their first version: four orders a day from 2024-01-10 to 2024-02-29.

    Every fourth order has no label. The tables are written as ingest would, at a fraction of its cost.
    """
    run = make_shop().run(say=lambda _: None)
    orders = run.spark.sql(
        "SELECT CAST(id AS INT) AS id, concat('c', id % 5) AS customer, "
        "TIMESTAMP '2024-01-10 00:00:00' + make_dt_interval(0, CAST(id AS INT) * 6) AS placed, "
        "CAST(id % 50 AS DOUBLE) + 1 AS amount, IF(id % 4 = 0, NULL, CAST(id % 3 = 0 AS INT)) AS returned FROM range(204)"
    )
    customers = run.spark.sql(
        "SELECT concat('c', id) AS customer, IF(id = 0, 'south', 'north') AS region FROM range(5)"
    )
    return replace(
        run, given_pins=tuple(pinned(run, *source) for source in (("customers", customers), ("orders", orders)))
    )


def pinned(run: Any, source: str, facts: DataFrame) -> Pin:
    """Writes the facts of a source, and pins them."""
    table, columns = source_table(source), run.project.sources[source].columns
    run.warehouse.create(table, columns)
    run.warehouse.append(table, facts.coalesce(1), source)
    at = run.warehouse.brought(table, source)
    return Pin(source, at.id, at.version, at.timestamp, facts.count(), f"digest of {source}")


def unsliced(run: Any) -> Any:
    """The project without slices, so that a group of the test's own will do."""
    return run.project.model_copy(update={"evaluation": run.project.evaluation.model_copy(update={"slices": ()})})


def made(run: Any, groups: Any = None, code: str = "", as_of: date = date(2024, 3, 1), force: bool = False) -> Any:
    project, groups = unsliced(run) if code else run.project, groups or run.settings.groups
    return build_features(run.warehouse, project, groups, run.pins, as_of, code or run.code.digest, run.facts, force)


THERE = "source orders has prediction times from 2024-01-10 00:00:00 to 2024-02-29 18:00:00: choose another --as-of"
EMPTY = [
    (date(2024, 1, 5), "the train window, 2023-11-24 00:00 to 2023-12-24 00:00 UTC, has no rows"),
    (date(2024, 1, 20), "the train window, 2023-12-09 00:00 to 2024-01-08 00:00 UTC, has no rows"),
    (date(2024, 3, 20), "the holdout window, 2024-03-08 00:00 to 2024-03-18 00:00 UTC, has no rows"),
]


@pytest.mark.parametrize(("as_of", "window"), EMPTY)
def test_a_window_without_rows_is_refused_before_anything_is_written(ingested: Any, as_of: date, window: str) -> None:
    before = tables(ingested)
    with pytest.raises(FeatureError) as caught:
        made(ingested, as_of=as_of)
    assert window in str(caught.value)
    assert THERE in str(caught.value)
    assert tables(ingested) == before


def tables(run: Any) -> list[str]:
    """All files of all tables."""
    folder = run.settings.root / "var/tables"
    return sorted(str(path) for path in folder.rglob("*") if path.is_file())


def test_times_in_a_refusal_are_utc_wherever_the_machine_is(ingested: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "America/New_York")
        time.tzset()
        try:
            with pytest.raises(FeatureError) as caught:
                made(ingested, as_of=date(2024, 3, 20))
        finally:
            elsewhere.undo()
            time.tzset()
    assert THERE in str(caught.value)


def test_a_build_is_made_once_and_made_again_alike_by_force(ingested: Any) -> None:
    first, was_made = made(ingested)
    before = tables(ingested)
    second, again = made(ingested)
    third, forced = made(ingested, force=True)
    assert (was_made, again, forced) == (True, False, True)
    assert first == second == third
    assert tables(ingested) == before
    rows = read_build(ingested.warehouse, first)
    assert rows.columns == [column.name for column in columns_of(ingested.project, ingested.settings.groups)]
    # The windows are the 40 days before 2024-02-28.
    counts = rows.agg(F.count("*"), F.count("label"), F.countDistinct("id"), F.min("prediction_time").cast("string"))
    assert tuple(counts.collect()[0]) == (160, 120, 160, "2024-01-19 00:00:00")


def test_a_function_that_depends_on_more_than_its_inputs_is_caught_by_force(ingested: Any) -> None:
    first, _ = made(ingested)
    order, returns = ingested.settings.groups

    def drifted(rows: DataFrame, sources: Mapping[str, DataFrame]) -> DataFrame:
        return order.compute(rows, sources).withColumn("hour", (F.col("hour") + F.lit(1)).cast("int"))

    says = rf"build {first.build[:12]} was made before with content {first.digest[:12]}, and now has \w+: a feature function depends on"
    with pytest.raises(FeatureError, match=says):
        made(ingested, [replace(order, compute=drifted), returns], force=True)
    assert made(ingested) == (first, False)


def test_a_build_is_named_by_all_that_shapes_it_and_by_nothing_else(ingested: Any) -> None:
    project, pins, as_of = ingested.project, ingested.pins, date(2024, 3, 1)
    facts = ingested.facts
    name = build_name(project, pins, as_of, "code", facts)
    repinned = [pins[0], replace(pins[1], digest="other")]
    windows = project.model_copy(update={"windows": project.windows.model_copy(update={"train": 31 * DAY})})
    others = {
        build_name(project, pins, as_of, "other code", facts),
        build_name(project, pins, as_of + DAY, "code", facts),
        build_name(project, repinned, as_of, "code", facts),
        build_name(windows, pins, as_of, "code", facts),
        build_name(unsliced(ingested), pins, as_of, "code", facts),
        *(build_name(project, pins, as_of, "code", {**facts, one: "other"}) for one in facts),
    }
    assert len(others - {name}) == 5 + len(facts)
    assert (
        build_name(project.model_copy(update={"gates": (), "model": project.baseline}), pins, as_of, "code", facts)
        == name
    )


def test_a_function_that_loses_rows_is_caught(ingested: Any) -> None:
    def loses(rows: DataFrame, sources: Mapping[str, DataFrame]) -> DataFrame:
        return adds_x(rows, sources).where("id % 7 > 0")

    with pytest.raises(FeatureError, match="rows"):
        made(ingested, [group(loses, "x int")], "loses")


def orders(run: Any, placed: list[tuple[int, datetime, int | None]]) -> DataFrame:
    """Facts of the source orders: id, placed, returned; all of one customer; available two days after they are placed."""
    values = [(number, "c1", when, 1.0, returned) for number, when, returned in placed]
    columns = "id INT, customer STRING, placed TIMESTAMP, amount DOUBLE, returned INT"
    return with_times(run.spark.createDataFrame(values, columns), run.project.sources["orders"])


def customers(run: Any) -> DataFrame:
    return with_times(
        run.spark.createDataFrame([("c1", "north")], "customer STRING, region STRING"), run.project.sources["customers"]
    )


SINCE, UNTIL = day(2, 1), day(2, 11)
# Available 14 days before the first prediction time, and a microsecond more; at and before the last.
EDGES = [
    (1, SINCE - 16 * DAY - MICROSECOND, 1),
    (2, SINCE - 16 * DAY, 1),
    (3, SINCE, 1),
    (4, UNTIL - 2 * DAY - MICROSECOND, None),
    (5, UNTIL - 2 * DAY, 1),
    (6, UNTIL - MICROSECOND, 0),
    (7, UNTIL, 0),
]


def test_rows_are_those_of_the_interval_and_their_labels_are_put_aside(ingested: Any) -> None:
    found = labelled_rows(ingested.project, orders(ingested, EDGES), SINCE, UNTIL)
    expected = [(3, SINCE, 1.0), (4, EDGES[3][1], None), (5, EDGES[4][1], 1.0), (6, EDGES[5][1], 0.0)]
    expected_rows = ingested.spark.createDataFrame(
        [(number, "c1", when, 1.0, when, label, when + 2 * DAY) for number, when, label in expected],
        "id INT, customer STRING, placed TIMESTAMP, amount DOUBLE, prediction_time TIMESTAMP, _label DOUBLE, "
        "_label_available_time TIMESTAMP",
    )
    assertDataFrameEqual(found, expected_rows)


def test_facts_are_narrowed_to_what_can_matter_and_no_further(ingested: Any) -> None:
    project, groups, facts = ingested.project, ingested.settings.groups, orders(ingested, EDGES)

    def kept(groups: Any) -> list[int]:
        frame = narrowed(project, groups, "orders", facts, SINCE, UNTIL)
        return sorted(row["id"] for row in frame.collect())

    assert kept(groups) == [2, 3, 4]
    # Without a look-back, history has no beginning.
    assert kept([*groups, group(adds_x, "x int", reads={"orders": ["id"]})]) == [1, 2, 3, 4]
    always_known = customers(ingested)
    assertDataFrameEqual(narrowed(project, groups, "customers", always_known, SINCE, UNTIL), always_known)


def test_narrowing_changes_no_feature(ingested: Any) -> None:
    project, groups = ingested.project, ingested.settings.groups
    unread = orders(ingested, EDGES).withColumn("unread", F.lit(1))
    facts = {"orders": unread, "customers": customers(ingested)}
    with read_once(project, groups, facts, SINCE, UNTIL) as once:
        assert {row["id"] for row in once["orders"].collect()} == {2, 3, 4, 5, 6}
        assert set(once["orders"].columns) == {*unread.columns} - {"unread"}
        found = featured(project, groups, once, SINCE, UNTIL)
        assert once["orders"].is_cached
    assert not once["orders"].is_cached
    rows = labelled_rows(project, facts["orders"], SINCE, UNTIL)
    whole = build(rows, groups, facts).withColumnsRenamed(
        {"_label": "label", "_label_available_time": "label_available_time"}
    )
    assertDataFrameEqual(found, whole.select(*found.columns))
    # The second fact is known for exactly 14 days at the first prediction time, the first one for longer.
    assert {row["id"]: row["returns_14d"] for row in found.collect()} == {3: 1, 4: 1, 5: 1, 6: 1}
