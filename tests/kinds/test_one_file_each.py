"""A metric and a kind of label are each one entry: what is below is all that either takes, and every stage goes by it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as F
from sklearn.metrics import mean_poisson_deviance

from solvent.coherence import require_measurable
from solvent.config.deploy import Deploy
from solvent.config.estimator import Estimator
from solvent.config.measures import Gate, Measures
from solvent.config.project import Project, load_project
from solvent.config.windows import Intervals
from solvent.errors import EvaluationError, TrainingError
from solvent.estimators.spark_ml import Inputs, fit
from solvent.evaluation import evaluate_by_day
from solvent.identity.code import Commit
from solvent.kinds import KINDS
from solvent.kinds.binary_metrics import Tally, share
from solvent.kinds.block_sums import Blocks
from solvent.kinds.intervals import Interval
from solvent.kinds.metric import LESS, MORE, NOT_NEGATIVE, SHARE, Metric, Value
from solvent.kinds.paired import daily, lead
from solvent.kinds.regression import finite, kind_of_numbers
from solvent.kinds.regression_metrics import TERMS
from solvent.monitoring.detector import directions
from solvent.monitoring.windows import measured_windows
from solvent.plots.wording import words
from solvent.promises import broken_promises
from solvent.release import Compared, apply_gates
from solvent.scoring.predictions import scorable
from solvent.training import Training, predict_holdout, score_holdout
from solvent.training.training import counts_of


def specificity(tally: Tally, confidence: float) -> Value:
    """The share of negative predictions among negative labels."""
    negatives = tally.all.count("negatives")
    return share(negatives - tally.all.count("false_positives"), negatives, confidence, "no negative label")


SPECIFICITY = Metric(
    "specificity", "Specificity", MORE, specificity, ("negatives", "false_positives"),
    lambda of: 1 - of["false_positives"] / of["negatives"], range=SHARE,
)  # fmt: skip


def deviance_of(label: Column, prediction: Column) -> Column:
    """What a row adds to the Poisson deviance."""
    lost = F.when(label > 0, label * F.log(label / prediction)).otherwise(0.0)
    return F.lit(2.0) * (lost - (label - prediction))


def deviance(blocks: Blocks, confidence: float) -> Value:
    """The mean Poisson deviance, with the interval of the log jackknife."""
    value = blocks.total.mean("deviances")
    low, high = blocks.jackknifed(lambda sums: sums.mean("deviances"), confidence) or (1.0, 1.0)
    return value, Interval(value * low, value * high, "log jackknife")


COUNTS = kind_of_numbers(
    "counts",
    (
        Metric(
            "deviance", "Poisson deviance", LESS, deviance, ("deviances", "n"), lambda of: of["deviances"] / of["n"],
            range=NOT_NEGATIVE,
        ),
        KINDS["regression"].metric("bias"),
    ),
    {**TERMS, "deviances": deviance_of},
    "deviance",
    valid_label=lambda label: finite(label) & F.coalesce((label >= 0) & (label == F.floor(label)), F.lit(False)),
    label_text="a count",
    valid_prediction=lambda value: finite(value) & F.coalesce(value > 0, F.lit(False)),
    prediction_text="a rate above 0",
)  # fmt: skip
ESTIMATOR = """
from pyspark.ml.regression import GeneralizedLinearRegression

class Poisson(GeneralizedLinearRegression):
    label_kind, determinism = "counts", "layout"

    def __init__(self):
        super().__init__(family="poisson", link="log")
"""
AT = "TIMESTAMP '2024-01-01' + make_dt_interval(id DIV 20)"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Flights, with a further metric of its kind, and a further kind that an estimator of a project's own learns."""
    (tmp_path / "poisson.py").write_text(ESTIMATOR)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(KINDS, "binary", replace(KINDS["binary"], metrics=(*KINDS["binary"].metrics, SPECIFICITY)))
    monkeypatch.setitem(KINDS, "counts", COUNTS)
    yield load_project("flights", Path(__file__).resolve().parents[2])
    sys.modules.pop("poisson", None)


def measured_by(project: Project, *metrics: str, **gate: object) -> Project:
    """The project with some metrics and one gate by the first of them."""
    update = {
        "evaluation": Measures(metrics=metrics, threshold=0.5),
        "gates": (Gate(metric=metrics[0], **gate),),
        "monitoring": project.monitoring.model_copy(update={"metrics": metrics[:1]}),
        "deploy": project.deploy.model_copy(
            update={"probation": project.deploy.probation.model_copy(update={"metrics": metrics[:1]})}
        ),
    }
    return project.model_copy(update=update)


