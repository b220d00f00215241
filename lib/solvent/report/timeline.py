"""A metric by window, before a change and since, as inline SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup, escape

from solvent.monitoring.expectation import Expectation
from solvent.report.charts import short

WIDTH, HEIGHT = 760, 280
LEFT, RIGHT, TOP, BOTTOM = 56, 14, 22, 34
LEVELS, DATES = 4, 6
# Room above and below the values, as a part of their span.
ROOM = 0.06

Day = tuple[date, float | None, bool]


@dataclass(frozen=True)
class Scale:
    """Where days and values are."""

    first: date
    last: date
    low: float
    high: float

    @classmethod
    def over(cls, first: date, last: date, values: Sequence[float]) -> Scale:
        """The days of a span, and values with some room above and below."""
        low, high = min(values), max(values)
        room = ROOM * (high - low) or 1.0
        return cls(first, last, low - room, high + room)

    def across(self, day: date, within: float = 0.5) -> float:
        """The place of a day; of its start with 0, of its end with 1."""
        share = ((day - self.first).days + within) / ((self.last - self.first).days + 1)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def up(self, value: float) -> float:
        """The place of a value."""
        share = (value - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def timeline(
    title: str, series: Sequence[Day], expected: Expectation, change_low: date, change_high: date, alarm: date
) -> Markup:
    """The values of a stream by window, with what was expected, when it changed, and when the alarm was raised.

    Args:
        title: Of the picture.
        series: Day, its value or None, and whether it is judged.
        expected: Mean and limits of the reference.
        change_low: First day of the interval of the change.
        change_high: Its last day.
        alarm: The day of the alarm.
    """
    values = [value for _, value, _ in series if value is not None] + [expected.mean, expected.low, expected.high]
    scale = Scale.over(series[0][0], max(series[-1][0], alarm), values)
    lines = [axes(scale), expectation(scale, expected), change(scale, change_low, change_high, alarm)]
    for judged, role in ((False, "baseline"), (True, "challenger")):
        lines.append(line(scale, [one for one in series if one[2] == judged], role))
    return picture(title, lines)


def picture(title: str, lines: Sequence[str]) -> Markup:
    """Lines as a picture."""
    return Markup(  # noqa: S704 (every text in it is escaped)
        f'<svg class="chart wide" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}">{"".join(lines)}</svg>'
    )


def axes(scale: Scale) -> str:
    """Levels and dates."""
    found = []
    for step in range(LEVELS + 1):
        value = scale.low + step * (scale.high - scale.low) / LEVELS
        y = f"{scale.up(value):.1f}"
        found.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        found.append(
            f'<text class="tick" x="{LEFT - 6}" y="{scale.up(value) + 4:.1f}" text-anchor="end">{short(value)}</text>'
        )
    days = (scale.last - scale.first).days
    for step in range(DATES):
        day = date.fromordinal(scale.first.toordinal() + round(step * days / (DATES - 1)))
        anchor = "end" if step == DATES - 1 else "middle"
        x = f"{scale.across(day):.1f}"
        found.append(f'<text class="tick" x="{x}" y="{HEIGHT - BOTTOM + 18}" text-anchor="{anchor}">{day}</text>')
    return "".join(found)


def expectation(scale: Scale, expected: Expectation) -> str:
    """Mean and limits of the reference."""
    top, bottom, y = scale.up(expected.high), scale.up(expected.low), f"{scale.up(expected.mean):.1f}"
    across = f'x="{LEFT}" width="{WIDTH - LEFT - RIGHT}"'
    return (
        f'<rect class="band" {across} y="{top:.1f}" height="{max(bottom - top, 1):.1f}"/>'
        f'<line class="chance" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>'
    )


def change(scale: Scale, low: date, high: date, alarm: date) -> str:
    """The interval of the change, and the alarm."""
    left, right, x = scale.across(low, 0), scale.across(high, 1), scale.across(alarm)
    span = f'y="{TOP}" height="{HEIGHT - TOP - BOTTOM}"'
    anchor = "end" if x > WIDTH * 0.8 else "start"
    return (
        f'<rect class="since" x="{left:.1f}" width="{right - left:.1f}" {span}><title>changed between {low} and {high}</title></rect>'
        f'<line class="alarm" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        f'<text class="label alarmed" x="{x:.1f}" y="{TOP - 8}" text-anchor="{anchor}">alarm {alarm}</text>'
    )


def line(scale: Scale, days: Sequence[Day], role: str) -> str:
    """A line through the days that have a value, and a dot on each."""
    known = [(day, value) for day, value, _ in days if value is not None]
    points = " ".join(f"{scale.across(day):.1f},{scale.up(value):.1f}" for day, value in known)
    dots = "".join(
        f'<circle class="dot {role}" cx="{scale.across(day):.1f}" cy="{scale.up(value):.1f}" r="2.4">'
        f"<title>{day}: {value:.4f}</title></circle>"
        for day, value in known
    )
    return f'<polyline class="line {role}" points="{points}"/>{dots}'
