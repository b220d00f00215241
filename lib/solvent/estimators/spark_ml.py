"""From feature rows to one PipelineModel that holds the whole preprocessing, and back to predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pyspark.ml import Pipeline, PipelineModel, Transformer
from pyspark.ml.feature import (
    Imputer,
    OneHotEncoder,
    SQLTransformer,
    StringIndexer,
    StringIndexerModel,
    VectorAssembler,
)
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.estimator import Estimator, class_params
from solvent.errors import TrainingError
from solvent.estimators.layout import canonical_layout
from solvent.failure import cause
from solvent.kinds import KINDS
from solvent.session import SPARK_ERRORS, kept


@dataclass(frozen=True)
class Inputs:
    """The feature columns of a model: numbers (all numeric types and boolean) and categories (strings), in their order."""

    numbers: tuple[str, ...]
    categories: tuple[str, ...]

    @classmethod
    def of(cls, types: Mapping[str, str]) -> Inputs:
        """The inputs from feature columns and their types."""
        return cls(
            tuple(name for name, kind in types.items() if kind != "string"),
            tuple(name for name, kind in types.items() if kind == "string"),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """All columns."""
        return (*self.numbers, *self.categories)


def fit(
    rows: DataFrame, estimator: Estimator, inputs: Inputs, key: Sequence[str], section: str = "model"
) -> PipelineModel:
    """Learns preprocessing and model; the same rows give the same model to the last bit.

    Missing numbers (null, NaN) become the mean of the training rows. Categories are numbered in alphabetical order; those not seen in
    training, and missing ones (null, an empty text), share a number of their own. Estimators other than trees get one column for each
    category.

    Args:
        rows: key, inputs, label DOUBLE.
        estimator: What to learn, with which parameters, seed and partitions.
        inputs: The feature columns.
        key: The natural key of the rows.
        section: The key of model.yml that declares the estimator, for errors.

    Returns:
        A pipeline from the feature columns to predictions.

    Raises:
        TrainingError: If a feature is missing in all rows, a tree has fewer bins than a feature has categories, or the estimator fails.
    """
    trees = "maxBins" in class_params(estimator.type)
    # spark.ml cannot learn a category without a name; in a pipeline what was not learned and what is missing are one.
    rows = rows.withColumns({name: F.nullif(F.col(f"`{name}`"), F.lit("")) for name in inputs.categories})
    rows = rows.select(*key, *inputs.names, "label")
    laid_out = rows if estimator.determinism == "exact" else canonical_layout(rows, key, estimator.partitions)
    try:
        with kept(laid_out):
            require_values(laid_out, inputs)
            preprocessing = Pipeline(stages=stages(inputs, one_hot=not trees)).fit(laid_out)
            learner = configured(estimator)
            if trees:
                require_bins(preprocessing, learner, section)
            model = learner.fit(preprocessing.transform(laid_out))
    except SPARK_ERRORS as error:
        raise TrainingError(f"{estimator.name}: {cause(error)}") from None
    return PipelineModel([*preprocessing.stages, model])


def stages(inputs: Inputs, one_hot: bool) -> list[Any]:
    """The preprocessing."""
    chain: list[Any] = []
    vector: list[str] = []
    if inputs.numbers:
        doubles = [f"_double_{name}" for name in inputs.numbers]
        imputed = [f"_number_{name}" for name in inputs.numbers]
        casts = ", ".join(
            f"CAST(`{name}` AS DOUBLE) AS `{to}`" for name, to in zip(inputs.numbers, doubles, strict=True)
        )
        chain += [
            SQLTransformer(statement=f"SELECT *, {casts} FROM __THIS__"),  # noqa: S608 (names of declared features)
            Imputer(strategy="mean", inputCols=doubles, outputCols=imputed),
        ]
        vector += imputed
    if inputs.categories:
        indexed = [f"_index_{name}" for name in inputs.categories]
        chain.append(
            StringIndexer(
                inputCols=list(inputs.categories),
                outputCols=indexed,
                handleInvalid="keep",
                stringOrderType="alphabetAsc",
            )
        )
        if one_hot:
            encoded = [f"_category_{name}" for name in inputs.categories]
            chain.append(OneHotEncoder(inputCols=indexed, outputCols=encoded))
            indexed = encoded
        vector += indexed
    return [*chain, VectorAssembler(inputCols=vector, outputCol="features")]


def configured(estimator: Estimator) -> Any:
    """The estimator with its parameters and seed."""
    made: Any = estimator.type()
    known = class_params(estimator.type)
    for name, value in {**estimator.params, "labelCol": "label", "featuresCol": "features"}.items():
        made.set(made.getParam(name), value)
    if "seed" in known:
        made.set(made.getParam("seed"), estimator.seed)
    return made


def require_values(rows: DataFrame, inputs: Inputs) -> None:
    """Refuses features that are missing in every row: numbers have no mean then, and categories no values."""
    there = {name: F.nanvl(F.col(f"`{name}`").cast("double"), F.lit(None)) for name in inputs.numbers}
    there |= {name: F.col(f"`{name}`") for name in inputs.categories}
    found = rows.agg(*(F.count(value).alias(name) for name, value in there.items())).collect()[0]
    missing = [name for name in inputs.names if not found[name]]
    if missing:
        raise TrainingError(
            f"feature {', '.join(missing)}: missing in every training row; look at its function and its sources, or drop it"
        )


def require_bins(preprocessing: PipelineModel, learner: Any, section: str) -> None:
    """Refuses a tree that cannot tell all categories of a feature apart."""
    bins = learner.getOrDefault("maxBins")
    for stage in preprocessing.stages:
        if isinstance(stage, StringIndexerModel):
            for name, labels in zip(stage.getInputCols(), stage.labelsArray, strict=True):
                if len(labels) + 1 > bins:
                    raise TrainingError(
                        f"feature {name}: has {len(labels)} categories, and one for unknown ones, but the trees have {bins} bins; set "
                        f"{section}.params.maxBins to {len(labels) + 1} or more, or group the categories"
                    )


def predict(model: Transformer, rows: DataFrame, kind: str, carried: Sequence[str]) -> DataFrame:
    """Predictions for feature rows.

    Args:
        model: A pipeline made by fit.
        rows: The feature columns and those carried.
        kind: Of the labels.
        carried: Columns to keep.

    Returns:
        The columns carried; prediction DOUBLE: what the kind predicts.
    """
    scored, of = model.transform(rows), KINDS[kind]
    return scored.select(*(F.col(f"`{name}`") for name in carried), of.prediction(F.col(of.column)).alias("prediction"))
