"""What became of retrainings: announced before they are decided on, and recorded after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from solvent.investigation import RESOLVED, investigations, resolve
from solvent.registry import ModelVersion
from solvent.release import Decision, decisions
from solvent.tables import Ledger, Warehouse

if TYPE_CHECKING:
    from solvent.registry import Registry


@dataclass(frozen=True)
class Announcement:
    """What a retraining is to decide on: the champion it may replace, the version it made, and what triggered it."""

    model: str
    as_of: date
    champion_version: int | None
    version: int
    triggers: tuple[str, ...]


@dataclass(frozen=True)
class Retraining(Announcement):
    """A retraining that was announced, and what was decided."""

    promoted: bool
    reason: str


ANNOUNCED, RETRAININGS = Ledger("retrainings_announced", Announcement), Ledger("retrainings", Retraining)


def append_announcement(
    warehouse: Warehouse, as_of: date, champion: int | None, why: Sequence[str], version: ModelVersion
) -> None:
    """Appends what a retraining is to decide on, and why, once."""
    ANNOUNCED.append(warehouse, [Announcement(version.name, as_of, champion, version.version, tuple(why))])


def unrecorded_retrainings(
    warehouse: Warehouse, model: str
) -> list[tuple[date, int | None, tuple[str, ...], Decision]]:
    """Retrainings that were decided on and not recorded: as-of, the champion before, why, and the decision."""
    names = ("as_of", "version")
    recorded = {(row["as_of"], row["version"]) for row in RETRAININGS.select(warehouse, *names, model=model)}
    waiting = [row for row in ANNOUNCED.rows(warehouse, model=model) if (row.as_of, row.version) not in recorded]
    found = []
    for one in waiting:
        made = decisions(warehouse, kind="release", model=model, to_version=one.version)
        decided = next((other for other in made if other.from_version == one.champion_version), None)
        if decided is not None:
            found.append((one.as_of, one.champion_version, one.triggers, decided))
    return found


def conclude(
    warehouse: Warehouse,
    registry: Registry,
    as_of: date,
    champion: int | None,
    why: Sequence[str],
    decided: Decision,
) -> Retraining:
    """Does what follows from the decision of a retraining, unless it was done: ends investigations of a model that was replaced."""
    if decided.passed and champion is not None:
        before, after = (registry.find(decided.model, str(one)) for one in (champion, decided.to_version))
        for one in investigations(warehouse, before):
            if one.state != RESOLVED:
                resolve(warehouse, one.id, f"{after} has replaced it", as_of)
    return append_retraining(warehouse, as_of, champion, why, decided)


def append_retraining(
    warehouse: Warehouse, as_of: date, champion: int | None, why: Sequence[str], decided: Decision
) -> Retraining:
    """Appends what came of a retraining, once."""
    made = Retraining(decided.model, as_of, champion, decided.to_version, tuple(why), decided.passed, decided.reason)
    RETRAININGS.append(warehouse, [made])
    return made
