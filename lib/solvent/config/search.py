"""A declared parameter search: the values to try, on how many folds, by which metric."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any, Self

from pydantic import Field, model_validator

from solvent.config.base import Frozen, Items


class Search(Frozen):
    """Which parameters of an estimator are chosen by measuring them, instead of being written down.

    Attributes:
        params: Parameter -> the values to try; a candidate is one value of each, over the estimator's other parameters.
        folds: How often each candidate is fitted on earlier rows and measured on later ones.
        metric: What decides; the default metric of the kind of label if none is named.
    """

    params: dict[str, Items[Any]]
    folds: int = Field(default=3, ge=1, le=12)
    metric: str | None = None

    @model_validator(mode="after")
    def has_a_choice(self) -> Self:
        """Refuses parameters without a value, and one candidate only."""
        for name, values in self.params.items():
            if not values:
                raise ValueError(f"params.{name}: holds no value; list those to try")
        if math.prod(map(len, self.params.values())) < 2:
            raise ValueError("params: one candidate is no choice; list two values or more of a parameter")
        return self

    def candidates(self) -> Iterator[dict[str, Any]]:
        """Every candidate: parameters by name, the values of each as declared, those of the last changing fastest.

        A manifest keeps the order of values and not that of names, so the latter decides nothing.
        """
        names = sorted(self.params)
        for values in product(*(self.params[name] for name in names)):
            yield dict(zip(names, values, strict=True))
