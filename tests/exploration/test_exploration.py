"""What notebooks ask of a small shop with a champion: data, a row, and two models, as the tables have them."""

from __future__ import annotations

import math
from datetime import date
from typing import Any

import pytest
from pyspark.sql import functions as F

from solvent.errors import ConfigurationError, RefusedError
from solvent.estimators.spark_ml import predict
from solvent.evaluation.table import find_evaluation
from solvent.exploration import (
    background_of,
    compare,
    differences_table,
    explain_row,
    facts_beside,
    features_beside,
    features_declared,
    find_investigation,
    find_row,
    find_version,
    known_facts,
    open_project,
    outcome_of,
    pinned_sources,
    rows_by_day,
    training_profile,
)
from solvent.features.label_profile import strength
from solvent.jobs.build_features import build_feature_table
from solvent.jobs.trainings import trained_before, training_on


@pytest.fixture(scope="module")
def run(newly_released: Any) -> Any:
    return newly_released.run()


@pytest.fixture(scope="module")
def champion(run: Any) -> Any:
    return find_version(run, "champion")


@pytest.fixture(scope="module")
def highest(run: Any, champion: Any) -> Any:
    return find_row(run, champion)


def test_a_project_is_opened_from_a_folder_within_it(newly_released: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(newly_released.root / "lib")
    run = open_project("shop", as_of="2024-03-01")
    assert (run.settings.root, run.as_of) == (newly_released.root, date(2024, 3, 1))
    elsewhere = open_project("shop", folder="var/other").settings.environment
    assert elsewhere.tables.path == str(newly_released.root / "var/other/tables")
    with pytest.raises(ConfigurationError, match="as_of: 'March' is not a date"):
        open_project("shop", as_of="March")


def test_sources_are_told_at_their_pins_and_by_day(run: Any) -> None:
    found = pinned_sources(run)
    assert found.set_index("source")["rows"].to_dict() == {"customers": 20, "orders": 1530}
    assert list(found["content"]) == [pin.digest[:12] for pin in run.pins]
    days = rows_by_day(run)
    # Customers have no event time.
    assert set(days["source"]) == {"orders"}
    assert (len(days), set(days["rows"])) == (51, {30})
    told = features_declared(run).set_index("feature")
    assert told.loc["returns_14d", "made_from"] == "orders"
    assert told.loc["hour", "made_from"] == "customers"
    assert list(told["group"]) == ["order", "order", "order", "returns"]


def test_a_profile_is_of_training_rows_with_labels(run: Any) -> None:
    rows = training_on(run, "shop", run.project.model, build_feature_table(run)).train_rows
    profile = training_profile(run)
    sums = profile.counts.groupby("feature")[["rows", "labels"]].sum()
    expected = rows.agg(F.count("label"), F.sum("label")).collect()[0]
    assert {tuple(one) for one in sums.itertuples(index=False)} == {tuple(expected)}
    north = rows.where("region = 'north'").agg(F.count("label"), F.sum("label")).collect()[0]
    cells = profile.counts[profile.counts["feature"] == "region"].groupby("cell")[["rows", "labels"]].sum()
    assert tuple(cells.loc["north"]) == tuple(north)
    assert profile.rate == pytest.approx(expected[1] / expected[0])
    # Returns depend on the amount, which is known to be stronger than the hour.
    order = list(strength(profile)["feature"])
    assert order.index("order_amount") < order.index("hour")


def test_the_row_with_the_highest_score_is_told_step_by_step(run: Any, champion: Any, highest: Any) -> None:
    holdout = trained_before(run, champion).in_holdout
    scored = predict(run.registry.load(champion), holdout, "binary", ["id"]).orderBy(F.desc("prediction"), "id").first()
    assert highest.key == {"id": scored["id"]}
    facts = known_facts(run, highest).set_index("fact")["value"]
    assert list(facts.index) == ["id", "customer", "placed", "amount"]
    beside = facts_beside(run, highest)
    assert list(beside) == ["customers"]
    customer = beside["customers"].set_index("fact")["latest"]
    number = int(facts["customer"].removeprefix("c"))
    assert customer.to_dict() == {"customer": facts["customer"], "region": "north" if number % 2 else "south"}
    told = outcome_of(run, highest).set_index("what")["value"]
    assert told["score"] == f"{scored['prediction']:.4g}"
    assert told["threshold"].startswith("0.4: the score is at or above")
    (label,) = [row["label"] for row in holdout.select("id", "label").collect() if row["id"] == scored["id"]]
    assert told["label: returned"] == ("not known yet" if label is None else f"{label:g}")


def test_its_score_is_explained_by_features_and_by_groups(run: Any, champion: Any, highest: Any) -> None:
    background = background_of(run, champion, 25)
    values = features_beside(run, highest, background).set_index("feature")
    assert float(values.loc["order_amount", "value"]) == pytest.approx(
        float(known_facts(run, highest).set_index("fact").loc["amount", "value"]), rel=1e-3
    )
    assert values.loc["region", "below"].endswith("alike")
    (scored,) = predict(run.registry.load(champion), highest.features, "binary", []).collect()
    each, grouped = (explain_row(run, highest, background, together) for together in (False, True))
    assert {one.player for one in each.contributions} == {"order_amount", "hour", "region", "returns_14d"}
    assert {one.player for one in grouped.contributions} == {"order", "returns"}
    for found in (each, grouped):
        assert found.score == scored[0]
        assert math.fsum([found.mean, *(one.value for one in found.contributions)]) == pytest.approx(scored[0])


def test_a_row_that_the_model_has_not_seen_and_a_wrong_key_are_refused(run: Any, champion: Any) -> None:
    with pytest.raises(RefusedError, match="row id=-1: neither in the holdout of shop version 1 nor scored by it"):
        find_row(run, champion, {"id": -1})
    with pytest.raises(ConfigurationError, match="key: has number; give id"):
        find_row(run, champion, {"number": 1})


def test_two_models_are_measured_as_evaluation_has_them(run: Any, champion: Any) -> None:
    baseline = find_version(run, "baseline")
    found = compare(run, baseline, champion)
    training, measures = trained_before(run, champion), run.project.evaluation
    for evaluation, version in zip(found.evaluations, (baseline, champion), strict=True):
        subject = training.subject(version.version, version.digest, version.name)
        assert evaluation == find_evaluation(run.warehouse, subject, measures)
    auc = [one.measurement("auc").value for one in found.evaluations]
    assert found.leads["auc"].value == pytest.approx(auc[1] - auc[0])
    assert found.cells["rows"].sum() == found.evaluations[0].measurement("auc").n
    apart = (found.examples["second"] - found.examples["first"]).abs()
    assert list(apart) == sorted(apart, reverse=True)
    differing = differences_table(run, baseline, champion)
    assert differing.set_index("name").loc["estimator", "after"] == "pyspark.ml.classification.GBTClassifier"
    assert len(differences_table(run, champion, champion)) == 0


def test_without_an_alarm_it_is_said_what_opens_an_investigation(run: Any) -> None:
    with pytest.raises(ConfigurationError, match="there is none; there are: none; `solvent monitor` opens one"):
        find_investigation(run)
