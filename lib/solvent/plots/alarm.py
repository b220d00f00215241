"""Figures of an alarm: what deviates by day, what carries it, and how inputs moved."""

from __future__ import annotations

import textwrap
from datetime import timedelta
from typing import Any

import numpy as np

from solvent.exploration import Alarm, DeviatingStream
from solvent.exploration.streams import Day
from solvent.investigation import Investigation
from solvent.monitoring.streams import Stream
from solvent.plots.style import (
    BLUE,
    GREY,
    PALE_BLUE,
    PALE_GREY,
    PALE_ORANGE,
    RED,
    SOFT,
    TEXT,
    Picture,
    bars_only,
    grid_of,
    percent,
    picture,
    styled,
)  # fmt: skip
from solvent.report.page import words

MOST_CELLS = 14


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
    for axes, stream in zip(axes_of, alarm.streams, strict=True):
        by_day(axes, stream, one)
        axes.sharex(axes_of[0])
    return made


def by_day(axes: Any, of: DeviatingStream, one: Investigation) -> None:
    """One stream."""
    axes.axhspan(of.low, of.high, color=PALE_GREY, alpha=0.7, linewidth=0)
    axes.axhline(of.expected, color=GREY, linestyle=(0, (4, 3)), linewidth=1)
    axes.axvspan(one.change_low, one.change_high + timedelta(days=1), color=PALE_ORANGE, alpha=0.8, linewidth=0)
    axes.axvline(one.alarm, color=RED, linestyle=(0, (5, 3)), linewidth=1.3)
    for judged, colour in ((False, GREY), (True, BLUE)):
        days, values = known(of.days, judged)
        axes.plot(days, values, "o-", color=colour, markersize=3, linewidth=1.2)
    axes.set_title(f"{in_words(of.stream)}: expected {of.expected:.3f}")
    axes.margins(x=0.01)


def known(days: Any, judged: bool) -> tuple[list[Any], list[float]]:
    """The days that have a value, and their values."""
    found: list[Day] = [one for one in days if one[2] == judged and one[1] is not None]
    return [one[0] for one in found], [one[1] for one in found if one[1] is not None]


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
        axes.tick_params(axis="x", labelsize=7.5, length=0)
        axes.grid(False, axis="x")
        axes.set_title(name, color=SOFT)
        percent(axes.yaxis)
    return made
