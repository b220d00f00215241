"""Figures of an alarm: what deviates by day, what carries it, and how inputs moved."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np

from solvent.investigation import Investigation
from solvent.investigation.alarm import Alarm, Day
from solvent.monitoring.streams import Stream
from solvent.plots.style import (
    BLUE,
    DASHED,
    GREY,
    PALE_BLUE,
    PALE_GREY,
    PALE_ORANGE,
    RED,
    SOFT,
    TEXT,
    WIDE,
    Picture,
    bars_only,
    chart,
    dates,
    grid_of,
    line,
    percent,
    picture,
    styled,
    titled,
)
from solvent.plots.wording import words

MOST_CELLS = 14
HALF_A_DAY = timedelta(hours=12)


@styled
def deviation(text: str, days: Sequence[Day], expected: tuple[float, float, float], one: Investigation) -> Picture:
    """One stream that deviates, by window.

    Args:
        text: What is told of it to whoever cannot see it.
        days: First day of a window, value or None, and whether it is judged; the windows before say what to expect.
        expected: Mean of the windows before, and its confidence limits.
        one: Says when the change was and the alarm.
    """
    made, axes = chart(text, WIDE)
    by_day(axes, days, expected, one)
    dates(axes.xaxis)
    axes.annotate(
        f"alarm {one.alarm}", (one.alarm, 1), (0, 3), xycoords=("data", "axes fraction"), textcoords="offset points",
        ha="right" if one.alarm - days[0][0] > 0.8 * (days[-1][0] - days[0][0]) else "left", color=RED, fontsize=8.5,
    )  # fmt: skip
    return made


@styled
def deviations(alarm: Alarm) -> Picture:
    """What deviates, by day: what was expected, when it changed, and when the alarm was raised."""
    one = alarm.investigation
    made = picture(
        f"What deviates: {one.model} version {one.model_version}, alarm of {one.alarm}",
        "Grey: days that say what to expect; dashed: their mean, with its confidence band. Blue: days that are judged. Orange: the change "
        f"began between {one.change_low} and {one.change_high}. Red: the alarm.",
        0.9 + 1.85 * len(alarm.streams),
    )
    axes_of = list(grid_of(made, len(alarm.streams), 1))
    for axes, of in zip(axes_of, alarm.streams, strict=True):
        by_day(axes, of.days, (of.expected, of.low, of.high), one)
        axes.set_title(f"{in_words(of.stream)}: expected {of.expected:.3f}")
        axes.sharex(axes_of[0])
    return made


def by_day(axes: Any, days: Sequence[Day], expected: tuple[float, float, float], one: Investigation) -> None:
    """The values of a stream before and since, what was expected, when it changed, and when the alarm was raised."""
    mean, *limits = expected
    axes.axhspan(*limits, color=PALE_GREY, linewidth=0)
    axes.axhline(mean, color=GREY, linestyle=DASHED, linewidth=1)
    since = axes.axvspan(one.change_low - HALF_A_DAY, one.change_high + HALF_A_DAY, color=PALE_ORANGE, linewidth=0)
    titled(since, [f"changed between {one.change_low} and {one.change_high}"])
    axes.axvline(one.alarm, color=RED, linestyle=DASHED, linewidth=1.3)
    for judged, colour in ((False, GREY), (True, BLUE)):
        known = [(day, value) for day, value, is_judged in days if is_judged == judged and value is not None]
        titles = [f"{day}: {value:.4f}" for day, value in known]
        line(axes, [day for day, _ in known], [value for _, value in known], colour, titles)
    axes.margins(x=0.01)


def in_words(stream: Stream) -> str:
    """What a stream is of."""
    return f"{words(stream.metric)} of {stream.rows}"


@styled
def causes(investigation: Investigation) -> Picture:
    """What carries the change, and how much of it."""
    found = list(investigation.causes)
    texts = [textwrap.fill(str(one["text"]), 74) for one in found]
    lines = sum(text.count("\n") + 1 for text in texts)
    made = picture(
        "What carries the change",
        "Share of the change of loss or bias. Causes overlap, so that shares do not sum to 1; a share does not prove a cause.",
        1.0 + 0.2 * lines + 0.16 * len(found),
    )
    axes = made.subplots()
    places, shares = np.arange(len(found)), [float(one["share"]) for one in found]
    axes.barh(places, shares, color=[BLUE, *[PALE_BLUE] * (len(found) - 1)], height=0.5)
    for place, share in enumerate(shares):
        axes.annotate(
            f"{share:.0%}", (share, place), (4, 0), textcoords="offset points", va="center", fontsize=9, color=TEXT
        )
    axes.set_yticks(places, texts)
    axes.tick_params(axis="y", labelcolor=TEXT)
    axes.set_ylim(len(found) - 0.4, -0.6)
    axes.set_xlim(0, 1.08)
    percent(axes.xaxis)
    bars_only(axes)
    return made


@styled
def inputs(alarm: Alarm) -> Picture:
    """How inputs are distributed since the change, beside the rows the model learned from."""
    names = list(dict.fromkeys(alarm.inputs["feature"]))
    if not names:
        return picture("No input is looked at: what changed is how many rows there are", "", 0.7)
    made = picture(
        f"Inputs since {alarm.investigation.change} (blue) beside training rows (grey)",
        "Share of rows in each cell: of the inputs that moved with the change or, if none did, of those where the change is strongest.",
        0.9 + 2.2 * max(-(-len(names) // 2), 1),
    )
    for axes, name in zip(grid_of(made, len(names), 2), names, strict=True):
        mine = alarm.inputs[alarm.inputs["feature"] == name].nlargest(MOST_CELLS, ["training", "since"]).sort_index()
        places = np.arange(len(mine))
        axes.bar(places - 0.2, mine["training"], width=0.4, color=GREY, alpha=0.6)
        axes.bar(places + 0.2, mine["since"], width=0.4, color=BLUE)
        axes.set_xticks(places, mine["cell"], rotation=35, ha="right", rotation_mode="anchor")
        axes.tick_params(axis="x", labelsize=7.5)
        axes.grid(False, axis="x")
        axes.set_title(name, color=SOFT)
        percent(axes.yaxis)
    return made
