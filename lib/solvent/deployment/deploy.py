"""Deployment: a plan carried out for one commit, with the code of that commit, one deployment of a project at a time.

Each step can be done again, and ends with a row in the table deployments. So what a killed deployment left is found by the next one, which
goes on from there; only the release moves the champion, and it is one alias.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame

from solvent.deployment.canary import append_canary, canary_gates, changes_text, compare_scores
from solvent.deployment.ledger import CANARY, TESTED, DeploymentStep, append_step
from solvent.deployment.plan import Plan
from solvent.errors import EvaluationError, RefusedError
from solvent.identity.worktree import code_of
from solvent.progress import Progress
from solvent.registry import ModelVersion, Registry
from solvent.release import GateResult
from solvent.settings import Settings
from solvent.tables.warehouse import Warehouse

LINES_SHOWN = 15


@dataclass
class Deployment:
    """One commit on its way to a release.

    Attributes:
        settings: The configuration of the commit.
        plan: What to do.
        environment: As the user named it.
        say: Told of progress.
        warehouse: Gives the project's tables, once they are needed.
        tested: Whether the project's tests have passed before.
        version: The challenger, once there is one.
    """

    settings: Settings
    plan: Plan
    environment: str
    say: Progress
    warehouse: Callable[[], Warehouse]
    tested: bool = False
    version: ModelVersion | None = None

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Any]]:
        """A step that is entered into the table once it has ended."""
        detail: dict[str, Any] = {}
        started = time.monotonic()
        yield detail
        outcome = detail.pop("outcome", "done")
        append_step(
            self.warehouse(),
            DeploymentStep(
                str(self.plan.commit),
                name,
                self.plan.project,
                self.version.version if self.version is not None else None,
                self.plan.champion,
                outcome,
                detail,
                round(time.monotonic() - started, 2),
            ),
        )

    def run_tests(self) -> None:
        """Runs the tests that model.yml names, in a process of their own.

        Raises:
            RefusedError: If they fail.
        """
        named = self.settings.project.deploy.tests
        if not named or self.tested:
            return
        root = self.settings.root
        environ = {**code_of(root), "SOLVENT_ENVIRONMENT": self.environment}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *named]
        with self.step(TESTED) as detail:
            with self.say.during(TESTED, ", ".join(named)):
                done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False)  # noqa: S603
            last = (done.stdout + done.stderr).strip().splitlines()[-LINES_SHOWN:] or ["no output"]
            self.say(f"{TESTED:<10} {last[-1]}")
            detail |= {"outcome": "passed" if done.returncode == 0 else "failed", "said": last[-1]}
        if done.returncode:
            raise RefusedError(f"the tests of commit {str(self.plan.commit)[:12]} fail:\n" + "\n".join(last))

    def try_canary(
        self,
        version: ModelVersion,
        champion: ModelVersion | None,
        registry: Registry,
        latest: Callable[[int], tuple[datetime, datetime]],
        scored: Callable[[ModelVersion, datetime, datetime], DataFrame],
    ) -> tuple[str, list[GateResult]]:
        """Challenger and champion on the latest rows.

        Args:
            version: The challenger.
            champion: None if there is none.
            registry: The project's models.
            latest: Gives the latest days of prediction times that there are now.
            scored: Gives what a version predicts for an interval of prediction times.

        Returns:
            The end of the prediction times there are, from which on the release is watched; and what the bounds say.
        """
        warehouse, project = self.warehouse(), self.settings.project
        bounds = project.deploy.canary
        with self.step(CANARY) as detail:
            since, until = latest(bounds.days)
            if champion is None:
                detail |= {"outcome": "not compared", "reason": "there is no champion yet"}
                return until.isoformat(), []
            # A model knows rows that it has learned from too well to tell what it would change.
            since = max([since, *(registry.manifest(one).windows.holdout_start for one in (champion, version))])
            try:
                if since >= until:
                    raise EvaluationError(
                        f"one of the models has learned from the latest rows, those before {until:%Y-%m-%d}"
                    )
                before, after = (scored(one, since, until) for one in (champion, version))
            except EvaluationError as error:
                detail |= {"outcome": "not compared", "reason": str(error)}
                self.say(f"{CANARY:<10} not compared: {error}")
                return until.isoformat(), []
            found = compare_scores(after, before, project)
            append_canary(warehouse, version, champion, (since, until), found)
            gates = canary_gates(bounds, found)
            detail |= {"slices": [asdict(one) for one in found], "gates": [asdict(one) for one in gates]}
            self.say(f"{CANARY:<10} {changes_text(found, since)}")
        return until.isoformat(), gates


@contextmanager
def outcome_written(path: Path, plan: Plan, commit: str) -> Iterator[dict[str, Any]]:
    """Writes what came of the deployment of a commit into a file: what the plan says, and what is added meanwhile, or why it was refused.

    Raises:
        RefusedError: If it was.
    """
    came: dict[str, Any] = {
        "outcome": plan.outcome,
        "reason": plan.reason,
        "did": plan.changes,
        "version": plan.version,
    }
    try:
        yield came
    except RefusedError as error:
        path.write_text(json.dumps({**came, "outcome": "refused", "reason": str(error)}))
        raise
    path.write_text(json.dumps(came))
    if came["outcome"] == "refused":
        raise RefusedError(f"commit {commit[:12]}, version {came['version']}: {came['reason']}")
