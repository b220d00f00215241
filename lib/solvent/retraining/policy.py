"""What the policy of model.yml says of a champion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from solvent.config.base import counted
from solvent.config.monitoring import Retrain
from solvent.kinds.slices import ALL
from solvent.monitoring.coverage import COVERAGE
from solvent.monitoring.detector import VOLUME
from solvent.monitoring.labels import MATURED
from solvent.monitoring.verdict import DEVIATIONS
from solvent.registry import ModelVersion
from solvent.retraining.ledger import RETRAININGS
from solvent.tables import Between, Warehouse

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


def standing_of(warehouse: Warehouse, champion: ModelVersion, trained: date, as_of: date) -> Standing:
    """What is known of a champion at a date, from what monitoring has written."""
    last = max([trained, *attempts(warehouse, champion, as_of)])
    labels = matured_labels(warehouse, champion, as_of) - matured_labels(warehouse, champion, last)
    return Standing(as_of, last, labels, new_deviations(warehouse, champion, as_of, last))


def attempts(warehouse: Warehouse, champion: ModelVersion, as_of: date) -> list[date]:
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


def new_deviations(warehouse: Warehouse, champion: ModelVersion, as_of: date, since: date) -> tuple[str, ...]:
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
    found = {(stream_text(row), row["as_of"]) for row in seen if row["metric"] != VOLUME}
    now = {one for one, look in found if last and look == last[-1]}
    answered = {one for one in now if known is not None and all((one, look) in found for look in last)}
    return tuple(sorted(now - answered))


def stream_text(row: Mapping[str, Any]) -> str:
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
