"""The table of deployments: every step of every one, appended as it ends."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from solvent.config.base import digest_of
from solvent.config.expressions import Column
from solvent.tables.warehouse import Warehouse

DEPLOYMENTS = "deployments"
# Steps, in their order.
TESTED, TRAINED, EVALUATED, CANARY, RELEASED, PROBATION = "test", "train", "evaluate", "canary", "release", "probation"
COLUMNS = (
    Column("commit", "STRING"),
    Column("step", "STRING"),
    Column("model", "STRING"),
    Column("version", "BIGINT"),
    Column("champion_version", "BIGINT"),
    Column("outcome", "STRING"),
    Column("detail", "STRING"),
    Column("seconds", "DOUBLE"),
    Column("ended_at", "TIMESTAMP"),
)


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
    detail: Mapping[str, Any]
    seconds: float


def append_step(warehouse: Warehouse, one: DeploymentStep) -> None:
    """Enters a step; one that ended alike in the same deployment before is not entered again."""
    warehouse.create(DEPLOYMENTS, COLUMNS)
    detail = json.dumps(dict(one.detail), sort_keys=True, default=str)
    name = digest_of([one.commit, one.step, one.version, one.champion_version, one.outcome, detail])
    row = (
        *(one.commit, one.step, one.model, one.version, one.champion_version, one.outcome, detail),
        *(one.seconds, datetime.now(UTC)),
    )
    warehouse.append_rows(DEPLOYMENTS, [row], COLUMNS, name)


def deployment_steps(warehouse: Warehouse) -> list[DeploymentStep]:
    """All steps, from the first."""
    return [
        DeploymentStep(
            *(row["commit"], row["step"], row["model"], row["version"], row["champion_version"], row["outcome"]),
            *(json.loads(row["detail"]), row["seconds"]),
        )
        for row in sorted(warehouse.rows(DEPLOYMENTS), key=lambda row: row["ended_at"])
    ]
