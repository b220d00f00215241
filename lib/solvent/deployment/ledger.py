"""The table of deployments: every step of every one, appended as it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from operator import attrgetter
from statistics import median
from typing import Annotated, Any

from solvent.config.base import digest_of
from solvent.tables import JSON, Ledger, Warehouse

# Steps, in their order.
TESTED, TRAINED, EVALUATED, CANARY, RELEASED, PROBATION = "test", "train", "evaluate", "canary", "release", "probation"


@dataclass(frozen=True)
class DeploymentStep:
    """A step that has ended.

    Attributes:
        commit: What is deployed.
        step: Its name.
        model: The registered model.
        version: The challenger, None before it is trained.
        champion_version: The champion before, None if there was none.
        outcome: How it ended, in a word or two.
        detail: What is known of it, as JSON values.
        seconds: How long it took.
    """

    commit: str
    step: str
    model: str
    version: int | None
    champion_version: int | None
    outcome: str
    detail: Annotated[Mapping[str, Any], JSON]
    seconds: float


@dataclass(frozen=True)
class EndedStep:
    """A step, and when it ended."""

    step: DeploymentStep
    ended_at: datetime


DEPLOYMENTS = Ledger("deployments", EndedStep)


def append_step(warehouse: Warehouse, one: DeploymentStep) -> None:
    """Enters a step; one that ended alike in the same deployment before is not entered again."""
    detail = json.dumps(dict(one.detail), sort_keys=True, default=str)
    name = digest_of([one.commit, one.step, one.version, one.champion_version, one.outcome, detail])
    ended = EndedStep(replace(one, detail=json.loads(detail)), datetime.now(UTC))
    DEPLOYMENTS.append(warehouse, [ended], name)


def deployment_steps(warehouse: Warehouse, **where: Any) -> list[DeploymentStep]:
    """The steps with given values, or all, from the first."""
    return [one.step for one in sorted(DEPLOYMENTS.rows(warehouse, **where), key=attrgetter("ended_at"))]


def seconds_by_step(warehouse: Warehouse) -> dict[str, float]:
    """The median of what each step took in all deployments; no more than that is read of them."""
    spent: dict[str, list[float]] = {}
    for row in DEPLOYMENTS.select(warehouse, "step", "seconds"):
        spent.setdefault(row["step"], []).append(row["seconds"])
    return {step: median(seconds) for step, seconds in spent.items()}
