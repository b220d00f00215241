"""The page of a model: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from solvent.evaluation import ALL, Evaluation, Measurement
from solvent.features import Feature
from solvent.identity import Manifest
from solvent.importance import Importances
from solvent.kinds import KINDS, badness, descriptive
from solvent.kinds.paired import Lead
from solvent.release import Decision, GateResult
from solvent.report.rendering import render

CHALLENGER, CHAMPION, BASELINE = "challenger", "champion", "baseline"


@dataclass(frozen=True)
class ModelPage:
    """What the page of a model tells.

    Attributes:
        description: Of the project.
        owner: Of the project.
        model: Registered name.
        version: Its version.
        kind: Of what it predicts.
        manifest: What it was made from.
        evaluations: By role: "challenger" is this model; "champion" the one it stands against; "baseline".
        names: Role -> how it is called on the page.
        rows: The days that models are measured on where no others are named, in words.
        absent: Why there is no champion to compare with, or not on those days; "" if there is one.
        metrics: In the order of model.yml.
        threshold: At or above it a prediction counts as positive.
        confidence: Of the intervals.
        gates: What each gate said.
        decision: The decision on the model, None if there was none.
        features: Their declarations.
        reproduce: The command that makes the model again.
        leads: Rival -> metric -> how far the model is ahead of it, on the days both are compared on.
        importances: What the model makes of its features.
    """

    description: str
    owner: str
    model: str
    version: int
    kind: str
    manifest: Manifest
    evaluations: Mapping[str, Evaluation]
    names: Mapping[str, str]
    rows: str
    absent: str
    metrics: Sequence[str]
    threshold: float
    confidence: float
    gates: Sequence[GateResult]
    decision: Decision | None
    features: Sequence[Feature]
    reproduce: str
    leads: Mapping[str, Mapping[str, Lead]]
    importances: Importances


@dataclass(frozen=True)
class IntervalBar:
    """Where a value, its limits and the value of all rows are, in hundredths of the width of a cell."""

    value: float
    low: float
    high: float
    overall: float


@dataclass(frozen=True)
class SliceRow:
    """One slice value: its headline measurement, how far it is from all rows in half-widths of its interval, and other metrics."""

    headline: Measurement
    deviation: float | None
    bar: IntervalBar | None
    beside: Sequence[Measurement]


def model_page(page: ModelPage) -> str:
    """The page as HTML; the same page gives the same text."""
    headline = page.metrics[0]
    beside = [name for name in KINDS[page.kind].beside if name in page.metrics and name != headline][:3]
    own = page.evaluations[CHALLENGER]
    return render(
        "model.html.j2",
        page=page,
        manifest=page.manifest,
        headline=headline,
        cards=[own.measurement(name) for name in page.metrics],
        kind=KINDS[page.kind],
        curves=curves(page),
        candidates=candidates(page.manifest.search),
        slices=slice_rows(own, headline, beside),
        beside=beside,
        features=features(page),
        unpaired=reason_not_compared,
    )


def reason_not_compared(metric: str) -> str:
    """Why there is no lead by a metric."""
    return "tells of the rows" if descriptive(metric) else "no interval of a lead by it is known to hold"


def curves(page: ModelPage) -> list[tuple[str, Markup, str]]:
    """Title, picture and note of each chart."""
    # Imported here, as it takes half a second that only who draws needs.
    from solvent.plots.curves import ModelCurves, curve_charts
    from solvent.plots.inline import inline_svg

    models = [
        ModelCurves(role, page.names[role], page.evaluations[role].curves, page.kind)
        for role in (CHALLENGER, CHAMPION, BASELINE)
        if role in page.evaluations
    ]
    return [(title, inline_svg(picture), note) for title, picture, note in curve_charts(models)]


def features(page: ModelPage) -> list[tuple[Feature, float | None]]:
    """The features, those first that the model makes most of, and the share that each has; None where it is not known."""
    shares = page.importances.shares
    return sorted(((one, shares.get(one.name)) for one in page.features), key=lambda one: -(one[1] or 0.0))


def candidates(search: Mapping[str, Any] | None) -> list[Mapping[str, Any]]:
    """The candidates of a parameter search, the one chosen first and then by their means; none where there was no search."""
    if search is None:
        return []
    # Of equals the first is chosen, and sorting keeps their order.
    return sorted(search["candidates"], key=lambda one: badness(search["metric"], one["mean"]))


def slice_rows(found: Evaluation, headline: str, beside: Sequence[str]) -> list[SliceRow]:
    """Slice values, those that deviate most first; without an interval, last."""
    overall = found.measurement(headline).value
    measured = [one for one in found.measurements if one.slice != ALL and one.metric == headline]
    limits = [edge for one in measured for edge in (one.low, one.high) if edge is not None]
    least, most = min([*limits, overall or 0.0]), max([*limits, overall or 0.0])

    def place(value: float) -> float:
        return 100 * (value - least) / (most - least) if most > least else 50.0

    rows = []
    for one in measured:
        distance, bar = None, None
        if one.value is not None and overall is not None and one.low is not None and one.high is not None:
            half = (one.value - one.low) if one.value > overall else (one.high - one.value)
            distance = abs(one.value - overall) / half if half > 0 else None
            bar = IntervalBar(*map(place, (one.value, one.low, one.high, overall)))
        others = [found.measurement(name, one.slice, one.slice_value) for name in beside]
        rows.append(SliceRow(one, distance, bar, others))
    return sorted(rows, key=lambda row: -1.0 if row.deviation is None else row.deviation, reverse=True)
