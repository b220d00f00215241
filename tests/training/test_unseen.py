"""No model is measured on rows that it has learned from, whatever the as-ofs and windows of those it is compared with."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solvent.config.estimator import Estimator
from solvent.config.windows import Windows
from solvent.errors import EvaluationError
from solvent.evaluation.table import EVALUATIONS
from solvent.exploration import compare
from solvent.identity import Manifest
from solvent.jobs.evaluate import evaluate_version
from solvent.jobs.monitor import monitor_version
from solvent.jobs.release import gate_results
from solvent.jobs.report import write_report
from solvent.jobs.score import score_interval
from solvent.jobs.train import train_models
from solvent.kinds.paired import FEWEST_DAYS
from solvent.registry import ModelVersion
from solvent.release import promote
from solvent.training import Training, unseen

FOREST = Estimator(estimator="pyspark.ml.classification.RandomForestClassifier")
LINE = Estimator(estimator="pyspark.ml.regression.LinearRegression")
RIVAL = ModelVersion("shop", 1, "run", "source", "digest", "manifest")
DAY = timedelta(days=1)

spans = st.integers(1, 24 * 40).map(lambda hours: timedelta(hours=hours))
windows = st.builds(Windows, train=spans, holdout=spans, maturity=st.one_of(st.just(timedelta(0)), spans))
dates = st.integers(0, 120).map(lambda days: date(2024, 1, 1) + days * DAY)


def training_of(declared: Windows, as_of: date, estimator: Estimator = FOREST) -> Training:
    """What a training says of its rows; it has none here."""
    nothing: Any = None
    return Training(
        nothing, "shop", estimator, nothing, {}, nothing, {}, (), as_of, declared.at(as_of), "", {}, "", nothing, {}
    )


def manifest_of(declared: Windows, as_of: date, estimator: Estimator = FOREST) -> Manifest:
    """What a manifest says of windows and estimator."""
    estimated = {**estimator.model_dump(mode="json"), "inputs": []}
    return Manifest({"windows": declared.at(as_of).model_dump(mode="json"), "estimator": estimated})


@given(windows, dates, windows, dates)
def test_rows_that_two_models_are_measured_on_come_after_all_that_either_has_learned_from(
    ours: Windows, as_of: date, theirs: Windows, before: date
) -> None:
    training, manifest = training_of(ours, as_of), manifest_of(theirs, before)
    whole, learned = training.windows, manifest.windows
    enough = min(FEWEST_DAYS * DAY, whole.holdout_end - whole.holdout_start)
    try:
        since, until = unseen(training, RIVAL, manifest).measured
    except EvaluationError as error:
        assert whole.holdout_end - learned.holdout_start < enough
        possible = date.fromisoformat(str(error).split("as of ")[1].split(" or later")[0])
        assert possible > as_of
        # What it advises is so, and as early as it can be.
        assert unseen(training_of(ours, possible), RIVAL, manifest).measured[0] >= learned.holdout_start
        with pytest.raises(EvaluationError):
            unseen(training_of(ours, possible - DAY), RIVAL, manifest)
    else:
        assert since == max(whole.holdout_start, learned.holdout_start)
        assert until - since >= enough
        assert until == whole.holdout_end


def test_models_of_different_kinds_of_labels_are_not_compared() -> None:
    month = Windows(train=30 * DAY, holdout=30 * DAY)
    with pytest.raises(EvaluationError, match="shop version 1 is a model of regression labels, shop of binary ones"):
        unseen(training_of(month, date(2024, 5, 1)), RIVAL, manifest_of(month, date(2024, 5, 1), LINE))


def learned_from(run: Any) -> list[str]:
    """The figures in the table that are of rows their model has learned from."""
    found = []
    for row in EVALUATIONS.select(run.warehouse, *EVALUATIONS.names):
        manifest = run.registry.manifest(run.registry.find(row["model"], str(row["version"])))
        since = manifest.windows.holdout_start
        if row["rows_from"].timestamp() < since.timestamp():
            found.append(f"{row['model']} {row['version']} from {row['rows_from']}, learned until {since}")
    return found


def test_an_earlier_or_longer_holdout_is_compared_where_the_champion_has_not_learned(
    newly_released: Any, tmp_path: Any
) -> None:
    """The champion's holdout are the 27 days to 27 February."""
    shop = newly_released.copied(tmp_path / "shop")
    shop.configure("not_worse_than: champion, by: 0.05", "not_worse_than: champion, by: 0.5, confidence: 0.95")
    said: list[str] = []
    # It looks from before the champion: of its own holdout, 22 days are left.
    earlier = shop.run(date(2024, 2, 25), say=said.append)
    version, _ = train_models(earlier)
    review = evaluate_version(earlier, version)
    (told,) = (line for line in said if line.startswith("evaluate"))
    assert "on 2024-01-27 to 2024-02-22 shop version 2: auc" in told
    assert "on 2024-02-01 to 2024-02-22 only, as the champion has learned from what is before; shop version 2" in told
    gates = gate_results(earlier, review)
    (paired,) = (gate for gate in gates if "champion" in gate.rule)
    assert paired.passed
    assert paired.reason.endswith("22 days); on 2024-02-01 to 2024-02-22")
    assert paired.value == review.compared.shared.evaluation.measurement("auc").value
    assert gates[0].value == review.compared.challenger.measurement("auc").value != paired.value
    page = write_report(earlier, review, "local").read_text()
    for words in (
        "Rows predicted from 2024-01-27 to 2024-02-22",
        "champion (version 1), 2024-02-01 to 2024-02-22 only",
    ):
        assert words in page
    first = earlier.registry.find("shop", "1")
    assert compare(earlier, first, version).rows == "2024-02-01 to 2024-02-22"
    # Windows that give the same features, of which model and baseline learned more.
    shop.configure("train: 20 days, holdout: 27 days", "train: 39 days, holdout: 8 days")
    shorter = shop.run()
    third, _ = train_models(shorter)
    promote(shorter.warehouse, shorter.registry, third, "by hand")
    again = evaluate_version(shorter, first)
    assert again.baseline.version == 1
    assert again.compared.challenger.measurement("auc").n == shorter.registry.manifest(first)["holdout"]["rows"]
    (gate,) = (one for one in gate_results(shorter, again) if "champion" in one.rule)
    assert not gate.passed
    assert gate.reason == (
        "shop version 3 learned from rows of 2024-01-12 to 2024-02-19, and too few of the holdout, 2024-02-01 to 2024-02-27, come after "
        "them; as of 2024-03-03 or later they can be compared"
    )
    assert gate.reason in write_report(shorter, again, "local").read_text()
    with pytest.raises(EvaluationError, match="as of 2024-03-03 or later they can be compared"):
        compare(shorter, third, first)
    assert learned_from(shorter) == []


def test_monitoring_judges_no_rows_that_the_model_learned_from(newly_released: Any, tmp_path: Any) -> None:
    shop = newly_released.copied(tmp_path / "shop")
    run = shop.run()
    version = run.registry.find("shop", "1")
    learned = run.registry.manifest(version).windows
    score_interval(run, version, learned.holdout_start - 3 * DAY, learned.holdout_start + 3 * DAY)
    found = monitor_version(run, version)
    assert list(found.windows) == [learned.holdout_start.date() + n * DAY for n in range(3)]
