"""An investigation and its states, as a table of events: opened, acknowledged, resolved.

Nothing is overwritten: the state of an investigation is that of its last event. While one is open or acknowledged for a model, no other
is opened for it. Once it is resolved, monitoring of that model starts anew: the days from its as-of on are judged, and all days before
are what they are judged against.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from solvent.config.base import digest_of
from solvent.config.expressions import Column
from solvent.errors import ConfigurationError, RefusedError, TurnError
from solvent.monitoring import Monitored
from solvent.registry import ModelVersion
from solvent.tables.warehouse import Warehouse

INVESTIGATIONS = "investigations"
OPENED, ACKNOWLEDGED, RESOLVED = "opened", "acknowledged", "resolved"
COLUMNS = (
    Column("id", "STRING"),
    Column("sequence", "BIGINT"),
    Column("state", "STRING"),
    Column("model", "STRING"),
    Column("model_version", "BIGINT"),
    Column("model_digest", "STRING"),
    Column("as_of", "DATE"),
    Column("alarm", "DATE"),
    Column("change", "DATE"),
    Column("change_low", "DATE"),
    Column("change_high", "DATE"),
    Column("findings", "STRING"),
    Column("causes", "STRING"),
    Column("changes", "STRING"),
    Column("reason", "STRING"),
    Column("report", "STRING"),
    Column("at", "TIMESTAMP"),
)
# What an event says of itself; all else is said when the investigation is opened.
OF_EVENT = ("state", "sequence", "as_of", "reason")


@dataclass(frozen=True)
class Investigation:
    """An investigation as its last event left it.

    Attributes:
        id: Twelve hexadecimal digits.
        state: "opened", "acknowledged" or "resolved".
        model: Registered name.
        model_version: Its version.
        model_digest: Its digest.
        as_of: Of the last event; of a resolution, the first day that is judged anew.
        alarm: The day that raised it.
        change: The most probable first day of what deviates.
        change_low: Start of the interval of that day.
        change_high: Its end.
        findings: What deviates, as JSON values.
        causes: What carries it, from the largest share, as JSON values.
        changes: What else changed, as JSON values.
        reason: Of the last event; "" of an opening.
        report: Where its page is.
    """

    id: str
    state: str
    model: str
    model_version: int
    model_digest: str
    as_of: date
    alarm: date
    change: date
    change_low: date
    change_high: date
    findings: Sequence[Mapping[str, Any]]
    causes: Sequence[Mapping[str, Any]]
    changes: Sequence[Mapping[str, Any]]
    reason: str
    report: str

    @property
    def first_cause(self) -> str:
        """What carries most of the change, in words."""
        return f"{self.causes[0]['text']} ({self.causes[0]['share']:.0%})"


def investigation_id(model_digest: str, alarm: date) -> str:
    """The name of the investigation of an alarm of a model."""
    return digest_of([model_digest, alarm.isoformat()])[:12]


def investigations(warehouse: Warehouse, version: ModelVersion | None = None) -> list[Investigation]:
    """The investigations of a model version, or of all, from the first opened; its state is in each."""
    rows = warehouse.rows(INVESTIGATIONS, **({} if version is None else {"model_digest": version.digest}))
    opened: dict[str, Any] = {}
    last: dict[str, Any] = {}
    # Of two events at the same time the resolution, which is last in the alphabet, counts.
    for row in sorted(rows, key=lambda row: (row["sequence"], row["state"])):
        opened.setdefault(row["id"], row)
        last[row["id"]] = row
    found = [investigation_from(row, last[name]) for name, row in opened.items()]
    return sorted(found, key=lambda one: (one.alarm, one.id))


def investigation_from(opened: Any, last: Any) -> Investigation:
    """An investigation from its first and its last event."""
    values = {name: (last if name in OF_EVENT else opened)[name] for name in Investigation.__dataclass_fields__}
    parsed = {name: json.loads(values[name]) for name in ("findings", "causes", "changes")}
    return Investigation(**{**values, **parsed})


def may_open(monitored: Monitored, known: Sequence[Investigation]) -> bool:
    """Whether an alarm asks for an investigation: none of the model's is open, and the alarm has not had one."""
    alarm = monitored.verdict.alarm
    if alarm is None or any(one.state != RESOLVED for one in known):
        return False
    name = investigation_id(monitored.version.digest, monitored.life[alarm])
    return all(one.id != name for one in known)


