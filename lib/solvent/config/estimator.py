"""An estimator by import path, checked against its own declaration of parameters without starting Spark.

The contract of an estimator: it is a pyspark.ml.Estimator with the columns that spark.ml's have, whose model adds a column `prediction`,
and for labels of 0 or 1 one of `probability`, and is written by MLflow's flavour of Spark. Those of spark.ml are known here. A class from
elsewhere says what it is in two attributes: `label_kind`, the kind of label it learns, and `determinism`, what must be the same for it to
give the same model: "exact" if that is the rows alone, on any number of tasks and machines; "layout" if also their partitions and order.
"""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Mapping
from typing import Any, Literal, Self

import pyspark.ml
from pydantic import Field, model_validator
from pyspark.ml.param import Param

from solvent.config.base import Frozen, closest
from solvent.config.search import Search

PACKAGES = {"pyspark.ml.classification": "binary", "pyspark.ml.regression": "regression"}
DETERMINISM = ("exact", "layout")
# Set by the job itself: the columns by its Pipeline, the seed by its own key.
KEPT = frozenset(
    {
        *(
            "featuresCol",
            "labelCol",
            "predictionCol",
            "probabilityCol",
            "rawPredictionCol",
            "leafCol",
            "varianceCol",
            "seed",
        ),
        # Training rows have key, features and label, and none of these.
        *("weightCol", "validationIndicatorCol", "offsetCol", "censorCol", "quantilesCol"),
    }
)


class Estimator(Frozen):
    """How a model is learned.

    Attributes:
        estimator: Import path of a class of pyspark.ml.classification or pyspark.ml.regression, or of one that declares the contract.
        params: Its parameters, by pyspark.ml's names.
        seed: Seed of everything random in it.
        partitions: Partitions of the training rows; part of what determines the model.
        search: Parameters to choose by measuring; without one, an estimator is written as if there were no such key.
    """

    estimator: str
    params: dict[str, Any] = {}
    seed: int = Field(default=0, ge=-(2**63), lt=2**63)
    partitions: int = Field(default=2, ge=1, le=2)
    search: Search | None = Field(default=None, exclude_if=lambda search: search is None)

    @property
    def kind(self) -> str:
        """What it predicts: the probability of a label of 0 or 1, or a number."""
        module = self.estimator.rpartition(".")[0]
        return PACKAGES.get(module) or self.type.label_kind  # type: ignore[attr-defined]

    @property
    def determinism(self) -> Literal["exact", "layout"]:
        """What must be the same for it to learn the same."""
        return getattr(self.type, "determinism", "layout")

    @property
    def name(self) -> str:
        """The class without its package."""
        return self.estimator.rsplit(".", 1)[1]

    @property
    def type(self) -> type[pyspark.ml.Estimator[Any]]:
        """The class."""
        module, _, name = self.estimator.rpartition(".")
        return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]

    @model_validator(mode="after")
    def exists(self) -> Self:
        """Refuses classes that cannot be learned here, and parameters they do not have."""
        module, _, name = self.estimator.rpartition(".")
        known = learnable(module)
        if module not in PACKAGES and name not in known:
            raise ValueError(
                f"estimator: '{self.estimator}' is not in {' or '.join(PACKAGES)}, and is no estimator that declares "
                "label_kind and determinism"
            )
        if name not in known:
            raise ValueError(f"estimator: '{self.estimator}' is not an estimator; {closest(name, known)}")
        # Of what tells classes apart, spark.ml's own have either a probability or a score of no unit.
        if hasattr(self.type, "rawPredictionCol") and not hasattr(self.type, "probabilityCol"):
            raise ValueError(f"estimator: {name} gives no probabilities, which predictions and their metrics are")
        for param, value in self.params.items():
            self.converted(f"params.{param}", value)
        for param, values in self.search.params.items() if self.search else ():
            seen: list[Any] = []
            for value in values:
                found = self.converted(f"search.params.{param}", value)
                if found in seen:
                    raise ValueError(f"search.params.{param}: names {value} twice")
                seen.append(found)
        return self

    def converted(self, key: str, value: Any) -> Any:
        """The value of a parameter as the estimator takes it.

        Raises:
            ValueError: If there is no such parameter, or the value is not of its type; the text names the key.
        """
        allowed = {one: found for one, found in class_params(self.type).items() if one not in KEPT}
        param = key.rsplit(".", 1)[1]
        if param not in allowed:
            raise ValueError(f"{key}: {self.name} has no such parameter; {closest(param, allowed)}")
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{key}: found {value}; a finite number is expected")
        try:
            return allowed[param].typeConverter(value)
        except TypeError as error:
            raise ValueError(f"{key}: {str(error)[0].lower()}{str(error)[1:]}") from None

    def with_params(self, params: Mapping[str, Any]) -> Estimator:
        """The same estimator with some parameters set."""
        return self.model_copy(update={"params": {**self.params, **params}})


def learnable(module: str) -> list[str]:
    """The estimators of a module, by name: of spark.ml all that can be declared here, elsewhere those that say what they are."""
    try:
        members = vars(importlib.import_module(module))
    except (ImportError, ValueError):
        return []
    return [
        name
        for name, found in members.items()
        if isinstance(found, type)
        and issubclass(found, pyspark.ml.Estimator)
        and found.__module__ == module
        and hasattr(found, "featuresCol")
        and not name.startswith("_")
        # A composite takes another estimator, which has no form in YAML.
        and not hasattr(found, "classifier")
        and not inspect.isabstract(found)
        and (
            module in PACKAGES or (hasattr(found, "label_kind") and getattr(found, "determinism", None) in DETERMINISM)
        )
    ]


def class_params(kind: type) -> dict[str, Param[Any]]:
    """The parameters an estimator class declares, itself or by inheritance."""
    found = {name: getattr(kind, name, None) for name in dir(kind) if not name.startswith("_") and name != "params"}
    return {name: param for name, param in found.items() if isinstance(param, Param)}
