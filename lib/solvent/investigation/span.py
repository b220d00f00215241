"""The days before a change and those since, which are compared."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

COMPARED = timedelta(days=28)


@dataclass(frozen=True)
class Span:
    """The days that are compared: those in [since, change) with those in [change, end)."""

    since: date
    change: date
    end: date


def around(change: date, alarm: date, end: date) -> Span:
    """The days before a change and as many since, however late one looks: a season that passed meanwhile is no cause.

    Args:
        change: The first day that deviates.
        alarm: The day on which this was seen; all days before it count.
        end: No day from it on was judged.
    """
    return Span(change - COMPARED, change, min(end, max(alarm, change + COMPARED)))
