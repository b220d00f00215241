"""When to retrain: what the policy of model.yml says of a champion, and the record of what came of it.

Retraining itself is training, evaluation and release at a later as-of; nothing replaces a champion but by the gates. It is announced before
it is decided on, and recorded after: of one that was killed in between, the next finds announcement and decision, and records it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from solvent.config.base import counted
from solvent.config.expressions import Column
from solvent.config.monitoring import Retrain
from solvent.investigation import RESOLVED, investigations, resolve
from solvent.kinds.slices import ALL
from solvent.monitoring.detector import VOLUME
from solvent.monitoring.findings import append_once
from solvent.monitoring.monitor import COVERAGE, DEVIATIONS
from solvent.registry import ModelVersion
from solvent.release import Decision, decisions
from solvent.tables.warehouse import Warehouse

if TYPE_CHECKING:
    from solvent.registry import Registry

RETRAININGS, ANNOUNCED = "retrainings", "retrainings_announced"
COLUMNS = (
    Column("model", "STRING"),
    Column("as_of", "DATE"),
    Column("champion_version", "BIGINT"),
    Column("version", "BIGINT"),
    Column("triggers", "ARRAY<STRING>"),
    Column("promoted", "BOOLEAN"),
    Column("reason", "STRING"),
)
ANNOUNCED_COLUMNS = COLUMNS[:5]


@dataclass(frozen=True)
class Standing:
    """What the policy looks at.

    Attributes:
        as_of: The date it is looked at from.
        trained: The as-of of the champion, or of the last retraining that did not replace it.
        labels: Its predictions whose label has matured since.
        deviating: Metrics and slices found to deviate when it was last monitored, as people read them, but those that have deviated since
            before that training.
    """

    as_of: date
    trained: date
    labels: int
    deviating: tuple[str, ...]


@dataclass(frozen=True)
class Retraining:
    """A retraining: what triggered it, the version it made, and what was decided."""

    as_of: date
    champion_version: int | None
    version: int
    triggers: tuple[str, ...]
    promoted: bool
    reason: str


def standing_of(warehouse: Warehouse, champion: ModelVersion, trained: date, as_of: date) -> Standing:
    """What is known of a champion at a date, from what monitoring has written."""
    last = max([trained, *tried(warehouse, champion, as_of)])
    labels = matured_labels(warehouse, champion, as_of) - matured_labels(warehouse, champion, last)
    return Standing(as_of, last, labels, deviating(warehouse, champion, as_of, last))


def tried(warehouse: Warehouse, champion: ModelVersion, as_of: date) -> list[date]:
    """The as-ofs before a date at which a champion was to be replaced."""
    rows = warehouse.rows(RETRAININGS, model=champion.name, champion_version=champion.version)
    return [row["as_of"] for row in rows if row["as_of"] < as_of]


def matured_labels(warehouse: Warehouse, champion: ModelVersion, as_of: date) -> int:
    """Predictions of a model whose label has matured: of each window as it was last looked at."""
    seen = [row for row in warehouse.rows(COVERAGE, model_digest=champion.digest) if row["as_of"] <= as_of]
    latest = {row["window"]: row["matured"] for row in sorted(seen, key=itemgetter("as_of"))}
    return sum(latest.values())


def deviating(warehouse: Warehouse, champion: ModelVersion, as_of: date, since: date) -> tuple[str, ...]:
    """The metrics and slices that deviate as a model was last monitored, and did not yet when a training last answered what deviated.

    One that has deviated at every look since then is answered; one that began later, or stopped in between, is not.
    """
    seen = [row for row in warehouse.rows(DEVIATIONS, model_digest=champion.digest) if row["as_of"] <= as_of]
    looks = sorted({row["as_of"] for row in seen})
    # Those that a training at that date knew of, and all since.
    known = max((look for look in looks if look <= since), default=None)
    last = [look for look in looks if known is None or look >= known]
    # Another model brings back no rows.
    found = {(name(row), row["as_of"]) for row in seen if row["deviates"] and row["metric"] != VOLUME}
    now = {one for one, look in found if last and look == last[-1]}
    answered = {one for one in now if known is not None and all((one, look) in found for look in last)}
    return tuple(sorted(now - answered))


def name(row: Mapping[str, Any]) -> str:
    """What a row of the table deviations is of, as people read it."""
    return str(row["metric"]) + ("" if row["slice"] == ALL else f" on {row['slice']} {row['slice_value']}")


def triggers(policy: Retrain, standing: Standing) -> tuple[str, ...]:
    """Why a champion is to be retrained, in words; empty if it is not."""
    found = []
    age = standing.as_of - standing.trained
    if policy.every is not None and age >= policy.every:
        found.append(
            f"the last training looks from {standing.trained}, {counted(age.days, 'day')} ago (every {counted(policy.every.days, 'day')})"
        )
    if policy.new_labels is not None and standing.labels >= policy.new_labels:
        found.append(f"{standing.labels:,} labels have matured since (new_labels {policy.new_labels:,})")
    if policy.on_alarm and standing.deviating:
        found.append(f"{', '.join(standing.deviating)} deviates")
    return tuple(found)


def announce(
    warehouse: Warehouse, as_of: date, champion: int | None, why: Sequence[str], version: ModelVersion
) -> None:
    """Appends what a retraining is to decide on, and why, once."""
    warehouse.create(ANNOUNCED, ANNOUNCED_COLUMNS)
    append_once(warehouse, ANNOUNCED, ANNOUNCED_COLUMNS, [(version.name, as_of, champion, version.version, list(why))])


def reasons_to_retrain(
    warehouse: Warehouse,
    registry: Registry,
    policy: Retrain,
    champion: ModelVersion | None,
    as_of: date,
    because: str | None,
) -> tuple[str, ...]:
    """What a retraining would be for, in words; empty if for nothing.

    Args:
        warehouse: The project's tables.
        registry: The project's models.
        policy: That of model.yml.
        champion: None if there is none.
        as_of: The date it is looked at from.
        because: Why, if somebody asks for it.
    """
    if champion is None:
        return ("there is no champion yet",)
    trained = date.fromisoformat(registry.manifest(champion)["as_of"])
    found = triggers(policy, standing_of(warehouse, champion, trained, as_of))
    return found if because is None else (because, *found)


def unrecorded(warehouse: Warehouse, model: str) -> list[tuple[date, int | None, tuple[str, ...], Decision]]:
    """Retrainings that were decided on and not recorded: as-of, the champion before, why, and the decision."""
    recorded = {(row["as_of"], row["version"]) for row in warehouse.rows(RETRAININGS, model=model)}
    announced = [
        row for row in warehouse.rows(ANNOUNCED, model=model) if (row["as_of"], row["version"]) not in recorded
    ]
    if not announced:
        return []
    decided = {
        (one.from_version, one.to_version): one
        for one in reversed(decisions(warehouse))
        if one.kind == "release" and one.model == model
    }
    found = [(row, decided.get((row["champion_version"], row["version"]))) for row in announced]
    return [
        (row["as_of"], row["champion_version"], tuple(row["triggers"]), one) for row, one in found if one is not None
    ]


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
    return record(warehouse, as_of, champion, why, decided)


def record(
    warehouse: Warehouse, as_of: date, champion: int | None, why: Sequence[str], decided: Decision
) -> Retraining:
    """Appends what came of a retraining, once."""
    made = Retraining(as_of, champion, decided.to_version, tuple(why), decided.passed, decided.reason)
    warehouse.create(RETRAININGS, COLUMNS)
    row = (decided.model, as_of, champion, made.version, list(why), made.promoted, made.reason)
    append_once(warehouse, RETRAININGS, COLUMNS, [row])
    return made
