"""The page of a replay: performance over time of several ways of retraining, with alarms and releases on the time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from solvent.evaluation import Measurement
from solvent.kinds.paired import Lead
from solvent.report.rendering import render


@dataclass(frozen=True)
class Way:
    """A way of retraining.

    Attributes:
        role: "challenger", "champion" or "baseline", each of which has its colour.
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
class Difference:
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
    differences: Sequence[Difference]
    marks: Sequence[Mark]


def replay_page(page: ReplayPage) -> str:
    """The page as HTML; the same page gives the same text."""
    # Imported here, as it takes half a second that only who draws needs.
    from solvent.plots.inline import inline_svg
    from solvent.plots.retraining import by_week

    span, events = (page.since, page.until), [(mark.day, mark.kind, mark.text) for mark in page.marks]
    charts = [
        (
            metric,
            inline_svg(by_week(f"{metric} by week", span, {way.role: way.points[metric] for way in page.ways}, events)),
        )
        for metric in page.charted
    ]
    return render("replay.html.j2", page=page, charts=charts)
