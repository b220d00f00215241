"""The page of a replay: performance over time of several ways of retraining, with alarms and releases on the time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from markupsafe import Markup, escape

from solvent.evaluation import Measurement
from solvent.kinds.paired import Lead
from solvent.report.page import style, templates_of_pages
from solvent.report.timeline import BOTTOM, HEIGHT, TOP, Scale, axes, line, picture


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
    """How far a way is ahead of another on the same rows, by a metric."""

    metric: str
    ours: str
    theirs: str
    lead: Lead


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
    templates = templates_of_pages()
    return templates.get_template("replay.html.j2").render(
        page=page, charts=[(metric, weekly(metric, page)) for metric in page.charted], style=style(templates)
    )


def weekly(metric: str, page: ReplayPage) -> Markup:
    """A metric by week for each way, with the intervals of the first, and a line for each mark."""
    drawn = [(way.role, [(day, one) for day, one in way.points[metric] if one.value is not None]) for way in page.ways]
    limits = [limit for _, one in drawn[0][1] for limit in (one.low, one.high) if limit is not None]
    values = [one.value for _, points in drawn for _, one in points if one.value is not None] + limits
    # The first week may have begun before the first as-of.
    first = min([page.since, *(middle(day) for day, _ in drawn[0][1][:1])])
    scale = Scale.over(first, page.until, values)
    lines = [axes(scale), *(marked(scale, mark) for mark in page.marks), whiskers(scale, *drawn[0])]
    # The first way is drawn last, on top of the others.
    lines += [
        line(scale, [(middle(day), one.value, True) for day, one in points], role) for role, points in reversed(drawn)
    ]
    return picture(f"{metric} by week", lines)


def middle(monday: date) -> date:
    """The day that stands for a week."""
    return monday + timedelta(days=3)


def marked(scale: Scale, mark: Mark) -> str:
    """A line where something happened."""
    x = f"{scale.across(mark.day):.1f}"
    title = f"<title>{mark.day}: {escape(mark.text)}</title>"
    return f'<line class="mark {mark.kind}" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}">{title}</line>'


def whiskers(scale: Scale, role: str, points: Sequence[tuple[date, Measurement]]) -> str:
    """The interval of each week."""
    return "".join(
        f'<line class="whisker {role}" x1="{scale.across(middle(day)):.1f}" x2="{scale.across(middle(day)):.1f}" '
        f'y1="{scale.up(one.low):.1f}" y2="{scale.up(one.high):.1f}"/>'
        for day, one in points
        if one.low is not None and one.high is not None
    )
