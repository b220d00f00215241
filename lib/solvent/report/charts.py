"""Charts as inline SVG: colours come from the page's style sheet, so that one picture serves light and dark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from solvent.config.base import counted
from solvent.kinds.curves import CalibrationBin, HistogramBin, ThresholdPoint

WIDTH, HEIGHT = 340, 300
# A tick of seven characters has room beside the title of the y axis.
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 40
MOST_TICKS = 7
UNITS = ((1e3, "k"), (1e6, "M"), (1e9, "G"))


@dataclass(frozen=True)
class Series:
    """A line of a chart: its role, which is its style class, its name in the legend, and its points in [0, 1]."""

    role: str
    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Span:
    """The values that an axis shows, and those at which it has ticks."""

    low: float
    high: float
    ticks: Sequence[float]

    @classmethod
    def over(cls, values: Sequence[float]) -> Span:
        """The span of values, with ticks at round numbers."""
        low, high = min(values), max(values)
        rough = (high - low) / (MOST_TICKS - 1) or 1.0
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * times for times in (1, 2, 5, 10) if unit * times >= rough)
        first, last = math.ceil(low / step), math.floor(high / step)
        return cls(low, high, [number * step for number in range(first, last + 1)])

    @property
    def labels(self) -> list[str]:
        """The ticks in words, with as many digits as tell each from the next."""
        distinct = (
            labels
            for digits in range(3, 16)
            if len(set(labels := [short(one, digits) for one in self.ticks])) == len(labels)
        )
        return next(distinct, [f"{one:g}" for one in self.ticks])

    def share(self, value: float) -> float:
        """Where a value is, between 0 and 1."""
        return (value - self.low) / ((self.high - self.low) or 1.0)


UNIT = Span(0.0, 1.0, (0.0, 0.2, 0.4, 0.6, 0.8, 1.0))


def across(x: float) -> float:
    """The place of a value in [0, 1] on the x axis."""
    return LEFT + x * (WIDTH - LEFT - RIGHT)


def up(y: float) -> float:
    """The place of a value in [0, 1] on the y axis."""
    return HEIGHT - BOTTOM - y * (HEIGHT - TOP - BOTTOM)


def frame(title: str, x_label: str, y_label: str, body: str, ticks: str, span: Span = UNIT) -> Markup:
    """A chart's axes around its body; a grid, and the ticks of the x axis, at those of a span."""
    lines = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(at):.1f}" y2="{up(at):.1f}"/>'
        f'<text class="tick" x="{across(at):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{label}</text>'
        for at, label in zip(map(span.share, span.ticks), span.labels, strict=True)
    )
    return Markup(  # noqa: S704 (every text in it is escaped)
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">'
        f"{lines}{ticks}"
        f'<line class="axis" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(0):.1f}" y2="{up(0):.1f}"/>'
        f'<text class="label" x="{across(0.5):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>'
        f'<text class="label" transform="translate(11 {up(0.5):.1f}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>'
        f"{body}</svg>"
    )


def y_ticks(span: Span = UNIT) -> str:
    """Ticks of a y axis."""
    return "".join(
        f'<text class="tick" x="{LEFT - 6}" y="{up(span.share(tick)) + 4:.1f}" text-anchor="end">{label}</text>'
        for tick, label in zip(span.ticks, span.labels, strict=True)
    )


def path(series: Series) -> str:
    """A line through points."""
    points = " ".join(f"{across(x):.1f},{up(y):.1f}" for x, y in series.points)
    return f'<polyline class="line {series.role}" points="{points}"><title>{escape(series.name)}</title></polyline>'


def roc_chart(roles: Sequence[tuple[str, str, Sequence[ThresholdPoint]]]) -> Markup:
    """Receiver operating characteristic: true against false positive rate, of (role, name, points)."""
    series = [
        Series(role, name, [(one.false_positive_rate or 0.0, one.true_positive_rate or 0.0) for one in points])
        for role, name, points in roles
    ]
    diagonal = f'<line class="chance" x1="{across(0)}" y1="{up(0)}" x2="{across(1)}" y2="{up(1)}"/>'
    body = diagonal + "".join(path(one) for one in reversed(series))
    return frame("ROC curve", "False positive rate", "True positive rate", body, y_ticks())


def precision_recall_chart(
    roles: Sequence[tuple[str, str, Sequence[ThresholdPoint]]], positive_rate: float | None
) -> Markup:
    """Precision against recall, and the precision of chance."""
    series = [
        Series(
            role, name, [(one.true_positive_rate or 0.0, one.precision) for one in points if one.precision is not None]
        )
        for role, name, points in roles
    ]
    chance = ""
    if positive_rate is not None:
        level = f"{up(positive_rate):.1f}"
        chance = f'<line class="chance" x1="{across(0)}" y1="{level}" x2="{across(1)}" y2="{level}"/>'
    body = chance + "".join(path(one) for one in reversed(series))
    return frame("Precision-recall curve", "Recall", "Precision", body, y_ticks())


