"""How much a model makes of each feature, from what it has learned; nothing is scored for it again.

- *Trees*: the share of all reduction of impurity at splits by the feature, in the mean over trees (Breiman et al. (1984), Classification
  and Regression Trees; spark.ml's featureImportances). It is of the training rows, favours features with many values, and gives to one of
  two that go together what both could have had (Strobl et al. (2007), BMC Bioinformatics 8:25).
- *Linear models*: the standard deviation over the holdout of what the feature adds to the linear predictor, which for a number is
  |coefficient| times standard deviation, as a share of the sum over features. Of two that go together both may be large and cancel.

Neither says what would change if a feature were left out. Other estimators tell nothing of the kind.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.ml import PipelineModel
from pyspark.ml.feature import OneHotEncoderModel, VectorAssembler
from pyspark.ml.functions import vector_to_array
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

TREES = (
    "Share of the reduction of impurity at the splits of trees, on the training rows. It favours features with many values; of features "
    "that go together one may have what another could have had."
)
LINEAR = (
    "Standard deviation, over the holdout, of what the feature adds to the linear predictor, as a share of the sum over features. Of "
    "features that go together both may be large and cancel."
)


@dataclass(frozen=True)
class Importances:
    """Shares by feature, which sum to 1, or none; and the method with its limits, or why there are none."""

    shares: Mapping[str, float]
    method: str


def importances(model: PipelineModel, rows: DataFrame, features: Sequence[str]) -> Importances:
    """What a model makes of its features; see the module for methods, sources and limits.

    Args:
        model: A pipeline made by fit.
        rows: Feature rows, over which a linear model's parts are measured.
        features: Its inputs, in any order.
    """
    learner: Any = model.stages[-1]
    slots = slots_of(model, features)
    if hasattr(learner, "featureImportances"):
        found = learner.featureImportances.toArray()
        parts = {name: float(sum(found[start:end])) for name, (start, end) in slots.items()}
        return Importances(shared(parts), TREES)
    if hasattr(learner, "coefficients"):
        weights = [float(one) for one in learner.coefficients.toArray()]
        vectors = (
            PipelineModel(model.stages[:-1]).transform(rows).select(vector_to_array(F.col("features")).alias("_x"))
        )
        spread = [F.stddev_pop(added(weights[start:end], start)).alias(name) for name, (start, end) in slots.items()]
        found = vectors.agg(*spread).collect()[0]
        return Importances(shared({name: found[name] or 0.0 for name in slots}), LINEAR)
    return Importances({}, f"{type(learner).__name__} does not tell what it makes of a feature.")


def slots_of(model: PipelineModel, features: Sequence[str]) -> dict[str, tuple[int, int]]:
    """The places that each feature has in the vector of the learner: from the first to before the second."""
    (assembler,) = (one for one in model.stages if isinstance(one, VectorAssembler))
    encoders = [one for one in model.stages if isinstance(one, OneHotEncoderModel)]
    # The last category has no place of its own.
    widths = {
        name: size - 1 for one in encoders for name, size in zip(one.getOutputCols(), one.categorySizes, strict=True)
    }
    found, start = {}, 0
    for column in assembler.getInputCols():
        name = column.split("_", 2)[2]
        found[name] = (start, start + widths.get(column, 1))
        start = found[name][1]
    return {name: found[name] for name in features}


def added(weights: Sequence[float], start: int) -> Column:
    """What some places of the vector add to the linear predictor."""
    if len(weights) == 1:
        return F.get("_x", F.lit(start)) * weights[0]
    of = F.slice("_x", start + 1, len(weights))
    products = F.zip_with(of, F.array(*map(F.lit, weights)), lambda x, weight: x * weight)
    return F.aggregate(products, F.lit(0.0), lambda total, one: total + one)


def shared(parts: Mapping[str, float]) -> dict[str, float]:
    """Parts as shares of their sum, the largest first."""
    total = sum(parts.values())
    shares = {name: value / total if total else 0.0 for name, value in parts.items()}
    return dict(sorted(shares.items(), key=lambda one: -one[1]))
