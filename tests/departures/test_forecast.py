"""A regression from landing files to its page, on a quarter of real flights."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from flights.staging import stage
from solvent.identity import code_digest
from solvent.jobs.context import Context
from solvent.jobs.evaluate import evaluate_version
from solvent.jobs.ingest import ingest_files
from solvent.jobs.report import write_report
from solvent.jobs.train import train_models
from solvent.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.long
def test_a_delay_is_forecast_better_than_by_its_mean_and_told_on_a_page(spark: SparkSession, tmp_path: Path) -> None:
    settings = load_settings("departures", "local", ROOT).within(tmp_path)
    stage(settings.environment.landing, date(2013, 1, 1), date(2013, 3, 31), project="departures")
    run = Context(settings, date(2013, 4, 2), print)
    ingest_files(run)
    version, baseline = train_models(run)
    review = evaluate_version(run, version)
    found = {metric: review.compared.challenger.measurement(metric) for metric in ("rmse", "mae", "r2", "bias")}
    assert all(one.low is not None and one.high is not None for one in found.values())
    low = found["r2"].low
    assert low is not None
    assert low > 0
    manifest = run.registry.manifest(version)
    assert {path.split(".")[0] for path in manifest.functions} == {"departures", "flights", "solvent"}
    assert manifest["code"] == code_digest("departures", "flights", "solvent")
    assert baseline.name == "departures_baseline"
    page = write_report(run, review, "local").read_text()
    assert "Root mean squared error" in page
    assert "Calibration curve" in page
    # What is told of probabilities only.
    assert "ROC" not in page
    assert "threshold" not in page
