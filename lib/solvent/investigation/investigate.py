"""Looking into an alarm: its headline, what carries the change, what else changed, and rows to look at."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from solvent.errors import EvaluationError
from solvent.investigation.case import Case
from solvent.investigation.changes import Change, changes
from solvent.investigation.investigation import OPENED, Investigation, headline_of, investigation_id
from solvent.investigation.look import Look, look
from solvent.investigation.series import series_of
from solvent.investigation.span import around
from solvent.investigation.wording import said
from solvent.monitoring import Finding, Monitored
from solvent.monitoring.verdict import deviation_of


@dataclass(frozen=True)
class Dossier:
    """All that is known of an alarm.

    Attributes:
        investigation: As it is opened, with no report yet.
        headline: The stream that is looked into: of the whole, unless only slices deviate.
        series: Its value on every day from the reference to the last day, with whether the day is judged.
        look: What its rows show.
        changes: What else changed.
    """

    investigation: Investigation
    headline: Finding
    series: Sequence[tuple[date, float | None, bool]]
    look: Look
    changes: Sequence[Change]


def investigate(case: Case, monitored: Monitored) -> Dossier:
    """Looks into the alarm of a model.

    Args:
        case: The model.
        monitored: What monitoring found of it; something deviates.

    Raises:
        EvaluationError: If there are too few days to compare.
    """
    project, as_of = case.project, case.as_of
    version, headline, life = case.version, headline_of(monitored), monitored.life
    first = monitored.verdict.alarm
    if headline.change is None or first is None:
        raise EvaluationError(f"{version}: an alarm without a change point")
    length = project.monitoring.length
    span = around(life[headline.change.window], life[first] + length, life[-1] + length)
    looked = look(case, headline.stream, span)
    beside = changes(case, looked.analysis, span)
    opened = Investigation(
        id=investigation_id(version.digest, life[first]),
        state=OPENED,
        model=version.name,
        model_version=version.version,
        model_digest=version.digest,
        as_of=as_of,
        alarm=life[first],
        change=span.change,
        change_low=life[headline.change.low],
        change_high=life[headline.change.high],
        findings=findings_of(monitored),
        causes=said(looked.analysis, looked.references, beside),
        changes=[vars(one) for one in beside],
        reason="",
        report="",
    )
    series = series_of(case.warehouse, version, headline.stream, life, as_of)
    return Dossier(opened, headline, series, looked, beside)


def findings_of(monitored: Monitored) -> list[dict[str, Any]]:
    """What deviates, as JSON values, what is surest first."""
    found = sorted((one for one in monitored.verdict.findings if one.deviates), key=lambda one: one.p_value)
    rows = [vars(deviation_of(one, monitored.life)) for one in found]
    values: list[dict[str, Any]] = json.loads(json.dumps(rows, default=str))
    return values
