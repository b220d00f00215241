"""How the life of a released model is watched, and when another one is trained."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Literal

from pydantic import Field

from solvent.config.base import Duration, Frozen, Items, midnight

# Windows of the holdout that monitoring judges by, at least.
LEAST_REFERENCE = 21


class Monitoring(Frozen):
    """How the life of a released model is watched, window by window.

    Attributes:
        window: What has one figure of each metric and slice value, and is judged as one: a day or a week, in UTC, a week from Monday.
        metrics: Those judged, of those measured; all if none is named.
        false_alarm_rate: The probability of any false alarm within a year, over all metrics and slices together.
        min_rows: A window's figure of a slice value with fewer labels is not judged.
        look_back: How long after its maturity a window is measured again, as late labels come.
        tolerances: Metric -> worse by less than this does not matter, in the metric's own unit.
    """

    window: Literal["day", "week"] = "day"
    metrics: Items[str] = ()
    false_alarm_rate: float = Field(default=0.05, gt=0, lt=1)
    min_rows: int = Field(default=50, ge=1)
    look_back: Duration = timedelta(days=14)
    tolerances: dict[str, float] = {}

    @property
    def length(self) -> timedelta:
        """How long a window is."""
        return timedelta(days=7 if self.window == "week" else 1)

    @property
    def windows_per_year(self) -> int:
        """How many windows a year has."""
        return 365 // self.length.days

    def window_of(self, moment: datetime) -> date:
        """The window that a time is in, by its first day."""
        return moment.date() - timedelta(days=moment.weekday() if self.window == "week" else 0)

    def windows(self, first: date, end: date) -> list[date]:
        """The windows from one to the last that is over at the first day of another."""
        return [first + n * self.length for n in range((end - first) // self.length)]

    def whole_windows(self, since: datetime, until: datetime) -> tuple[datetime, datetime]:
        """The part of a span that is whole windows: of a part of one, figures would be taken for those of all of it."""
        first = midnight(self.window_of(since))
        return first if first == since else first + self.length, midnight(self.window_of(until))

    def judged(self, measured: Sequence[str]) -> tuple[str, ...]:
        """The metrics judged, of those measured."""
        return self.metrics or tuple(measured)


class Retrain(Frozen):
    """When a challenger is trained without being asked for; what it must show to replace the champion is in the gates.

    Attributes:
        every: When the as-of of the last training is so long ago, be it the champion's or that of a challenger it refused.
        new_labels: When so many labels of its predictions have matured since the last training.
        on_alarm: When it deviates; once for each alarm of a metric and slice, whatever becomes of the challenger.
    """

    every: Duration | None = None
    new_labels: int | None = Field(default=None, ge=1)
    on_alarm: bool = False
