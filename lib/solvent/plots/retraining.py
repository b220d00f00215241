"""Several ways of retraining over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from solvent.evaluation import Measurement
from solvent.plots.style import COLOUR_OF, DASHED, GREEN, RED, SOFT, WIDE, Picture, chart, dates, line, styled, titled

COLOUR_OF_EVENT = {"alarm": RED, "release": GREEN, "refusal": SOFT}


@styled
def by_week(
    text: str,
    span: tuple[date, date],
    ways: Mapping[str, Sequence[tuple[date, Measurement]]],
    events: Sequence[tuple[date, str, str]],
) -> Picture:
    """A metric by week for each way, with the intervals of the first, and a line for each event.

    Args:
        text: What is told of it to whoever cannot see it.
        span: First and last day.
        ways: Role, which has its colour -> the metric by first day of each week, in order.
        events: Day, "alarm", "release" or "refusal", and what happened in words.
    """
    made, axes = chart(text, WIDE)
    for day, kind, words in events:
        drawn = axes.axvline(day, color=COLOUR_OF_EVENT[kind], linestyle=DASHED, linewidth=1.2)
        titled(drawn, [f"{day}: {words}"])
    weeks = {
        role: [(middle(monday), one) for monday, one in points if one.value is not None]
        for role, points in ways.items()
    }
    first = next(iter(weeks))
    bounded = [(day, one.low, one.high) for day, one in weeks[first] if one.low is not None and one.high is not None]
    days, lows, highs = zip(*bounded, strict=True) if bounded else ((), (), ())
    axes.vlines(days, lows, highs, color=COLOUR_OF[first], alpha=0.6, linewidth=1.2)
    # The first way is drawn last, on top of the others.
    for role, points in reversed(weeks.items()):
        titles = [f"{day}: {one.value:.4f}" for day, one in points]
        line(axes, [day for day, _ in points], [one.value for _, one in points], COLOUR_OF[role], titles)
    dates(axes.xaxis)
    # The first week may have begun before the first day.
    axes.set_xlim(
        min([span[0], *(day for day, _ in weeks[first][:1])]) - timedelta(days=1), span[1] + timedelta(days=1)
    )
    return made


def middle(monday: date) -> date:
    """The day that stands for a week."""
    return monday + timedelta(days=3)
