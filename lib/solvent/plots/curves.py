"""The curves of one or more models on the same rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.ticker import EngFormatter, MaxNLocator

from solvent.config.base import counted
from solvent.kinds import KINDS
from solvent.kinds.curves import CalibrationBin, Curves
from solvent.plots.style import BLUE, COLOUR_OF, DASHED, PALE_BLUE, SOFT, Picture, chart, line, styled, titled

# A share of 1 is drawn whole.
SHARES = (0.0, 1.01)


@dataclass(frozen=True)
class ModelCurves:
    """A model's curves.

    Attributes:
        role: "challenger", "champion" or "baseline", each of which has its colour.
        name: As people call it.
        curves: Of all rows.
        kind: Of what it predicts.
    """

    role: str
    name: str
    curves: Curves
    kind: str


@styled
def roc(models: Sequence[ModelCurves]) -> Picture:
    """Receiver operating characteristic: true against false positive rate."""
    made, axes = curve("ROC curve", "False positive rate", "True positive rate")
    axes.plot([0, 1], [0, 1], color=SOFT, linestyle=DASHED, linewidth=0.8)
    for one in reversed(models):
        points = [(at.false_positive_rate or 0.0, at.true_positive_rate or 0.0) for at in one.curves.roc]
        draw_curve(axes, one, points)
    return made


@styled
def precision_recall(models: Sequence[ModelCurves]) -> Picture:
    """Precision against recall, and the precision of chance."""
    made, axes = curve("Precision-recall curve", "Recall", "Precision")
    positives, negatives = (
        sum(getattr(one, name) for one in models[0].curves.histogram) for name in ("positives", "negatives")
    )
    axes.axhline(positives / (positives + negatives), color=SOFT, linestyle=DASHED, linewidth=0.8)
    for one in reversed(models):
        points = [
            (at.true_positive_rate or 0.0, at.precision)
            for at in one.curves.precision_recall
            if at.precision is not None
        ]
        draw_curve(axes, one, points)
    return made


@styled
def calibration(models: Sequence[ModelCurves]) -> Picture:
    """Mean label against mean prediction by bin, both axes alike; the limits for the first model."""
    kind = KINDS[models[0].kind]
    made, axes = curve("Calibration curve", "Mean prediction", kind.observed_text)
    values = [value for one in models for bin in one.curves.calibration for value in values_of(bin)]
    low, high = kind.limits or (min(values), max(values))
    axes.plot([low, high], [low, high], color=SOFT, linestyle=DASHED, linewidth=0.8)
    for one in reversed(models):
        draw_calibration(axes, one.curves.calibration, COLOUR_OF[one.role], one.name, limits=one is models[0])
    room = 0.01 * (high - low)
    axes.set(xlim=(low, high + room), ylim=(low, high + room))
    return made


@styled
def histogram(models: Sequence[ModelCurves]) -> Picture:
    """Rows of the first model by prediction, of either label."""
    made, axes = curve("Predictions by label", "Prediction", "Rows")
    bins = models[0].curves.histogram
    below = [0] * len(bins)
    for heights, colour in (([one.negatives for one in bins], PALE_BLUE), ([one.positives for one in bins], BLUE)):
        widths = [0.94 * (one.upper - one.lower) for one in bins]
        bars = axes.bar([(one.lower + one.upper) / 2 for one in bins], heights, widths, below, color=colour)
        for bar, one in zip(bars, bins, strict=True):
            what = f"{one.lower:.2f}–{one.upper:.2f}: {one.positives:,} positive, {one.negatives:,} negative"
            titled(bar, [what])
        below = heights
    axes.set_ylim(0, 1.05 * max(one.negatives + one.positives for one in bins))
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.yaxis.set_major_formatter(EngFormatter(sep=""))
    return made


DRAW = {"roc": roc, "precision_recall": precision_recall, "calibration": calibration, "histogram": histogram}


def curve_charts(models: Sequence[ModelCurves]) -> list[tuple[str, Picture, str]]:
    """Title, chart and note of all curves that models of this kind have."""
    return [(one.title, DRAW[one.curve](models), one.note) for one in KINDS[models[0].kind].charts]


def curve(text: str, x: str, y: str) -> tuple[Picture, Any]:
    """A chart whose axes have names, and go from 0 to 1 unless it is said otherwise."""
    made, axes = chart(text)
    axes.set(xlabel=x, ylabel=y, xlim=SHARES, ylim=SHARES)
    return made, axes


def draw_curve(axes: Any, model: ModelCurves, points: Sequence[tuple[float, float]]) -> None:
    """The curve of a model."""
    (drawn,) = axes.plot([x for x, _ in points], [y for _, y in points], color=COLOUR_OF[model.role])
    titled(drawn, [model.name])


def draw_calibration(axes: Any, bins: Sequence[CalibrationBin], colour: str, name: str, limits: bool) -> None:
    """What was predicted and what was seen by bin, with limits of what was seen."""
    bounded = [one for one in bins if limits and one.low is not None and one.high is not None]
    axes.vlines(
        [one.mean_prediction for one in bounded],
        *([getattr(one, edge) for one in bounded] for edge in ("low", "high")),
        color=colour,
        alpha=0.6,
        linewidth=1.2,
    )
    titles = [
        f"{name}: predicted {one.mean_prediction:.4g}, observed {one.observed:.4g}, {counted(one.n, 'row')}"
        for one in bins
    ]
    line(axes, [one.mean_prediction for one in bins], [one.observed for one in bins], colour, titles, name)


def values_of(one: CalibrationBin) -> list[float]:
    """The values of a bin that must be within the axes."""
    return [value for value in (one.mean_prediction, one.observed, one.low, one.high) if value is not None]
