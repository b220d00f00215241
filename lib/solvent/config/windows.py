"""Windows of rows, relative to an as-of and resolved."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Self

from pydantic import model_validator

from solvent.config.base import Duration, Frozen, midnight


class Windows(Frozen):
    """Where rows come from, back from as-of less maturity: first the holdout, before it the training rows."""

    train: Duration
    holdout: Duration
    maturity: Duration = timedelta(0)

    @model_validator(mode="after")
    def not_empty(self) -> Self:
        """Refuses windows without a length."""
        if not self.train or not self.holdout:
            raise ValueError("train and holdout need a length above zero")
        return self

    def at(self, as_of: date) -> Intervals:
        """The windows seen from a date, which starts at midnight UTC."""
        end = midnight(as_of) - self.maturity
        return Intervals(train_start=end - self.holdout - self.train, holdout_start=end - self.holdout, holdout_end=end)


class Intervals(Frozen):
    """Windows resolved: training rows in [train_start, holdout_start), holdout rows in [holdout_start, holdout_end), UTC."""

    train_start: datetime
    holdout_start: datetime
    holdout_end: datetime
