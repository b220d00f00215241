"""The page of a replay: performance over time of several ways of retraining, with alarms and releases on the time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup, escape

from solvent.evaluation import Measurement
from solvent.report.page import number, templates

WIDTH, HEIGHT = 720, 300
LEFT, RIGHT, TOP, BOTTOM = 52, 12, 14, 44
LINES = 4


@dataclass(frozen=True)
class Way:
    """A way of retraining.

    Attributes:
        role: Its style class.
        name: As people call it.
        overall: Metric -> its measurement on all rows.
        points: Metric -> its measurement by first day of each window, in order.
    """

    role: str
    name: str
    overall: Mapping[str, Measurement]
    points: Mapping[str, Sequence[tuple[date, Measurement]]]


@dataclass(frozen=True)
class Mark:
    """Something that happened on a day: "alarm", "release" or "refusal"."""

    day: date
    kind: str
    text: str


@dataclass(frozen=True)
class Versus:
    """A way less another on the same rows, as a metric and its interval."""

    metric: str
    ours: str
    theirs: str
    value: float | None
    low: float | None
    high: float | None
    method: str


@dataclass(frozen=True)
class ReplayPage:
    """What the page of a replay tells.

    Attributes:
        project: Its name.
        description: Of the project.
        since: The first as-of.
        until: The last as-of.
        metrics: In the order of model.yml.
        charted: Those drawn over time.
        ways: The ways of retraining compared.
        differences: Between them.
        marks: What happened, in order of time.
    """

    project: str
    description: str
    since: date
    until: date
    metrics: Sequence[str]
    charted: Sequence[str]
    ways: Sequence[Way]
    differences: Sequence[Versus]
    marks: Sequence[Mark]


def replay_page(page: ReplayPage) -> str:
    """The page as HTML; the same page gives the same text."""
    known = templates()
    return known.get_template("replay.html.j2").render(
        page=page,
        charts=[(metric, timeline(metric, page)) for metric in page.charted],
        style=Markup(known.loader.get_source(known, "model.css")[0]) if known.loader else "",  # noqa: S704 (our own)
    )


def timeline(metric: str, page: ReplayPage) -> Markup:
    """A metric by window for each way, the intervals of the first, and a line for each mark."""
    drawn = {way.role: [(day, one) for day, one in way.points[metric] if one.value is not None] for way in page.ways}
    first = drawn[page.ways[0].role]
    values = [one.value for points in drawn.values() for _, one in points if one.value is not None]
    values += [limit for _, one in first for limit in (one.low, one.high) if limit is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    margin = (high - low or 1.0) * 0.05
    low, high = low - margin, high + margin
    span = (page.until - page.since).days

    def across(day: date, into: float = 0.0) -> float:
        return LEFT + min(max(((day - page.since).days + into) / span, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    ticks = [low + (high - low) * n / LINES for n in range(LINES + 1)]
    body = "".join(
        f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{up(t):.1f}" y2="{up(t):.1f}"/>'
        f'<text class="tick" x="{LEFT - 6}" y="{up(t) + 4:.1f}" text-anchor="end">{t:.3f}</text>'
        for t in ticks
    )
    body += "".join(
        f'<text class="tick" x="{across(day):.1f}" y="{HEIGHT - BOTTOM + 16}" text-anchor="middle">{day:%b %d}</text>'
        for day in months(page.since, page.until)
    )
    body += "".join(
        f'<line class="mark {mark.kind}" x1="{across(mark.day):.1f}" x2="{across(mark.day):.1f}" y1="{TOP}" '
        f'y2="{HEIGHT - BOTTOM}"><title>{mark.day}: {escape(mark.text)}</title></line>'
        for mark in page.marks
    )
    middle = 3.5
    body += "".join(
        f'<line class="whisker {page.ways[0].role}" x1="{across(day, middle):.1f}" x2="{across(day, middle):.1f}" '
        f'y1="{up(one.low):.1f}" y2="{up(one.high):.1f}"/>'
        for day, one in first
        if one.low is not None and one.high is not None
    )
    for way in reversed(page.ways):
        points = [
            (across(day, middle), up(one.value), day, one) for day, one in drawn[way.role] if one.value is not None
        ]
        body += f'<polyline class="line {way.role}" points="{" ".join(f"{x:.1f},{y:.1f}" for x, y, *_ in points)}"/>'
        body += "".join(
            f'<circle class="dot {way.role}" cx="{x:.1f}" cy="{y:.1f}" r="2.6"><title>{escape(way.name)}, week of {day}: '
            f"{number(one.value)}, {one.n:,} rows</title></circle>"
            for x, y, day, one in points
        )
    return Markup(  # noqa: S704 (every text in it is escaped)
        f'<svg class="chart wide" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(metric)} over time">{body}</svg>'
    )


def months(since: date, until: date) -> list[date]:
    """The first days of months in a span."""
    days = (since + timedelta(days=n) for n in range((until - since).days + 1))
    return [day for day in days if day.day == 1]
