"""Figures of one row: how its score came about."""

from __future__ import annotations

import numpy as np
import pandas as pd

from solvent.explanation import Contribution, Explanation
from solvent.plots.style import BLUE, GREY, ORANGE, SOFT, TEXT, Picture, bars_only, percent, picture, styled

MOST_BARS = 12
# Of an interval of 95 %, in standard errors.
SURE = 1.96


@styled
def contributions(explanation: Explanation, kind: str, values: pd.DataFrame | None = None) -> Picture:
    """From the mean score to the row's score, contribution by contribution.

    Args:
        explanation: Of the row.
        kind: "binary" or "regression".
        values: feature, value, of exploration.features_beside, to be told beside the names; None for groups of features.
    """
    bars, rest = explanation.contributions[:MOST_BARS], explanation.contributions[MOST_BARS:]
    known = {} if values is None else dict(zip(values["feature"], values["value"], strict=True))
    names = [f"{one.player} = {known[one.player]}" if one.player in known else one.player for one in bars]
    steps = [one.value for one in bars]
    if rest:
        names.append(f"{len(rest)} others together")
        steps.append(sum(one.value for one in rest))
    ends = explanation.mean + np.cumsum(steps)
    starts = ends - steps
    unit = "probability" if kind == "binary" else "prediction"
    made = picture(
        f"From the mean score {said(explanation.mean, kind)} to this row's {said(explanation.score, kind)}",
        f"Shapley values, in units of {unit}, against {explanation.rows} rows of the holdout; whiskers: 95 % sampling error of a bar. "
        "They tell what the model does,\nnot what would change the outcome.",
        1.5 + 0.3 * len(names),
    )
    axes = made.subplots()
    places = np.arange(len(names))
    colours = [ORANGE if step > 0 else BLUE for step in steps]
    axes.barh(places, steps, left=starts, color=colours, height=0.62)
    axes.hlines(places[: len(bars)], *limits(ends, bars), color=TEXT, linewidth=1)
    axes.vlines(ends[:-1], places[:-1] + 0.31, places[1:] - 0.31, color=GREY, linewidth=0.8)
    for value, name in ((explanation.mean, "mean"), (explanation.score, "this row")):
        axes.axvline(value, color=GREY, linestyle=(0, (4, 3)), linewidth=1)
        axes.annotate(f"{name} {said(value, kind)}", (value, 1), (0, 3), xycoords=("data", "axes fraction"),
                      textcoords="offset points", ha="center", fontsize=8.5, color=SOFT)  # fmt: skip
    span = max(float(max(ends.max(), starts.max()) - min(ends.min(), starts.min())), 1e-9)
    for place, (start, end, step) in enumerate(zip(starts, ends, steps, strict=True)):
        axes.annotate(
            added(step, kind),
            (max(start, end) + 0.012 * span + error_of(bars, place), place),
            va="center",
            fontsize=8.5,
            color=SOFT,
        )
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.margins(x=0.09)
    bars_only(axes)
    if kind == "binary":
        percent(axes.xaxis)
    axes.set_xlabel("score")
    return made


def limits(ends: np.ndarray, bars: tuple[Contribution, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The ends of the whiskers of bars."""
    errors = np.array([SURE * one.error for one in bars])
    return ends[: len(bars)] - errors, ends[: len(bars)] + errors


def error_of(bars: tuple[Contribution, ...], place: int) -> float:
    """The length of the whisker of a bar; the last, of all others, has none."""
    return SURE * bars[place].error if place < len(bars) else 0.0


def said(value: float, kind: str) -> str:
    """A score as people read it."""
    return f"{value:.1%}" if kind == "binary" else f"{value:.4g}"


def added(value: float, kind: str) -> str:
    """What is added, with its sign; of probabilities in points."""
    return f"{100 * value:+.1f}" if kind == "binary" else f"{value:+.3g}"
