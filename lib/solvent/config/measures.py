"""What is measured of a model, and the gates a challenger must pass."""

from __future__ import annotations

from collections.abc import Callable
from operator import ge, le
from typing import Literal, Self

from pydantic import Field, model_validator

from solvent.config.base import Frozen, Items


class Measures(Frozen):
    """What is measured on the holdout, on which slices, and at which threshold and confidence."""

    metrics: Items[str]
    slices: Items[str] = ()
    threshold: float = Field(default=0.5, gt=0, lt=1)
    confidence: float = Field(default=0.95, gt=0, lt=1)


# The key of a bound -> whether a value keeps to it, and the signs of one that does and one that does not.
BOUNDS: dict[str, tuple[Callable[[float, float], bool], str, str]] = {
    "at_least": (ge, "≥", "<"),
    "at_most": (le, "≤", ">"),
}


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
        rules = [*(getattr(self, name) for name in BOUNDS), self.better_than, self.not_worse_than]
        if sum(rule is not None for rule in rules) != 1:
            raise ValueError(f"give exactly one of {', '.join(BOUNDS)}, better_than and not_worse_than")
        if self.by and self.rival is None:
            raise ValueError("by belongs to better_than or not_worse_than")
        if self.confidence is not None and self.rival is None:
            raise ValueError(
                "confidence belongs to better_than or not_worse_than: it is that of the lead over another model"
            )
        return self

    @property
    def bound(self) -> tuple[str, float] | None:
        """The key of the bound and the bound, None if a rival is one."""
        given = ((key, getattr(self, key)) for key in BOUNDS)
        return next(((key, value) for key, value in given if value is not None), None)

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
        if self.bound is not None:
            key, value = self.bound
            return f"{self.metric} {key.replace('_', ' ')} {value:g}"
        if self.better_than is not None:
            return f"{self.metric} better than the {self.better_than}{margin}"
        return f"{self.metric} not worse than the {self.not_worse_than}{margin}"

    def clears(self, lead: float) -> bool:
        """Whether a lead, or the lower limit of one, keeps to the margin."""
        # 0.80 - 0.75 is more than 0.05 in binary; a margin is meant in decimals.
        lead = round(lead, 12)
        return lead > self.by if self.better_than is not None else lead >= -self.by
