"""An investigation and its states, as a table of events: opened, acknowledged, resolved.

Nothing is overwritten: the state of an investigation is that of its last event. While one is open or acknowledged for a model, no other
is opened for it. Once it is resolved, monitoring of that model starts anew: the days from its as-of on are judged, and all days before
are what they are judged against.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Annotated, Any

from solvent.config.base import digest_of
from solvent.errors import ConfigurationError, EvaluationError, RefusedError, TurnError
from solvent.kinds.slices import ALL
from solvent.monitoring import Finding, Monitored
from solvent.registry import ModelVersion
from solvent.tables import JSON, Ledger, Warehouse

OPENED, ACKNOWLEDGED, RESOLVED = "opened", "acknowledged", "resolved"
# What an event says of itself; all else is said when the investigation is opened.
OF_EVENT = ("state", "sequence", "as_of", "reason", "at")


@dataclass(frozen=True)
class Investigation:
    """An investigation as its last event left it.

    Attributes:
        id: Twelve hexadecimal digits.
        sequence: The number of its last event.
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
        at: When its last event was entered; None before its first.
    """

    id: str
    sequence: int = field(default=1, kw_only=True, compare=False)
    state: str
    model: str
    model_version: int
    model_digest: str
    as_of: date
    alarm: date
    change: date
    change_low: date
    change_high: date
    findings: Annotated[Sequence[Mapping[str, Any]], JSON]
    causes: Annotated[Sequence[Mapping[str, Any]], JSON]
    changes: Annotated[Sequence[Mapping[str, Any]], JSON]
    reason: str
    report: str
    at: datetime | None = field(default=None, kw_only=True, compare=False)

    @property
    def first_cause(self) -> str:
        """What carries most of the change, in words."""
        return f"{self.causes[0]['text']} ({self.causes[0]['share']:.0%})"


INVESTIGATIONS = Ledger("investigations", Investigation)


def investigation_id(model_digest: str, alarm: date) -> str:
    """The name of the investigation of an alarm of a model."""
    return digest_of([model_digest, alarm.isoformat()])[:12]


def investigations(warehouse: Warehouse, version: ModelVersion | None = None, **where: Any) -> list[Investigation]:
    """The investigations of a model version, or with given values, or all, from the first opened; its state is in each."""
    asked = where if version is None else {**where, "model_digest": version.digest}
    opened: dict[str, Investigation] = {}
    last: dict[str, Investigation] = {}
    # Of two events at the same time the resolution, which is last in the alphabet, counts.
    for event in sorted(INVESTIGATIONS.rows(warehouse, **asked), key=attrgetter("sequence", "state")):
        opened.setdefault(event.id, event)
        last[event.id] = event
    found = [replace(one, **{part: getattr(last[name], part) for part in OF_EVENT}) for name, one in opened.items()]
    return sorted(found, key=attrgetter("alarm", "id"))


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
    while True:
        # Read before the model's own, so that one that is opened in between has the turn.
        turn = len(INVESTIGATIONS.select(warehouse, "id", state=OPENED)) + 1
        mine = investigations(warehouse, model_digest=one.model_digest)
        there = next((other for other in mine if other.state != RESOLVED or other.id == one.id), None)
        if there is not None:
            return there
        # Where another run had the turn, it may have opened one of this model.
        with suppress(TurnError):
            append_event(warehouse, one, turn)
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
    found = next(iter(investigations(warehouse, id=name)), None)
    if found is None:
        there = ", ".join(one.id for one in investigations(warehouse) if one.state != RESOLVED) or "none"
        raise ConfigurationError(f"investigation {name}: there is none of that id; open or acknowledged are: {there}")
    if found.state == RESOLVED or found.state == state:
        raise RefusedError(f"investigation {name}: was {found.state} before: {found.reason}")
    if as_of is not None and as_of <= found.alarm:
        raise RefusedError(
            f"investigation {name}: the alarm is of {found.alarm}; resolve it as of a later date than {as_of}, from which days are "
            "judged anew"
        )
    sequence = 2 if found.state == OPENED else 3
    append_event(warehouse, replace(found, state=state, sequence=sequence, reason=reason, as_of=as_of or found.as_of))
    return next(iter(investigations(warehouse, id=name)))


def append_event(warehouse: Warehouse, one: Investigation, turn: int | None = None) -> None:
    """Appends an event; the same state of the same investigation only once, whoever else does it at the same time.

    Raises:
        TurnError: If another investigation was opened at this turn.
    """
    INVESTIGATIONS.append(warehouse, [replace(one, at=datetime.now(UTC))], digest_of([one.id, one.state]), turn)


def headline_of(monitored: Monitored) -> Finding:
    """The stream to look into: the first of the whole that deviates, or of a slice if the whole does not."""
    found = [one for one in monitored.verdict.findings if one.alarm is not None]
    if not found:
        raise EvaluationError(f"{monitored.version}: nothing deviates, so there is nothing to investigate")
    return min(found, key=lambda one: (one.stream.slice != ALL, one.alarm or 0, one.p_value, -one.e_value))
