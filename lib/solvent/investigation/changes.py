"""What else changed between the days before a change and those since: code, configuration, and what sources brought.

Figures of sources are told by what was known when the model scored: the batches that its last scoring before the change could read, and
those that came later. So they mean the same whether a source is ingested daily or a history is ingested at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from statistics import median
from typing import Any

from pyspark.sql import functions as F

from solvent.investigation.case import Case
from solvent.investigation.causes import Analysis
from solvent.investigation.span import Span
from solvent.monitoring.health import HEALTH
from solvent.scoring import BATCHES as SCORED
from solvent.sources.pins import BATCHES as INGESTED
from solvent.sources.pins import QUARANTINE
from solvent.tables.conditions import Between
from solvent.tables.warehouse import Warehouse

# A share that moved by more than a point, and a figure that moved by more than half, are told as changed.
POINT, HALF = 0.01, 0.5


@dataclass(frozen=True)
class Change:
    """Something before the change and since, in words; `source` is "" for what is not of a source."""

    what: str
    source: str
    before: str
    after: str
    changed: bool


def changes(case: Case, analysis: Analysis, span: Span) -> list[Change]:
    """Everything that is compared, what changed first.

    Args:
        case: The model, and the configuration as it is now.
        analysis: Of the rows before and since.
        span: The days of these.
    """
    warehouse, project, as_of = case.warehouse, case.project, case.as_of
    batches = scored(case)
    sources = tuple(project.sources)
    looked = Between(span.since, as_of)
    health = HEALTH.select(warehouse, "source", "as_of", "hours_behind", source=sources, as_of=looked)
    figures = ("source", "batch", "version", "accepted", "quarantined")
    brought = INGESTED.select(warehouse, *figures, source=sources)
    found = [code(batches, span.change), *configuration(case), rows_a_day(analysis)]
    for name in project.sources:
        known = version_read(batches, name, span.change)
        mine = [row for row in brought if row["source"] == name]
        found += quarantined(warehouse, name, mine, known)
        found += volume(name, mine, known)
        seen = [row for row in health if row["source"] == name and row["hours_behind"] is not None]
        # Who looks again at the same as-of and sees the same has looked once.
        looks = sorted({(row["as_of"], row["hours_behind"]) for row in seen})
        found += hours_behind(name, looks, (span.since, span.change, as_of))
    return sorted(found, key=lambda one: not one.changed)


def scored(case: Case) -> list[Any]:
    """The batches of a model, with the day of their first prediction time, and that on which they ended."""
    names = ("sequence", "since", "until", "pins", "code")
    rows = sorted(SCORED.select(case.warehouse, *names, model_digest=case.version.digest), key=itemgetter("sequence"))
    edges = {"day": "since", "ended": "until"}
    return [{**row, **{name: f"{row[edge]:%Y-%m-%d}" for name, edge in edges.items()}} for row in rows]


def code(batches: Sequence[Any], change: date) -> Change:
    """The code that the model scored with."""
    parts = [[row["code"][:12] for row in some] for some in parted(batches, change)]
    before, after = (list(dict.fromkeys(part)) for part in parts)
    # A batch that began before the change may reach beyond it.
    after = after or before[-1:]
    return Change("code", "", ", ".join(before) or "–", ", ".join(after), bool(before) and set(before) != set(after))


def parted(batches: Sequence[Any], change: date) -> tuple[list[Any], list[Any]]:
    """Batches that began before a day, and the others."""
    before = [row for row in batches if row["day"] < change.isoformat()]
    return before, [row for row in batches if row["day"] >= change.isoformat()]


def configuration(case: Case) -> list[Change]:
    """The sections of model.yml that are not as the model was trained with."""
    trained, now = case.manifest["configuration"]["resolved"], case.project.resolved()
    differing = [name for name in sorted({*trained, *now}) if trained.get(name) != now.get(name)]
    if not differing:
        return [Change("configuration", "", "as trained", "as trained", False)]
    return [Change(f"configuration: {name}", "", brief(trained, name), brief(now, name), True) for name in differing]


def brief(values: Mapping[str, Any], name: str) -> str:
    """A section of a configuration in at most 200 characters."""
    text = json.dumps(values.get(name), sort_keys=True)
    return text if len(text) <= 200 else f"{text[:199]}…"


def rows_a_day(analysis: Analysis) -> Change:
    """How many labelled rows there are a day."""
    before, after = analysis.before.rows / analysis.days_before, analysis.after.rows / analysis.days_after
    return Change("labelled rows a day", "", f"{before:,.0f}", f"{after:,.0f}", apart(before, after))


def apart(before: float, after: float) -> bool:
    """Whether a figure moved by more than half."""
    return abs(after - before) > HALF * max(abs(before), abs(after))


def version_read(batches: Sequence[Any], source: str, change: date) -> int | None:
    """The version of a source that the last scoring before the change read, or else one that reached beyond it; None if there was none."""
    before = [row for row in batches if row["ended"] <= change.isoformat()] or parted(batches, change)[0]
    pins = json.loads(before[-1]["pins"]) if before else []
    return next((int(pin["version"]) for pin in pins if pin["source"] == source), None)


def either_side(rows: Iterable[Any], known: int | None) -> tuple[list[Any], list[Any]]:
    """Batches up to a version, and later ones."""
    some = list(rows)
    return (
        [row for row in some if known is not None and row["version"] <= known],
        [row for row in some if known is None or row["version"] > known],
    )


def quarantined(warehouse: Warehouse, source: str, rows: Sequence[Any], known: int | None) -> list[Change]:
    """The share of a source's rows that was refused, and for what most often; nothing if no batch came since."""

    def share(some: Sequence[Any]) -> float:
        refused, taken = (sum(int(row[name]) for row in some) for name in ("quarantined", "accepted"))
        return refused / max(refused + taken, 1)

    before, after = either_side(rows, known)
    if not before or not after:
        return []
    was, now = share(before), share(after)
    moved = abs(now - was) > POINT
    reason = ""
    if moved and now > was:
        refused = QUARANTINE.frame(warehouse).where(F.col("batch").isin([row["batch"] for row in after]))
        most = refused.groupBy("reason").count().orderBy(F.desc("count"), "reason").first()
        reason = f" ({most['reason']})" if most is not None else ""
    return [Change("quarantined", source, f"{was:.1%}", f"{now:.1%}{reason}", moved)]


def volume(source: str, rows: Sequence[Any], known: int | None) -> list[Change]:
    """The rows that a batch of a source brings, in the median, as the first one brings all of the past; nothing if no batch came since."""
    before, after = either_side(rows, known)
    if not before or not after:
        return []
    was, now = (median(row["accepted"] for row in some) for some in (before, after))
    told = f"{was:,.0f} (batches: {len(before)})", f"{now:,.0f} (batches: {len(after)})"
    return [Change("rows accepted a batch", source, told[0], told[1], apart(was, now))]


def hours_behind(source: str, looks: Sequence[tuple[date, float]], bounds: tuple[date, date, date]) -> list[Change]:
    """How far behind a source was when it was looked at, in the mean; nothing if it was not in either period."""
    since, change, as_of = bounds
    before = [hours for day, hours in looks if since <= day < change]
    after = [hours for day, hours in looks if change <= day <= as_of]
    if not before or not after:
        return []
    was, now = (sum(some) / len(some) for some in (before, after))
    return [Change("hours behind", source, f"{was:,.0f}", f"{now:,.0f}", apart(was, now))]
