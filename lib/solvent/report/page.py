"""The page of a model: one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from solvent.evaluation import Evaluation, Measurement
from solvent.features import Feature
from solvent.identity import Manifest
from solvent.importance import Importances
from solvent.kinds import KINDS, badness, descriptive, metrics_by_name
from solvent.kinds.paired import Lead
from solvent.kinds.slices import ALL
from solvent.release import Decision, GateResult
from solvent.report import charts

CHALLENGER, CHAMPION, BASELINE = "challenger", "champion", "baseline"
# What monitoring judges beside metrics.
STREAMS = {
    "log_label_rate": "Label rate (its logarithm)",
    "concentration": "Concentration",
    "log_rows": "Labelled rows (their logarithm)",
}


@dataclass(frozen=True)
class ModelPage:
    """What the page of a model tells.

    Attributes:
        description: Of the project.
        owner: Of the project.
        model: Registered name.
        version: Its version.
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
class SliceRow:
    """One slice value: its headline measurement, how far it is from all rows in half-widths of its interval, and other metrics."""

    headline: Measurement
    deviation: float | None
    bar: Markup | None
    beside: Sequence[Measurement]


def words(metric: str) -> str:
    """A metric, or what monitoring judges beside them, as people read it."""
    entry = metrics_by_name().get(metric)
    return STREAMS.get(metric, metric) if entry is None else entry.title


def not_compared(metric: str) -> str:
    """Why there is no lead by a metric."""
    return "tells of the rows" if descriptive(metric) else "no interval of a lead by it is known to hold"


def model_page(page: ModelPage) -> str:
    """The page as HTML; the same page gives the same text."""
    templates = templates_of_pages()
    headline = page.metrics[0]
    told = [name for kind in KINDS.values() for name in kind.beside if name in page.metrics]
    beside = [name for name in told if name != headline][:3]
    return templates.get_template("model.html.j2").render(
        page=page,
        manifest=page.manifest,
        headline=headline,
        cards=[page.evaluations[CHALLENGER].measurement(name) for name in page.metrics],
        binary=is_binary(page),
        curves=curves(page),
        candidates=candidates(page.manifest.search),
        slices=slice_rows(page.evaluations[CHALLENGER], headline, beside),
        beside=beside,
        failed=[gate for gate in page.gates if not gate.passed],
        features=features(page),
        unpaired=not_compared,
        style=style(templates),
    )


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


def templates_of_pages() -> Environment:
    """The templates, with the filters that all pages use."""
    templates = Environment(
        loader=PackageLoader("solvent.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(number=number, words=words)
    return templates


def style(templates: Environment) -> Markup:
    """The style sheet of all pages, to be put into each."""
    sheet = templates.loader.get_source(templates, "model.css")[0] if templates.loader else ""
    return Markup(sheet)  # noqa: S704 (our own)


def is_binary(page: ModelPage) -> bool:
    """Whether the model predicts probabilities; only they are told by class."""
    return bool(page.evaluations[CHALLENGER].curves.histogram)


def curves(page: ModelPage) -> list[tuple[str, Markup, str]]:
    """Title, picture and caption of each chart."""
    found = {
        role: page.evaluations[role].curves for role in (CHALLENGER, CHAMPION, BASELINE) if role in page.evaluations
    }
    names = page.names
    calibration = [(role, names[role], one.calibration) for role, one in found.items()]
    if not is_binary(page):
        return [
            (
                "Calibration",
                charts.calibration_chart(calibration, binary=False),
                "Bins of about as many rows each, with Student's limits for this model; on the dashed line, what is predicted is what "
                "happens on average.",
            )
        ]
    rate = page.evaluations[CHALLENGER].measurement("positive_rate").value if "positive_rate" in page.metrics else None
    return [
        (
            "ROC",
            charts.roc_chart([(role, names[role], one.roc) for role, one in found.items()]),
            "The dashed line is chance.",
        ),
        (
            "Precision and recall",
            charts.precision_recall_chart(
                [(role, names[role], one.precision_recall) for role, one in found.items()], rate
            ),
            "The dashed line is the share of positive labels.",
        ),
        (
            "Calibration",
            charts.calibration_chart(calibration),
            "Bins of equal width, with Wilson limits for this model; on the dashed line, what is predicted is what happens.",
        ),
        (
            "Predictions of this model",
            charts.histogram_chart(found[CHALLENGER].histogram),
            "Rows with a positive label are the darker part of each bar.",
        ),
    ]


def slice_rows(found: Evaluation, headline: str, beside: Sequence[str]) -> list[SliceRow]:
    """Slice values, those that deviate most first; without an interval, last."""
    overall = found.measurement(headline).value
    measured = [one for one in found.measurements if one.slice != ALL and one.metric == headline]
    limits = [edge for one in measured for edge in (one.low, one.high) if edge is not None]
    span = (min([*limits, overall or 0.0]), max([*limits, overall or 0.0]))
    rows = []
    for one in measured:
        distance, bar = None, None
        if one.value is not None and overall is not None and one.low is not None and one.high is not None:
            half = (one.value - one.low) if one.value > overall else (one.high - one.value)
            distance = abs(one.value - overall) / half if half > 0 else None
            bar = charts.interval_bar(one.value, one.low, one.high, overall, span)
        others = [found.measurement(name, one.slice, one.slice_value) for name in beside]
        rows.append(SliceRow(one, distance, bar, others))
    return sorted(rows, key=lambda row: -1.0 if row.deviation is None else row.deviation, reverse=True)


def number(value: float | None) -> str:
    """A figure as people read it."""
    if value is None:
        return "–"
    # What rounds to zero is said without a sign.
    return f"{round(value, 4) + 0.0:.4f}" if abs(value) < 100 else f"{value:,.1f}"
