"""Figures of one row: how its score came about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from solvent.config.base import counted
from solvent.explanation import Contribution, Explanation, Floats
from solvent.kinds import KINDS
from solvent.kinds.kind import Kind
from solvent.plots.style import BLUE, DASHED, GREY, ORANGE, SOFT, TEXT, Picture, bars_only, percent, picture, styled

MOST_BARS = 12
# Of an interval of 95 %, in standard errors.
SURE = 1.96


@styled
def contributions(explanation: Explanation, kind: str, values: pd.DataFrame | None = None) -> Picture:
    """From the mean score to the row's score, contribution by contribution.

    Args:
        explanation: Of the row.
        kind: Of what is predicted.
        values: feature, value, of exploration.features_beside, to be told beside the names; None for groups of features.
    """
    of = KINDS[kind]
    bars, rest = explanation.contributions[:MOST_BARS], explanation.contributions[MOST_BARS:]
    known = {} if values is None else dict(zip(values["feature"], values["value"], strict=True))
    names = [f"{one.player} = {known[one.player]}" if one.player in known else one.player for one in bars]
    steps = [one.value for one in bars]
    if rest:
        names.append(f"{len(rest)} others together")
        steps.append(sum(one.value for one in rest))
    ends = explanation.mean + np.cumsum(steps)
    starts = ends - steps
    made = picture(
        f"From the mean score {of.score_text(explanation.mean)} to this row's {of.score_text(explanation.score)}",
        f"Shapley values, in units of {of.unit}, against {counted(explanation.rows, 'row')} of the holdout; whiskers: 95 % sampling error "
        "of a bar. "
        "They tell what the model does, not what would change the outcome.",
        1.5 + 0.3 * len(names),
    )
    axes = made.subplots()
    waterfall(axes, bars, starts, ends, of)
    levels(axes, explanation, of)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    # Bars end at the edge otherwise.
    axes.use_sticky_edges = False
    axes.margins(x=0.05, y=0.02)
    bars_only(axes)
    if of.percent:
        percent(axes.xaxis)
    axes.set_xlabel("score")
    return made


def waterfall(axes: Any, bars: Sequence[Contribution], starts: Floats, ends: Floats, of: Kind) -> None:
    """A bar for each step, which begins where the one before ends, with its whisker and what it adds; the last may be of all others."""
    places, steps = np.arange(len(ends)), ends - starts
    errors = np.array([SURE * one.error for one in bars] + [0.0] * (len(ends) - len(bars)))
    axes.barh(places, steps, left=starts, color=[ORANGE if step > 0 else BLUE for step in steps], height=0.62)
    axes.hlines(places, ends - errors, ends + errors, color=TEXT, linewidth=1)
    axes.vlines(ends[:-1], places[:-1] + 0.31, places[1:] - 0.31, color=GREY, linewidth=0.8)
    for place, right, step in zip(places, np.maximum(starts, ends + errors), steps, strict=True):
        beside = {"textcoords": "offset points", "va": "center", "fontsize": 8.5, "color": SOFT}
        axes.annotate(of.change_text(step), (right, place), (6, 0), **beside)


def levels(axes: Any, explanation: Explanation, of: Kind) -> None:
    """Lines at the mean score and the row's, named on the outer side of each, so that names do not meet."""
    low, high = sorted([(explanation.mean, "mean"), (explanation.score, "this row")])
    for (value, name), side in ((low, "right"), (high, "left")):
        axes.axvline(value, color=GREY, linestyle=DASHED, linewidth=1)
        above = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "fontsize": 8.5, "color": SOFT}
        axes.annotate(f"{name} {of.score_text(value)}", (value, 1), (0, 3), ha=side, **above)
