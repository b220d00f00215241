"""Observation of a release: whose probation it is, how it ended, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from solvent.config.base import counted
from solvent.deployment.ledger import PROBATION, RELEASED, DeploymentStep, append_step, deployment_steps
from solvent.deployment.probation.evidence import Watch
from solvent.registry import ModelVersion
from solvent.release import Decision, decisions, rollback
from solvent.tables.warehouse import Warehouse

if TYPE_CHECKING:
    from solvent.registry import Registry


@dataclass(frozen=True)
class Release:
    """A champion on probation.

    Attributes:
        version: The champion.
        before: The one it replaced.
        since: Prediction times from then on count.
        commit: That it was made from.
    """

    version: ModelVersion
    before: ModelVersion
    since: datetime
    commit: str


def on_probation(warehouse: Warehouse, registry: Registry, champion: ModelVersion | None) -> Release | None:
    """The champion, if it replaced another one and that is not settled."""
    made = decisions(warehouse, passed=True)
    if champion is None or not made or made[-1].kind == "rollback" or made[-1].from_version is None:
        return None
    steps = deployment_steps(warehouse, version=champion.version)
    pair = (champion.version, made[-1].from_version)
    moves = [one for one in made if one.kind != "rollback" and (one.to_version, one.from_version) == pair]
    settled = [one for one in steps if one.step == PROBATION and (one.version, one.champion_version) == pair]
    # A version may replace the same one again, and is then on probation again.
    if len(settled) >= len(moves):
        return None
    manifest = registry.manifest(champion)
    released = [one.detail["since"] for one in steps if one.step == RELEASED and one.outcome == "released"]
    before = registry.find(champion.name, str(made[-1].from_version))
    since = datetime.fromisoformat(released[-1] if released else manifest["windows"]["holdout_end"])
    # Whoever goes back to an older model by hand compares it with one that was trained later.
    since = max(since, learned_until(registry, before))
    return Release(champion, before, since, str(manifest["commit"]["hash"]))


def learned_until(registry: Registry, version: ModelVersion) -> datetime:
    """The end of the prediction times that a model has learned from."""
    return registry.manifest(version).windows.holdout_start


def watch_text(watch: Watch, risk: float) -> str:
    """What is known, in a line."""
    apart = ", ".join(
        f"{metric} {'worse' if by > 0 else 'better'} by {abs(by):.4f}" for metric, by in watch.worse.items()
    )
    last = watch.e_values[-1] if watch.e_values else 1.0
    return (
        f"{watch.outcome}; {counted(len(watch.days), 'day')} with labels: {apart or 'nothing to compare'}; "
        f"evidence that it is worse {last:.2f}, {1 / risk:.0f} takes it back"
    )


def take_back(warehouse: Warehouse, registry: Registry, release: Release, watch: Watch, risk: float) -> Decision:
    """Makes the old champion champion again."""
    reason = f"on probation since {release.since:%Y-%m-%d}: {watch_text(watch, risk)}"
    return rollback(warehouse, registry, release.version.name, reason, release.version)


def append_probation(warehouse: Warehouse, release: Release, watch: Watch) -> None:
    """Enters how a probation ended."""
    detail = {
        "since": release.since.isoformat(),
        "days": [day.isoformat() for day in watch.days],
        "e_values": [round(e, 6) for e in watch.e_values],
        "worse": dict(watch.worse),
    }
    append_step(
        warehouse,
        DeploymentStep(
            *(release.commit, PROBATION, release.version.name, release.version.version, release.before.version),
            *(watch.outcome, detail, 0.0),
        ),
    )
