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
from solvent.config.monitoring import Retrain
from solvent.investigation import RESOLVED, investigations, resolve
from solvent.kinds.slices import ALL
from solvent.monitoring.coverage import COVERAGE
from solvent.monitoring.detector import VOLUME
from solvent.monitoring.labels import MATURED
from solvent.monitoring.verdict import DEVIATIONS
from solvent.registry import ModelVersion
from solvent.release import Decision, decisions
from solvent.tables import Between, Ledger, Warehouse

if TYPE_CHECKING:
    from solvent.registry import Registry


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


def standing_of(warehouse: Warehouse, champion: ModelVersion, trained: date, as_of: date) -> Standing:
    """What is known of a champion at a date, from what monitoring has written."""
    last = max([trained, *tried(warehouse, champion, as_of)])
    labels = matured_labels(warehouse, champion, as_of) - matured_labels(warehouse, champion, last)
    return Standing(as_of, last, labels, deviating(warehouse, champion, as_of, last))


def tried(warehouse: Warehouse, champion: ModelVersion, as_of: date) -> list[date]:
    """The as-ofs before a date at which a champion was to be replaced."""
    rows = RETRAININGS.select(warehouse, "as_of", model=champion.name, champion_version=champion.version)
    return [row["as_of"] for row in rows if row["as_of"] < as_of]


def matured_labels(warehouse: Warehouse, champion: ModelVersion, as_of: date) -> int:
    """Predictions of a model whose label has matured: of each window as it was last looked at."""
    seen = COVERAGE.select(
        warehouse, "window", "as_of", MATURED, model_digest=champion.digest, as_of=Between(None, as_of)
    )
    latest = {row["window"]: row[MATURED] for row in sorted(seen, key=itemgetter("as_of"))}
    return sum(latest.values())


def deviating(warehouse: Warehouse, champion: ModelVersion, as_of: date, since: date) -> tuple[str, ...]:
    """The metrics and slices that deviate as a model was last monitored, and did not yet when a training last answered what deviated.

    One that has deviated at every look since then is answered; one that began later, or stopped in between, is not.
    """
    looked = DEVIATIONS.select(warehouse, "as_of", model_digest=champion.digest, as_of=Between(None, as_of))
    looks = sorted({row["as_of"] for row in looked})
    # Those that a training at that date knew of, and all since.
    known = max((look for look in looks if look <= since), default=None)
    last = [look for look in looks if known is None or look >= known]
    names = ("as_of", "metric", "slice", "slice_value")
    seen = DEVIATIONS.select(
        warehouse, *names, model_digest=champion.digest, as_of=Between(known, as_of), deviates=True
    )
    # Another model brings back no rows.
    found = {(name(row), row["as_of"]) for row in seen if row["metric"] != VOLUME}
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
    ANNOUNCED.append(warehouse, [Announcement(version.name, as_of, champion, version.version, tuple(why))])


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
    return record(warehouse, as_of, champion, why, decided)


def record(
    warehouse: Warehouse, as_of: date, champion: int | None, why: Sequence[str], decided: Decision
) -> Retraining:
    """Appends what came of a retraining, once."""
    made = Retraining(decided.model, as_of, champion, decided.to_version, tuple(why), decided.passed, decided.reason)
    RETRAININGS.append(warehouse, [made])
    return made