def test_a_metric(spark: SparkSession, project: Project) -> None:
    named = measured_by(project, "specificity", better_than="baseline", confidence=0.8)
    require_measurable(named)
    broken = dict(broken_promises(measured_by(project, "specificity", at_least=1.5)))
    assert broken["release"] == "gates.0: specificity is never above 1, so that no model passes"
    assert (words("specificity"), directions("specificity")) == ("Specificity", (-1.0,))
    rng = np.random.default_rng(1)
    label = (rng.random(400) < 0.4).astype(float)
    times = [datetime(2024, 1, 1 + number // 20, 12) for number in range(400)]
    rows = pd.DataFrame({"id": range(400), "prediction_time": times, "label": label})
    (ours, mine), (theirs, others) = (
        evaluate_by_day(
            spark.createDataFrame(rows.assign(prediction=np.clip(0.3 + 0.3 * label + rng.normal(0, spread, 400), 0, 1))),
            "binary", named.evaluation, ["id"],
        )
        for spread in (0.1, 0.4)
    )  # fmt: skip
    found = ours.measurement("specificity")
    assert (found.n, found.method) == (400, "Wilson")
    assert found.low < found.value < found.high
    (gate,) = apply_gates(named.gates, Compared(ours, None, theirs, {"challenger": mine, "baseline": others}))
    assert gate.passed, gate
    ahead = lead("specificity", mine, others, confidence=0.8)
    assert ahead.value == pytest.approx(found.value - theirs.measurement("specificity").value)
    assert (ahead.method, len(daily("specificity", mine))) == ("day-block bootstrap", 20)


def training(spark: SparkSession, project: Project, **params: object) -> Training:
    """40 days of counts that rise with a feature, the last 12 of them holdout."""
    rows = spark.range(800).selectExpr(
        "id",
        f"{AT} AS prediction_time",
        f"{AT} AS label_available_time",
        "id % 7 AS size",
        "CAST(pmod(xxhash64(id), 3) + id % 7 DIV 2 AS DOUBLE) AS label",
    )
    start, edge, end = (datetime(2024, month, day, tzinfo=UTC) for month, day in ((1, 1), (1, 29), (2, 10)))
    orders = project.sources["planes"].model_copy(update={"key": ("id",)})
    prediction = project.prediction.model_copy(update={"source": "orders"})
    return Training(
        project=project.model_copy(update={"prediction": prediction, "sources": {"orders": orders}}),
        name="flights", estimator=Estimator(estimator="poisson.Poisson", params=params), inputs=Inputs(("size",), ()),
        types={"size": "bigint"}, rows=rows, build={"digest": ""}, pins=(), as_of=date(2024, 2, 10),
        windows=Intervals(train_start=start, holdout_start=edge, holdout_end=end), code="", functions={}, measuring="",
        commit=Commit("", "", False), environment={},
    )  # fmt: skip


def test_a_kind(spark: SparkSession, project: Project) -> None:
    named = measured_by(project, "deviance", "bias", better_than="baseline", confidence=0.8)
    one, mean = training(spark, named, maxIter=4), training(spark, named, maxIter=1, regParam=1000.0)
    declared = named.model_copy(update={"model": one.estimator, "baseline": mean.estimator})
    with pytest.raises(EvaluationError, match=r"deploy\.canary: a counts decides nothing that could be flipped"):
        require_measurable(declared)
    declared = declared.model_copy(update={"deploy": Deploy()})
    require_measurable(declared)
    with pytest.raises(EvaluationError, match="metric 'auc' does not exist for counts labels"):
        require_measurable(measured_by(declared, "auc", at_least=0.5))

    assert (counts_of(one).train, counts_of(one).holdout) == (560, 240)
    with pytest.raises(TrainingError, match="is -1 in 800 of 800 rows with a label: a number is wanted"):
        counts_of(replace(one, rows=one.rows.withColumn("label", F.lit(-1.0))))

    models = [fit(of.train_rows, of.estimator, of.inputs, ["id"]) for of in (one, mean)]
    scored = predict_holdout(one, models[0]).cache()
    rows = scored.toPandas()
    ours, theirs = (score_holdout(of, model) for of, model in zip((one, mean), models, strict=True))
    found = ours.evaluation.measurement("deviance")
    assert found.value == pytest.approx(mean_poisson_deviance(rows["label"], rows["prediction"]))
    assert found.low < found.value < found.high
    assert sum(one.n for one in ours.evaluation.curves.calibration) == 240
    assert scored.where(scorable(declared)).count() == 240

    sides = {"challenger": ours.days, "baseline": theirs.days}
    (gate,) = apply_gates(named.gates, Compared(ours.evaluation, None, theirs.evaluation, sides))
    assert gate.passed, gate
    assert gate.reason.endswith("(day-block bootstrap, 12 days)")

    windows = measured_windows(scored, "counts", named.evaluation, ["id"], "day")
    assert len(windows) == 2 * 12
    by_day = daily("deviance", ours.days)
    assert {of.window: of.measured.value for of in windows if of.measured.metric == "deviance"} == pytest.approx(by_day)
