"""What cannot be learned is said before anything is: which feature or label it is, in how many rows, and what to do."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import SparkSession

from solvent.config.estimator import Estimator
from solvent.config.project import load_project
from solvent.config.windows import Intervals
from solvent.errors import TrainingError
from solvent.estimators.spark_ml import Inputs
from solvent.identity.code import Commit
from solvent.training import Training
from solvent.training.fitting import remarks
from solvent.training.training import counts_of

TYPES = {"ratio": "double", "share": "double", "days": "bigint"}
AT = "TIMESTAMP '2024-01-01' + make_dt_interval(id DIV 10)"


def training(spark: SparkSession, kind: str, **columns: str) -> Training:
    """Over 400 rows of 40 days, 10 of them holdout; columns are SQL over id."""
    made = {"ratio": "id / 3D", "share": "id / 7D", "days": "id % 30", "label": "CAST(id % 3 = 0 AS DOUBLE)"}
    rows = spark.range(400).selectExpr(
        "id",
        f"{AT} AS prediction_time",
        f"{AT} AS label_available_time",
        *(f"{sql} AS {name}" for name, sql in (made | columns).items()),
    )
    start, edge, end = (datetime(2024, month, day, tzinfo=UTC) for month, day in ((1, 1), (1, 31), (2, 10)))
    project = load_project("flights", Path(__file__).resolve().parents[2])
    project = project.model_copy(update={"prediction": project.prediction.model_copy(update={"source": "orders"})})
    project = project.model_copy(
        update={"sources": {"orders": project.sources["planes"].model_copy(update={"key": ("id",)})}}
    )
    estimator = "classification.GBTClassifier" if kind == "binary" else "regression.GBTRegressor"
    return Training(
        project=project,
        name="flights",
        estimator=Estimator(estimator=f"pyspark.ml.{estimator}"),
        inputs=Inputs.of(TYPES),
        types=TYPES,
        rows=rows,
        build={"digest": ""},
        pins=(),
        as_of=date(2024, 2, 10),
        windows=Intervals(train_start=start, holdout_start=edge, holdout_end=end),
        code="",
        functions={},
        commit=Commit("", "", False),
        environment={},
        measuring={},
    )


@pytest.mark.parametrize(
    ("kind", "columns", "says"),
    [
        (
            "binary",
            {"label": "CAST(id % 3 AS DOUBLE)"},
            "label late: is 2 in 133 of 400 rows with a label: GBTClassifier tells 0 from 1",
        ),
        ("binary", {"label": "IF(id = 7, -1D, id % 5)"}, "label late: is -1 to 4 in 240 of 400 rows"),
        (
            "regression",
            {"label": "IF(id < 5, double('inf'), 1D)"},
            "label late: is inf in 5 of 400 rows with a label: a number",
        ),
        ("regression", {"label": "IF(id < 5, double('nan'), 1D)"}, "label late: is nan in 5 of 400"),
        (
            "regression",
            {"ratio": "IF(id > 390, double('-inf'), 1D)"},
            "feature ratio in 9 rows: is infinite; look at its function",
        ),
        (
            "binary",
            {"ratio": "double('inf')", "share": "exp(id * 2)"},
            "feature ratio in 400 rows, share in 45 rows: is infinite",
        ),
    ],
)
def test_what_cannot_be_learned_is_named(spark: SparkSession, kind: str, columns: dict[str, str], says: str) -> None:
    with pytest.raises(TrainingError) as caught:
        counts_of(training(spark, kind, **columns))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_to_look_at_is_said_once(spark: SparkSession) -> None:
    told: dict[str, Any] = {"ratio": "IF(id % 4 = 0, double('nan'), 1D)", "share": "IF(id % 3 = 0, 1D, 0D)"}
    one = training(spark, "binary", **told)
    counts = counts_of(one)
    assert (counts.train, counts.train_positives, counts.holdout, counts.not_numbers) == (300, 100, 100, {"ratio": 100})
    assert list(remarks(one, counts)) == [
        "feature ratio is NaN in 100 rows, which count as missing: look at its function",
        "feature share alone has an AUC of 1.000: look whether it knows what is to be predicted",
    ]
    assert counts_of(training(spark, "binary")).not_numbers == {}
