"""Figures of two models: metrics side by side, by slice, and where their predictions differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.colors import LogNorm

from solvent.evaluation import Measurement
from solvent.evaluation.comparison import BINS, Comparison
from solvent.kinds import KINDS, metrics_by_name
from solvent.kinds.paired import Lead
from solvent.kinds.slices import ALL
from solvent.plots.curves import draw_calibration
from solvent.plots.style import (
    BLUE,
    DASHED,
    GREY,
    PALE_GREY,
    SOFT,
    Picture,
    bars_only,
    grid_of,
    percent,
    picture,
    styled,
)
from solvent.plots.wording import words

# The first model of a comparison, and the second.
COLOURS = (GREY, BLUE)
MOST_VALUES = 16
# A rate in a bin of fewer rows says little, and is not drawn.
FEWEST = 20


@styled
def metrics(comparison: Comparison) -> Picture:
    """Every metric of both models with its interval, and how far the second is ahead."""
    made = picture(
        f"{comparison.names[1]} (blue) beside {comparison.names[0]} (grey)",
        f"On the same rows, of {comparison.rows}. Intervals of each alone take rows to be independent. The lead is of both day by day, "
        "as rows of a day are not: it decides, and above 0 the blue one is better.",
        0.9 + 1.15 * -(-len(comparison.metrics) // 3),
    )
    for axes, name in zip(grid_of(made, len(comparison.metrics), 3), comparison.metrics, strict=True):
        for place, (found, colour) in enumerate(zip(comparison.evaluations, COLOURS, strict=True)):
            dot(axes, found.measurement(name), place, colour)
        axes.set_ylim(1.6, -0.6)
        axes.set_yticks([])
        axes.locator_params(axis="x", nbins=5)
        axes.margins(x=0.15)
        axes.set_title(f"{words(name)}{better(name)}\n{lead_in_words(comparison.leads.get(name))}", fontsize=9)
    return made


def better(metric: str) -> str:
    """Which values of a metric are better."""
    which = metrics_by_name()[metric].better
    return f", {which}" if which else ""


def lead_in_words(lead: Lead | None) -> str:
    """A lead with its interval."""
    if lead is None or lead.value is None:
        return ""
    interval = f" [{lead.low:+.4f}, {lead.high:+.4f}]" if lead.low is not None and lead.high is not None else ""
    return f"lead {lead.value:+.4f}{interval}"


def dot(axes: Any, one: Measurement, place: float, colour: str) -> None:
    """A value with its interval; nothing where it is undefined."""
    if one.value is None:
        return
    if one.low is not None and one.high is not None:
        axes.hlines(place, one.low, one.high, color=colour, linewidth=2, alpha=0.6)
    axes.plot([one.value], [place], "o", color=colour, markersize=5.5)


@styled
def slices(comparison: Comparison, metric: str) -> Picture:
    """One metric of both models on every value of every slice; of many values those with the most rows."""
    names = list(dict.fromkeys(one.slice for one in comparison.evaluations[1].measurements if one.slice != ALL))
    values = {name: slice_values(comparison, name, metric) for name in names}
    made = picture(
        f"{words(metric)} by slice{better(metric)}",
        f"Grey: {comparison.names[0]}. Blue: {comparison.names[1]}. Dashed: of all rows. Bars are intervals; rows in brackets.",
        1.3 + 0.3 * max(map(len, values.values()), default=1),
    )
    for axes, name in zip(grid_of(made, len(names), 3), names, strict=True):
        for place, value in enumerate(values[name]):
            for offset, found, colour in zip((-0.14, 0.14), comparison.evaluations, COLOURS, strict=True):
                dot(axes, found.measurement(metric, name, value), place + offset, colour)
        for found, colour in zip(comparison.evaluations, COLOURS, strict=True):
            overall = found.measurement(metric).value
            if overall is not None:
                axes.axvline(overall, color=colour, linestyle=DASHED, linewidth=1)
        counts = [comparison.evaluations[1].measurement(metric, name, value).n for value in values[name]]
        axes.set_yticks(range(len(counts)), [f"{value} ({n:,})" for value, n in zip(values[name], counts, strict=True)])
        axes.set_ylim(len(counts) - 0.4, -0.6)
        axes.locator_params(axis="x", nbins=5)
        axes.set_title(name)
        bars_only(axes)
    return made


def slice_values(comparison: Comparison, name: str, metric: str) -> Sequence[str]:
    """The values of a slice with the most rows, in their order."""
    found = [one for one in comparison.evaluations[1].measurements if (one.slice, one.metric) == (name, metric)]
    most = sorted(found, key=lambda one: -one.n)[:MOST_VALUES]
    return [one.slice_value for one in found if one in most]


@styled
def predictions(comparison: Comparison) -> Picture:
    """Where the predictions of both models differ, by how much, and how far either is to be believed."""
    calibrated = KINDS[comparison.kind].percent
    made = picture("Where predictions differ", "", 3.9)
    each = grid_of(made, 3 if calibrated else 2, 3)
    both(next(each), comparison)
    changes(next(each), comparison)
    if calibrated:
        calibration(next(each), comparison)
    return made


def both(axes: Any, comparison: Comparison) -> None:
    """The predictions of one model against those of the other, and the threshold of either."""
    low, high = comparison.limits
    counts = np.full((BINS, BINS), np.nan)
    counts[comparison.cells["second"], comparison.cells["first"]] = comparison.cells["rows"]
    extent = (low, high, low, high)
    axes.imshow(
        counts, origin="lower", extent=extent, cmap="Blues", norm=LogNorm(0.5, np.nanmax(counts)), aspect="auto"
    )
    axes.plot([low, high], [low, high], color=SOFT, linewidth=0.8)
    if KINDS[comparison.kind].flipped is not None:
        axes.axvline(comparison.threshold, color=SOFT, linestyle=DASHED, linewidth=0.8)
        axes.axhline(comparison.threshold, color=SOFT, linestyle=DASHED, linewidth=0.8)
    if KINDS[comparison.kind].percent:
        percent(axes.xaxis)
        percent(axes.yaxis)
    axes.set_title("Rows by both predictions (darker: more)")
    axes.set_xlabel(comparison.names[0])
    axes.set_ylabel(comparison.names[1])
    axes.grid(False)


def changes(axes: Any, comparison: Comparison) -> None:
    """How much predictions change."""
    width = (comparison.limits[1] - comparison.limits[0]) / BINS
    moved = comparison.cells.assign(change=comparison.cells["second"] - comparison.cells["first"])
    counts = moved.groupby("change")["rows"].sum()
    axes.bar(counts.index.to_numpy() * width, counts.to_numpy() / counts.sum(), width=width * 0.9, color=BLUE)
    axes.axvline(0, color=SOFT, linewidth=0.8)
    axes.set_title("Share of rows by change")
    axes.set_xlabel(f"prediction of {comparison.names[1]} less the other")
    percent(axes.yaxis)
    if KINDS[comparison.kind].percent:
        percent(axes.xaxis)


def calibration(axes: Any, comparison: Comparison) -> None:
    """What was promised, and what was seen."""
    axes.plot([0, 1], [0, 1], color=PALE_GREY, linewidth=1)
    for found, name, colour in zip(comparison.evaluations, comparison.names, COLOURS, strict=True):
        bins = [one for one in found.curves.calibration if one.n >= FEWEST]
        draw_calibration(axes, bins, colour, name, limits=True)
    axes.set_title("Observed rate by prediction")
    axes.set_xlabel("mean prediction")
    axes.set_ylabel("observed rate")
    percent(axes.xaxis)
    percent(axes.yaxis)
    axes.legend(loc="upper left")