def judged_from(warehouse: Warehouse, version: ModelVersion, as_of: date) -> date | None:
    """The first day that monitoring at an as-of judges: that of the last resolution before; None if all of a life is judged."""
    ends = [one.as_of for one in investigations(warehouse, version) if one.state == RESOLVED and one.as_of <= as_of]
    return max(ends, default=None)


def append_opened(warehouse: Warehouse, one: Investigation) -> Investigation:
    """Enters an investigation as opened, unless its model has one that is open; that which is open now, whoever opened it."""
    warehouse.create(INVESTIGATIONS, COLUMNS)
    while True:
        known = investigations(warehouse)
        mine = [other for other in known if other.model_digest == one.model_digest]
        there = next((other for other in mine if other.state != RESOLVED or other.id == one.id), None)
        if there is not None:
            return there
        # Where another run had the turn, it may have opened one of this model.
        with suppress(TurnError):
            append_event(warehouse, one, 1, turn=len(known) + 1)
            return one


def acknowledge(warehouse: Warehouse, name: str, reason: str) -> Investigation:
    """Notes that somebody looks into an investigation.

    Raises:
        ConfigurationError: If there is none of that id.
        RefusedError: If it is no longer open.
    """
    return follow(warehouse, name, ACKNOWLEDGED, reason, None)


def resolve(warehouse: Warehouse, name: str, reason: str, as_of: date) -> Investigation:
    """Ends an investigation; monitoring starts anew with the days from a date on.

    Raises:
        ConfigurationError: If there is none of that id.
        RefusedError: If it was resolved before, or the date is not after the alarm.
    """
    return follow(warehouse, name, RESOLVED, reason, as_of)


def follow(warehouse: Warehouse, name: str, state: str, reason: str, as_of: date | None) -> Investigation:
    """Appends the event that brings an investigation into another state."""
    known = investigations(warehouse)
    found = next((one for one in known if one.id == name), None)
    if found is None:
        there = ", ".join(one.id for one in known if one.state != RESOLVED) or "none"
        raise ConfigurationError(f"investigation {name}: there is none of that id; open or acknowledged are: {there}")
    if found.state == RESOLVED or found.state == state:
        raise RefusedError(f"investigation {name}: was {found.state} before: {found.reason}")
    if as_of is not None and as_of <= found.alarm:
        raise RefusedError(
            f"investigation {name}: the alarm is of {found.alarm}; resolve it as of a later date than {as_of}, from which days are "
            "judged anew"
        )
    changed = {**vars(found), "state": state, "reason": reason, "as_of": as_of or found.as_of}
    append_event(warehouse, Investigation(**changed), 2 if found.state == OPENED else 3)
    return next(one for one in investigations(warehouse) if one.id == name)


def append_event(warehouse: Warehouse, one: Investigation, sequence: int, turn: int | None = None) -> None:
    """Appends an event; the same state of the same investigation only once, whoever else does it at the same time.

    Raises:
        TurnError: If another investigation was opened at this turn.
    """
    told = [json.dumps(list(some)) for some in (one.findings, one.causes, one.changes)]
    row = (
        *(one.id, sequence, one.state, one.model, one.model_version, one.model_digest),
        *(one.as_of, one.alarm, one.change, one.change_low, one.change_high),
        *(*told, one.reason, one.report, datetime.now(UTC)),
    )
    warehouse.append_rows(INVESTIGATIONS, [row], COLUMNS, digest_of([one.id, one.state]), turn)