def calibration_chart(roles: Sequence[tuple[str, str, Sequence[CalibrationBin]]], binary: bool = True) -> Markup:
    """Mean label against mean prediction by bin, both axes alike; the limits for the first model."""
    span = UNIT if binary else Span.over([value for _, _, bins in roles for one in bins for value in shown(one)])
    body = f'<line class="chance" x1="{across(0)}" y1="{up(0)}" x2="{across(1)}" y2="{up(1)}"/>'
    for order, (role, name, bins) in reversed(list(enumerate(roles))):
        points = [(span.share(one.mean_prediction), span.share(one.observed)) for one in bins]
        if order == 0:
            body += "".join(
                f'<line class="whisker {role}" x1="{across(x):.1f}" x2="{across(x):.1f}" '
                f'y1="{up(span.share(one.low)):.1f}" y2="{up(span.share(one.high)):.1f}"/>'
                for (x, _), one in zip(points, bins, strict=True)
                if one.low is not None and one.high is not None
            )
        body += path(Series(role, name, points))
        body += "".join(
            f'<circle class="dot {role}" cx="{across(x):.1f}" cy="{up(y):.1f}" r="2.6">'
            f"<title>{escape(name)}: predicted {one.mean_prediction:.4g}, observed {one.observed:.4g}, "
            f"{counted(one.n, 'row')}</title></circle>"
            for (x, y), one in zip(points, bins, strict=True)
        )
    observed = "Observed rate" if binary else "Mean label"
    return frame("Calibration curve", "Mean prediction", observed, body, y_ticks(span), span)


def shown(one: CalibrationBin) -> list[float]:
    """The values of a bin that must be within the axes."""
    return [value for value in (one.mean_prediction, one.observed, one.low, one.high) if value is not None]


def histogram_chart(bins: Sequence[HistogramBin]) -> Markup:
    """Rows by prediction, of either label."""
    most = max((one.positives + one.negatives for one in bins), default=0) or 1
    body = ""
    for one in bins:
        left, right = across(one.lower) + 0.5, across(one.upper) - 0.5
        low, high = up(one.negatives / most), up((one.negatives + one.positives) / most)
        title = (
            f"<title>{one.lower:.2f}–{one.upper:.2f}: {one.positives:,} positive, {one.negatives:,} negative</title>"
        )
        body += f'<rect class="negatives" x="{left:.1f}" width="{right - left:.1f}" y="{low:.1f}" height="{up(0) - low:.1f}">{title}</rect>'
        body += f'<rect class="positives" x="{left:.1f}" width="{right - left:.1f}" y="{high:.1f}" height="{low - high:.1f}">{title}</rect>'
    ticks = "".join(
        f'<text class="tick" x="{LEFT - 6}" y="{up(share) + 4:.1f}" text-anchor="end">{short(most * share)}</text>'
        for share in (0.0, 0.5, 1.0)
    )
    return frame("Predictions by label", "Prediction", "Rows", body, ticks)


def short(value: float, digits: int = 3) -> str:
    """A number in a few characters: with k, M or G from a thousand on, and with a power of ten where it is very large or small."""
    value = float(f"{value:.{digits}g}")
    for size, unit in UNITS:
        if size <= abs(value) < 1000 * size:
            return f"{value / size:.{digits}g}{unit}"
    return f"{value:.{digits}g}" if value == 0 or 0.001 <= abs(value) < 1000 else f"{value:.0e}"


def interval_bar(value: float, low: float, high: float, overall: float, span: tuple[float, float]) -> Markup:
    """A value with its interval, and a line for the value of all rows, on a common span."""
    least, most = span

    def place(x: float) -> float:
        return 4 + 132 * ((x - least) / (most - least) if most > least else 0.5)

    return Markup(  # noqa: S704 (numbers only)
        f'<svg class="bar" viewBox="0 0 140 16" role="img" aria-label="{value:.4f}, interval {low:.4f} to {high:.4f}">'
        f'<line class="overall" x1="{place(overall):.1f}" x2="{place(overall):.1f}" y1="0" y2="16"/>'
        f'<line class="whisker challenger" x1="{place(low):.1f}" x2="{place(high):.1f}" y1="8" y2="8"/>'
        f'<circle class="dot challenger" cx="{place(value):.1f}" cy="8" r="3"/></svg>'
    )
