"""What is measured of a model, and the gates a challenger must pass."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from solvent.config.base import Frozen, Items


class Measures(Frozen):
    """What is measured on the holdout, on which slices, and at which threshold and confidence."""

    metrics: Items[str]
    slices: Items[str] = ()
    threshold: float = Field(default=0.5, gt=0, lt=1)
    confidence: float = Field(default=0.95, gt=0, lt=1)


class Gate(Frozen):
    """A rule a challenger must pass: one bound on one metric, overall or on every value of a slice.

    Attributes:
        metric: The metric, which must be measured.
        at_least: The least value allowed.
        at_most: The largest value allowed.
        better_than: "baseline" or "champion", which must be beaten by more than `by`.
        not_worse_than: "baseline" or "champion", from which the challenger may fall behind by at most `by`.
        by: The margin, in the metric's own unit.
        confidence: With it, the whole confidence interval of the lead must keep to the margin: superiority by more than `by` for
            better_than, non-inferiority by `by` for not_worse_than. The interval is two-sided, and one limit decides: a challenger
            that in truth is beyond the margin passes in (1 - confidence) / 2 of cases, a share that is spread over all challengers
            judged against one champion on the same days (lib/solvent/release/gates.py).
        slice: A slice, each value of which must pass.
        min_rows: Slice values with fewer rows are passed over.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    better_than: Literal["baseline", "champion"] | None = None
    not_worse_than: Literal["baseline", "champion"] | None = None
    by: float = Field(default=0.0, ge=0)
    confidence: float | None = Field(default=None, ge=0.5, lt=1)
    slice: str | None = None
    min_rows: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def one_rule(self) -> Self:
        """Refuses no rule, and two in one."""
        rules = [self.at_least, self.at_most, self.better_than, self.not_worse_than]
        if sum(rule is not None for rule in rules) != 1:
            raise ValueError("give exactly one of at_least, at_most, better_than and not_worse_than")
        if self.by and self.rival is None:
            raise ValueError("by belongs to better_than or not_worse_than")
        if self.confidence is not None and self.rival is None:
            raise ValueError(
                "confidence belongs to better_than or not_worse_than: it is that of the lead over another model"
            )
        return self

    @property
    def rival(self) -> Literal["baseline", "champion"] | None:
        """Whom the challenger is compared with, None for a bound."""
        return self.better_than or self.not_worse_than

    @property
    def rule(self) -> str:
        """The gate in words."""
        margin = f" by {self.by:g}" if self.by else ""
        if self.confidence is not None:
            margin += f" with {100 * self.confidence:g}% confidence"
        if self.at_least is not None:
            return f"{self.metric} at least {self.at_least:g}"
        if self.at_most is not None:
            return f"{self.metric} at most {self.at_most:g}"
        if self.better_than is not None:
            return f"{self.metric} better than the {self.better_than}{margin}"
        return f"{self.metric} not worse than the {self.not_worse_than}{margin}"
