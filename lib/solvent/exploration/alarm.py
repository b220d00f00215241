"""An alarm, looked into again: what deviates by day, what carries it, how inputs moved, and rows to look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from solvent.config.base import midnight
from solvent.errors import ConfigurationError
from solvent.features.profile import Reference, profile_of
from solvent.investigation import RESOLVED, Investigation, investigations
from solvent.investigation.causes import Analysis
from solvent.investigation.cells import FEATURE, cell_in_words
from solvent.investigation.examples import around
from solvent.investigation.investigate import Look, look, series_of
from solvent.investigation.wording import place
from solvent.jobs.context import Context
from solvent.jobs.trainings import predicted_holdout
from solvent.kinds.slices import ALL
from solvent.monitoring.streams import Stream
from solvent.registry import ModelVersion
from solvent.scoring import batches

STREAMS, INPUTS = 4, 4
Day = tuple[date, float | None, bool]


@dataclass(frozen=True)
class DeviatingStream:
    """What deviates, by day.

    Attributes:
        stream: The metric, of which rows.
        days: Day, value or None, and whether it is judged; the days before are what is expected.
        expected: The mean of the days before.
        low: Confidence limit of that mean.
        high: Likewise.
        p_value: Adjusted over all streams.
    """

    stream: Stream
    days: Sequence[Day]
    expected: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Alarm:
    """An investigation, and what the tables tell of it now.

    Attributes:
        investigation: As it was opened.
        version: Of whose predictions.
        streams: What deviates, the headline first.
        look: The rows before the change and since.
        inputs: feature, cell (in words), training (share of rows), since (the change); of the inputs that moved, or matter most.
    """

    investigation: Investigation
    version: ModelVersion
    streams: Sequence[DeviatingStream]
    look: Look
    inputs: pd.DataFrame


def find_investigation(context: Context, name: str | None = None) -> Investigation:
    """An investigation by its id; the one of the latest alarm if None.

    Raises:
        ConfigurationError: If there is none.
    """
    known = investigations(context.warehouse)
    found = [one for one in known if name is None or one.id == name]
    if not found:
        there = ", ".join(one.id for one in known) or "none; `solvent monitor` opens one at an alarm"
        raise ConfigurationError(f"investigation {name or '(any)'}: there is none; there are: {there}")
    return found[-1]


def look_into(context: Context, one: Investigation) -> Alarm:
    """Reads what deviates, and builds the rows around the change again, as the model was given them."""
    version = context.registry.find(one.model, str(one.model_version))
    findings = sorted(one.findings, key=lambda found: (found["slice"] != ALL, found["alarm"] or "", found["p_value"]))
    # The windows that were judged when it was opened end where labels were still to come.
    settings = context.project.monitoring
    end = settings.window_of(midnight(one.as_of) - context.project.windows.maturity)
    life = settings.windows(settings.window_of(midnight(first_judged(context, version, one))), end)
    streams = [deviating(context, version, found, life, one.as_of) for found in findings[:STREAMS]]
    looked = look(
        context.warehouse, context.project, context.settings.groups, version, context.registry.manifest(version), streams[0].stream,
        around(one.change, one.alarm + settings.length, end), lambda: predicted_holdout(context, version), context.pins, one.as_of,
    )  # fmt: skip
    return Alarm(one, version, streams, looked, moved_inputs(context, version, looked, one.change, end))


def first_judged(context: Context, version: ModelVersion, one: Investigation) -> date:
    """The first day that was judged when an alarm was raised: the start of the model's life, or the resolution before."""
    ends = [other.as_of for other in investigations(context.warehouse, version) if other.state == RESOLVED]
    began = min(batch.since for batch in batches(context.warehouse, version.digest)).date()
    return max([began, *(end for end in ends if end <= one.alarm)])


def deviating(
    context: Context, version: ModelVersion, found: Mapping[str, Any], life: Sequence[date], as_of: date
) -> DeviatingStream:
    """A finding with its values by window."""
    stream = Stream(found["metric"], found["slice"], found["slice_value"])
    days = series_of(context.warehouse, version, stream, life, as_of)
    return DeviatingStream(
        stream, days, found["expected"], found["expected_low"], found["expected_high"], found["p_value"]
    )


def moved_inputs(context: Context, version: ModelVersion, looked: Look, change: date, end: date) -> pd.DataFrame:
    """The distribution of inputs over training rows, and over the rows scored since the change."""
    names = leading(looked.analysis)[:INPUTS]
    counts = profile_of(context.warehouse, version.digest, change, end)
    rows = []
    for name in names:
        reference = looked.references[name]
        since = {
            cell: sum(of.get(cell, 0) for (_, one), of in counts.items() if one == name) for cell in reference.cells
        }
        rows += [
            (name, cell_in_words(reference, cell), trained, now) for cell, trained, now in shares(reference, since)
        ]
    return pd.DataFrame(rows, columns=["feature", "cell", "training", "since"])


def leading(analysis: Analysis) -> list[str]:
    """The features of the first cause; if it has none, those where the change is strongest."""
    places = (part.name for part in analysis.regions if part.kind == FEATURE)
    return list(analysis.causes[0].features) or list(dict.fromkeys(places))


def shares(reference: Reference, since: Mapping[str, int]) -> list[tuple[str, float, float]]:
    """Cell, share of training rows and share of rows since, of cells that have any."""
    trained, now = sum(reference.counts.values()), sum(since.values())
    return [
        (cell, reference.counts.get(cell, 0) / max(trained, 1), since[cell] / max(now, 1))
        for cell in reference.cells
        if reference.counts.get(cell) or since[cell]
    ]


def findings_table(one: Investigation) -> pd.DataFrame:
    """What deviates: metric, of, expected, observed, since, alarm, p_value; what is surest first."""
    return pd.DataFrame(
        {
            "metric": found["metric"],
            "of": Stream(found["metric"], found["slice"], found["slice_value"]).rows,
            "expected": round(found["expected"], 4),
            "observed": round(found["observed"], 4),
            "since": found["change"],
            "alarm": found["alarm"],
            "p_value": f"{found['p_value']:.2g}",
        }
        for found in one.findings
    )


def places_table(alarm: Alarm) -> pd.DataFrame:
    """Where the change is more than elsewhere: where, share of the change, and of rows, labels and predictions before and since."""
    return pd.DataFrame(
        {
            "where": place(part, alarm.look.references),
            "of_change": f"{part.carried:.0%}",
            "rows": f"{part.before.share:.0%} → {part.after.share:.0%}",
            "labels": f"{figure(part.before.label)} → {figure(part.after.label)}",
            "predictions": f"{figure(part.before.prediction)} → {figure(part.after.prediction)}",
        }
        for part in alarm.look.analysis.regions
    )


def figure(value: float | None) -> str:
    """A mean, if there is one."""
    return "none" if value is None else f"{value:.3f}"


def examples_table(alarm: Alarm) -> pd.DataFrame:
    """The rows since the change with the largest loss where it is strongest; their keys are what row.find_row takes."""
    return pd.DataFrame(alarm.look.examples.rows, columns=list(alarm.look.examples.columns))
