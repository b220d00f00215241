"""An estimator of a project's own, in one file: declared, learned, stored, digested, read back, and predicted with."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import ValidationError
from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession

from solvent.config.estimator import Estimator
from solvent.estimators.learned import model_digest
from solvent.estimators.spark_ml import Inputs, fit, predict
from solvent.training import learned_by

RATE = '''
"""The rate of labels, from integers alone."""
from pyspark.ml import Estimator, Model
from pyspark.ml.functions import array_to_vector
from pyspark.ml.param import Param, Params, TypeConverters
from pyspark.ml.param.shared import HasFeaturesCol, HasLabelCol, HasProbabilityCol
from pyspark.ml.util import DefaultParamsReadable, DefaultParamsWritable
from pyspark.sql import functions as F

class Rate(Estimator, HasFeaturesCol, HasLabelCol, DefaultParamsReadable, DefaultParamsWritable):
    label_kind, determinism = "binary", "exact"
    prior = Param(Params._dummy(), "prior", "rows of each label to begin with", TypeConverters.toInt)
    probabilityCol = HasProbabilityCol.probabilityCol

    def _fit(self, rows):
        n, ones = rows.agg(F.count("label"), F.sum(F.col("label").cast("bigint"))).collect()[0]
        prior = self.getOrDefault("prior") if self.isSet("prior") else 0
        return RateModel()._set(rows=n + 2 * prior, ones=ones + prior)

class RateModel(Model, DefaultParamsReadable, DefaultParamsWritable):
    rows = Param(Params._dummy(), "rows", "rows", TypeConverters.toInt)
    ones = Param(Params._dummy(), "ones", "rows of label 1", TypeConverters.toInt)

    def _transform(self, rows):
        rate = F.lit(self.getOrDefault("ones") / self.getOrDefault("rows"))
        return rows.withColumns({"probability": array_to_vector(F.array(1 - rate, rate)), "prediction": rate})

class Unsaid(Rate):
    determinism = None
'''
INPUTS = Inputs(("size",), ("color",))


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The module of the estimator, where a project's are found."""
    (tmp_path / "rates.py").write_text(RATE)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield "rates"
    del sys.modules["rates"]


def test_an_estimator_that_says_what_it_is_is_learned_and_stored(
    spark: SparkSession, module: str, tmp_path: Path
) -> None:
    declared = Estimator(estimator=f"{module}.Rate", params={"prior": 1})
    assert (declared.kind, declared.determinism) == ("binary", "exact")
    assert f"{module}.Rate" in learned_by(declared)
    rows = spark.createDataFrame(
        [(number, 0.5, "red", float(number < 2)) for number in range(6)],
        "id INT, size DOUBLE, color STRING, label DOUBLE",
    )
    digests = set()
    for layout in (rows.coalesce(1), rows.repartition(4)):
        model, folder = fit(layout, declared, INPUTS, ["id"]), tmp_path / f"model{len(digests)}"
        model.write().overwrite().save(str(folder))
        digests.add(model_digest(folder))
        read = PipelineModel.load(str(folder))
        assert [row["prediction"] for row in predict(read, rows, "binary", ["id"]).collect()] == [3 / 8] * 6
    assert len(digests) == 1


def test_one_that_does_not_say_how_exact_it_is_is_refused(module: str) -> None:
    with pytest.raises(ValidationError, match="declares label_kind and determinism"):
        Estimator(estimator=f"{module}.Unsaid")
