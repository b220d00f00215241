"""Seattle's weather: features by hand and on real days, and a forecast that is better than the usual guesses."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from solvent.config.project import Project, load_project
from solvent.features import build, load_groups, reach_proof, truncation_proof
from solvent.features.ledger import read_build
from solvent.features.table import labelled_rows
from solvent.jobs.build_features import build_feature_table
from solvent.jobs.context import Context
from solvent.jobs.evaluate import evaluate_version
from solvent.jobs.ingest import ingest_files
from solvent.jobs.train import train_models
from solvent.jobs.trainings import trained_before, training_on
from solvent.kinds.paired import day_sums, lead
from solvent.settings import load_settings
from solvent.sources.pins import with_times
from solvent.training import predict_holdout
from temperatures.features import season
from temperatures.staging import NORMALS, OBSERVATIONS, package_data, stage

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project() -> Project:
    return load_project("temperatures", ROOT)


@pytest.fixture(scope="module")
def sources(spark: SparkSession, project: Project) -> dict[str, DataFrame]:
    """All of the real data, as stages read it."""

    def facts(source: str, file: str) -> DataFrame:
        schema = ", ".join(column.ddl.replace(" NOT NULL", "") for column in project.sources[source].columns)
        reader = spark.read.options(header=True, mode="FAILFAST").schema(schema)
        return with_times(reader.csv(str(package_data() / file)), project.sources[source]).cache()

    return {"days": facts("days", OBSERVATIONS), "normals": facts("normals", NORMALS)}


def rows_of(project: Project, days: DataFrame) -> DataFrame:
    start, end = datetime(2012, 1, 1, tzinfo=UTC), datetime(2016, 1, 2, tzinfo=UTC)
    return labelled_rows(project, days, start, end)


def test_every_real_day_keeps_the_expectations_and_is_predicted_at_six(
    project: Project, sources: dict[str, DataFrame]
) -> None:
    for name, facts in sources.items():
        broken = [F.count_if(~F.expr(rule)).alias(key) for key, rule in project.sources[name].expect.items()]
        if broken:
            assert set(facts.agg(*broken).collect()[0]) == {0}, name
    rows = rows_of(project, sources["days"])
    local = F.date_format(F.from_utc_timestamp("prediction_time", "America/Los_Angeles"), "HH:mm")
    # On the days on which clocks are set it is an hour earlier or later by the clock.
    assert {row["local"]: row["count"] for row in rows.groupBy(local.alias("local")).count().collect()} == {
        "06:00": 1453, "05:00": 4, "07:00": 4,
    }  # fmt: skip


def test_no_group_uses_what_was_not_yet_available_or_is_older_than_it_declares(
    project: Project, sources: dict[str, DataFrame]
) -> None:
    rows = rows_of(project, sources["days"]).drop("_label", "_label_available_time")
    one = rows.where("day = '2013-07-04'")
    groups = load_groups(project.features)
    assert len(groups) == 3
    assert truncation_proof(one, groups, sources, key=["date"], samples=1) == []
    assert reach_proof(one, groups, sources, key=["date"], samples=1) == []


def test_the_features_of_a_day_worked_out_from_the_file(project: Project, sources: dict[str, DataFrame]) -> None:
    rows = rows_of(project, sources["days"]).drop("_label", "_label_available_time")
    chosen = rows.where("day IN ('2012-01-01', '2012-03-01', '2012-02-29')")
    found = {row["day"]: row for row in build(chosen, load_groups(project.features), sources).collect()}
    first, leap, march = (found[day] for day in (date(2012, 1, 1), date(2012, 2, 29), date(2012, 3, 1)))
    before = {line.split(",")[0]: line.strip().split(",")[1:] for line in (package_data() / OBSERVATIONS).open()}
    # Nothing is known before the first day.
    assert (first["max_yesterday"], first["weather_yesterday"], first["above_normal_3d"]) == (None, None, None)
    yesterday = [march[f"{name}_yesterday"] for name in ("precipitation", "max", "min", "wind", "weather")]
    assert [str(value) for value in yesterday] == before["2012/02/29"]
    assert (first["season"], leap["season"], march["season"]) == ("winter", "winter", "spring")
    normals = [line.strip().split(",") for line in (package_data() / NORMALS).open() if line.startswith("2010/02/")]

    def warmest(day: int) -> float:
        of = [float(temp) for when, temp in normals if int(when[8:10]) == day]
        return (max(of) - 32) * 5 / 9

    assert leap["normal_max"] == pytest.approx(warmest(28), abs=1e-9)
    days = {day: float(before[f"2012/02/{day}"][1]) - warmest(min(day, 28)) for day in (27, 28, 29)}
    assert march["above_normal_3d"] == pytest.approx(sum(days.values()) / 3, abs=0.01)
    rain = [float(before[f"2012/02/{day}"][0]) > 0 for day in range(23, 30)]
    assert march["rain_days_7d"] == sum(rain) / 7


def test_the_season_is_that_of_the_month(spark: SparkSession, sources: dict[str, DataFrame]) -> None:
    days = [(date(2013, month, 1), f"{month:02}01") for month in range(1, 13)]
    rows = spark.createDataFrame(days, "day DATE, day_of_normals STRING")
    found = build(rows, [season], sources).orderBy("day").collect()
    names = [row["season"] for row in found]
    assert names == ["winter"] * 2 + ["spring"] * 3 + ["summer"] * 3 + ["autumn"] * 3 + ["winter"]
    assert all(row["normal_min"] < row["normal_max"] for row in found)
    assert found[0]["normal_max"] < 10 < 20 < found[7]["normal_max"]


@pytest.mark.long
def test_the_forecast_is_better_than_yesterday_and_than_what_is_usual(
    spark: SparkSession, project: Project, tmp_path: Path
) -> None:
    settings = load_settings("temperatures", "local", ROOT).within(tmp_path)
    stage(settings.environment.landing, date(2014, 12, 31))
    run = Context(settings, date(2015, 1, 2), print)
    ingest_files(run)
    version, _ = train_models(run)
    review = evaluate_version(run, version)
    (model, against) = (found.measurement("rmse") for found in (review.compared.challenger, review.compared.baseline))
    assert model.value is not None
    assert against.value is not None
    assert model.value < against.value
    training = training_on(run, "temperatures", project.model, build_feature_table(run))
    rows = read_build(run.warehouse, build_feature_table(run)).where(
        F.col("prediction_time") >= F.lit(training.windows.holdout_start)
    )
    forecast = day_sums(predict_holdout(trained_before(run, version), run.models.load(version)), kind="regression")
    for guess in ("max_yesterday", "normal_max"):
        guessed = day_sums(rows.withColumn("prediction", F.col(guess)), kind="regression")
        found = lead("rmse", forecast, guessed, confidence=0.95)
        print(guess, found)
        assert found.n == 365
        assert found.low is not None
        assert found.low > 0, guess
