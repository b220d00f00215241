"""The life of a small model after release: labels mature, days are measured once, late rows measure them again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.testing import assertDataFrameEqual
from sklearn import metrics as sk

from solvent.jobs.ingest import ingest_files
from solvent.jobs.monitor import monitor_version
from solvent.jobs.score import score_interval
from solvent.monitoring import Monitored
from solvent.monitoring.coverage import COVERAGE
from solvent.monitoring.drift import DRIFT
from solvent.monitoring.health import HEALTH, MODEL_HEALTH
from solvent.monitoring.labels import with_labels
from solvent.monitoring.performance import PERFORMANCE
from solvent.monitoring.verdict import DEVIATIONS
from solvent.scoring import batches

RELEASED, TURNS, ENDS = date(2024, 3, 1), date(2024, 3, 13), date(2024, 4, 12)
HEADER = "id,customer,placed,amount,returned"


def test_labels_mature_when_their_time_has_passed(spark: SparkSession) -> None:
    at = [datetime(2024, 3, 1, hour, tzinfo=UTC) for hour in range(4)]
    predictions = spark.createDataFrame([(n, 0.5) for n in range(5)], "id INT, prediction DOUBLE")
    labels = spark.createDataFrame(
        [(0, 1.0, at[1]), (1, 0.0, at[2]), (2, None, at[1]), (3, None, at[3])],
        "id INT, label DOUBLE, label_available_time TIMESTAMP",
    )
    expected = [(0, 0.5, 1.0, "matured"), (1, 0.5, None, "pending"), (2, 0.5, None, "never"), (3, 0.5, None, "pending")]
    expected.append((4, 0.5, None, "pending"))
    schema = "id INT, prediction DOUBLE, label DOUBLE, label_state STRING"
    found = with_labels(predictions, labels, ["id"], at[2]).select("id", "prediction", "label", "label_state")
    assertDataFrameEqual(found, spark.createDataFrame(expected, schema))


@pytest.fixture(scope="module")
def living(released: Any, make_order_lines: Any, turned: Any) -> Any:
    """A Shop whose champion scored 42 days, of which the last 30 have the opposite outcome."""
    lines = [*make_order_lines(RELEASED, TURNS), *map(turned, make_order_lines(TURNS, ENDS))]
    released.land("orders", "life.csv", [HEADER, *lines])
    run = released.run()
    ingest_files(run)
    score_interval(run, run.registry.find("shop", "1"), moment(RELEASED), moment(ENDS))
    return released


def moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def monitored(shop: Any, as_of: date) -> Monitored:
    run = shop.run(as_of)
    return monitor_version(run, run.registry.find("shop", "1"))


def counts(shop: Any) -> list[int]:
    warehouse = shop.run().warehouse
    return [ledger.count(warehouse) for ledger in (PERFORMANCE, COVERAGE, DEVIATIONS, DRIFT, HEALTH, MODEL_HEALTH)]


def test_before_the_turn_nothing_deviates_and_running_again_adds_nothing(living: Any) -> None:
    found = monitored(living, TURNS)
    assert found.life == [RELEASED + timedelta(days=n) for n in range(10)]
    assert found.verdict.findings
    assert not any(one.deviates for one in found.verdict.findings)
    assert not found.verdict.unjudged
    assert all(one.predictions == 30 == one.matured + one.never + one.pending for one in found.coverage)
    assert found.coverage[-1].pending == 30
    assert found.coverage[0].pending == 0
    assert sum(one.never for one in found.coverage) > 0
    assert {one.feature for one in found.drifts} == {"order_amount", "hour", "returns_14d", "region", "prediction"}
    assert {(one.window, one.n) for one in found.drifts} == {(RELEASED + timedelta(days=n), 30) for n in range(12)}
    orders, customers = (next(one for one in found.health if one.source == name) for name in ("orders", "customers"))
    assert (orders.accepted, orders.quarantined) == (42 * 30, 0)
    assert (orders.newest_event_time, orders.hours_behind) == ("2024-03-10T19:20:00Z", 52.67)
    assert customers.hours_behind is None
    # What is bought has not changed, only what is known of the customers: the shop is as old as its history.
    drifting = [one.feature for one in found.drifts if one.psi > one.noise]
    assert drifting.count("order_amount") + drifting.count("region") <= 1
    (model,) = MODEL_HEALTH.frame(living.run().warehouse).where("model = 'shop'").collect()
    assert (model["trained"], model["age_days"], model["rows"]) == (date(2024, 3, 1), 12, 42 * 30)
    assert model["rows_per_second"] == model["rows"] / model["seconds"]
    before = counts(living)
    again = monitored(living, TURNS)
    assert (again.windows, counts(living)) == ([], before)
    assert again.verdict == found.verdict


def test_values_equal_scikit_learn_on_the_matured_rows_of_a_day(living: Any) -> None:
    monitored(living, TURNS)
    run = living.run()
    day = RELEASED + timedelta(days=4)
    (table,) = {one.table for one in batches(run.warehouse, run.registry.find("shop", "1").digest)}
    scored = run.warehouse.read(table).where(F.to_date("prediction_time") == F.lit(day))
    orders = run.warehouse.read("source_orders").where("returned IS NOT NULL").select("id", "returned")
    rows = scored.join(orders, "id").toPandas()
    found = PERFORMANCE.frame(run.warehouse).where((F.col("window") == F.lit(day)) & (F.col("phase") == "life"))
    values = {(row["slice_value"], row["metric"]): (row["value"], row["n"]) for row in found.collect()}
    for place, part in [("all", rows), *rows.groupby("region")]:
        assert values[place, "log_loss"][0] == pytest.approx(
            sk.log_loss(part["returned"], part["prediction"], labels=[0, 1])
        )
        assert values[place, "auc"] == (
            pytest.approx(sk.roc_auc_score(part["returned"], part["prediction"])),
            len(part),
        )


def test_a_late_row_measures_its_day_again_beside_what_was_measured_before(living: Any) -> None:
    monitored(living, ENDS)
    day = ENDS - timedelta(days=5)
    living.land("orders", "late.csv", [HEADER, f"7,c1,{day} 10:05:00,50.0,1"])
    run = living.run(ENDS)
    ingest_files(run)
    version = run.registry.find("shop", "1")
    score_interval(run, version, moment(day), moment(day + timedelta(days=1)))
    found = monitored(living, ENDS + timedelta(days=1))
    assert day in found.windows
    rows = PERFORMANCE.frame(run.warehouse).where(
        (F.col("window") == F.lit(day)) & (F.col("metric") == "accuracy") & (F.col("slice") == "all")
    )
    seen = {row["as_of"]: row["n"] for row in rows.collect()}
    assert seen[ENDS + timedelta(days=1)] == seen[ENDS] + 1


@pytest.fixture(scope="module")
def weekly(newly_released: Any, tmp_path_factory: pytest.TempPathFactory, make_order_lines: Any) -> Any:
    """A Shop that is watched by the week, whose champion scored six weeks."""
    shop = newly_released.copied(tmp_path_factory.mktemp("weekly") / "shop")
    shop.configure("monitoring: {", "monitoring: {window: week, ")
    shop.land("orders", "life.csv", [HEADER, *make_order_lines(RELEASED, ENDS)])
    run = shop.run()
    ingest_files(run)
    score_interval(run, run.registry.find("shop", "1"), moment(RELEASED), moment(ENDS))
    return shop


def test_two_monitors_at_once_enter_whole_weeks_and_each_of_them_once(weekly: Any) -> None:
    with ThreadPoolExecutor(2) as both:
        one, other = both.map(lambda _: monitored(weekly, ENDS), range(2))
    assert (one.verdict, one.life) == (other.verdict, other.life)
    # The week of March 1 has begun before; the one of April 8 has not matured to its end.
    assert one.life == [date(2024, 2, 26) + timedelta(weeks=n) for n in range(6)]
    assert one.verdict.unjudged
    assert all(
        reason.endswith("reference windows have a value; 21 are needed") for reason in one.verdict.unjudged.values()
    )
    run = weekly.run()
    for ledger, place in (
        (PERFORMANCE, ["phase", "window", "slice", "slice_value", "metric"]),
        (COVERAGE, ["window"]),
        (DRIFT, ["window", "feature"]),
        (HEALTH, ["source"]),
        (MODEL_HEALTH, ["as_of"]),
    ):
        rows = ledger.frame(run.warehouse)
        assert rows.groupBy(*place).count().where("count > 1").collect() == [], ledger
        if "window" in place:
            assert rows.where("weekday(window) > 0").collect() == [], ledger
    week = {row["window"]: row for row in COVERAGE.frame(run.warehouse).collect()}
    assert {window: row["predictions"] for window, row in week.items()} == {
        date(2024, 2, 26): 3 * 30, **dict.fromkeys(one.life[1:], 7 * 30), date(2024, 4, 8): 4 * 30
    }  # fmt: skip
    before = counts(weekly)
    assert (monitored(weekly, ENDS).windows, counts(weekly)) == ([], before)
    earlier = ENDS - timedelta(weeks=1)
    then = monitored(weekly, earlier)
    assert then.life == one.life[:-1]
    before = counts(weekly)
    again = monitored(weekly, earlier)
    assert (again.windows, again.verdict, counts(weekly)) == ([], then.verdict, before)


def test_values_of_a_week_equal_scikit_learn_on_its_rows(weekly: Any) -> None:
    monitored(weekly, ENDS)
    run, monday = weekly.run(), date(2024, 3, 11)
    (table,) = {one.table for one in batches(run.warehouse, run.registry.find("shop", "1").digest)}
    within = (F.col("prediction_time") >= F.lit(monday)) & (F.col("prediction_time") < F.lit(date(2024, 3, 18)))
    orders = run.warehouse.read("source_orders").where("returned IS NOT NULL").select("id", "returned")
    rows = run.warehouse.read(table).where(within).join(orders, "id").toPandas()
    found = PERFORMANCE.frame(run.warehouse).where((F.col("window") == F.lit(monday)) & (F.col("slice") == "all"))
    values = {row["metric"]: (row["value"], row["n"]) for row in found.collect()}
    assert values["auc"] == (pytest.approx(sk.roc_auc_score(rows["returned"], rows["prediction"])), len(rows))
    loss = sk.log_loss(rows["returned"], rows["prediction"], labels=[0, 1])
    assert values["log_loss"] == (pytest.approx(loss), len(rows))


def test_a_turn_is_found_and_dated(living: Any) -> None:
    found = monitored(living, ENDS)
    auc = next(one for one in found.verdict.findings if (one.stream.metric, one.stream.slice) == ("auc", "all"))
    assert auc.deviates
    assert auc.alarm is not None
    assert TURNS <= found.life[auc.alarm] <= TURNS + timedelta(days=14)
    assert auc.change is not None
    assert found.life[auc.change.low] <= TURNS <= found.life[auc.change.high]
