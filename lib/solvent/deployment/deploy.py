"""Deployment: a plan carried out for one commit, with the code of that commit, one deployment of a project at a time.

Each step can be done again, and ends with a row in the table deployments. So what a killed deployment left is found by the next one, which
goes on from there; only the release moves the champion, and it is one alias.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Any

from solvent.config.base import counted
from solvent.deployment.canary import Changed, append_canary, canary_gates, compare_scores, latest_interval
from solvent.deployment.ledger import CANARY, EVALUATED, RELEASED, TESTED, TRAINED, DeploymentStep, append_step
from solvent.deployment.plan import TRAIN, Plan
from solvent.errors import EvaluationError, RefusedError
from solvent.identity.worktree import code_of
from solvent.pipeline import Run
from solvent.registry import ModelVersion
from solvent.release import Decision, GateResult
from solvent.settings import Settings

LINES_SHOWN = 15


class Deployment:
    """One commit on its way to a release."""

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        environment: str,
        today: date,
        say: Callable[[str], None],
        tested: bool = False,
    ) -> None:
        """Nothing is started before it is needed.

        Args:
            settings: The configuration of the commit.
            plan: What to do.
            environment: As the user named it.
            today: The date that new data is looked at from.
            say: Told of progress, line by line.
            tested: Whether the project's tests have passed before.
        """
        self.settings, self.plan, self.environment, self.say, self.tested = settings, plan, environment, say, tested
        self.run = Run(settings, plan.as_of, say, pins=plan.pins)
        self.latest = Run(settings, today, say)
        self.version: ModelVersion | None = None
        self.report: Path | None = None

    def carry_out(self) -> Decision | None:
        """Tests, trains, evaluates, tries, and decides.

        Returns:
            The decision; None if the model turned out to be the champion.

        Raises:
            RefusedError: If the project's tests fail.
        """
        # Whether the checkout is clean is seen before tests leave files in it.
        _ = self.run.commit
        self.test()
        version = self.train()
        champion = self.run.champion()
        if champion is not None and champion.version == version.version:
            return None
        with self.step(EVALUATED) as detail:
            review = self.run.evaluate(version)
            detail |= {one.metric: one.value for one in review.compared.challenger.measurements if one.slice == "all"}
        since, tried = self.canary(version, champion)
        with self.step(RELEASED) as detail:
            decided = self.run.release(review, tried, self.plan.forced)
            self.report = self.run.report(review, self.environment)
            detail |= {"outcome": "released" if decided.passed else "refused", "reason": decided.reason}
            detail |= {"report": str(self.report), "run": version.run_id, "since": since}
        return decided

    @contextmanager
    def step(self, name: str) -> Iterator[dict[str, Any]]:
        """A step that is entered into the table once it has ended."""
        detail: dict[str, Any] = {}
        started = time.monotonic()
        yield detail
        outcome = detail.pop("outcome", "done")
        append_step(
            self.run.warehouse,
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

    def test(self) -> None:
        """Runs the tests that model.yml names, in a process of their own."""
        named = self.settings.project.deploy.tests
        if not named or self.tested:
            return
        root = self.settings.root
        environ = {**code_of(root), "SOLVENT_ENVIRONMENT": self.environment}
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *named]
        with self.step(TESTED) as detail:
            with self.run.say.during(TESTED, ", ".join(named)):
                done = subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True, check=False)  # noqa: S603
            last = (done.stdout + done.stderr).strip().splitlines()[-LINES_SHOWN:] or ["no output"]
            self.say(f"{TESTED:<10} {last[-1]}")
            detail |= {"outcome": "passed" if done.returncode == 0 else "failed", "said": last[-1]}
        if done.returncode:
            raise RefusedError(f"the tests of commit {str(self.plan.commit)[:12]} fail:\n" + "\n".join(last))

    def train(self) -> ModelVersion:
        """The challenger, trained now or before."""
        with self.step(TRAINED) as detail:
            if self.plan.outcome == TRAIN:
                self.version, _ = self.run.train()
            else:
                self.version = self.run.registry.find(self.plan.project, str(self.plan.version))
                self.say(f"{TRAINED:<10} {self.version} was trained from the same before")
            detail |= {"outcome": "trained" if self.plan.outcome == TRAIN else "recognised", "run": self.version.run_id}
        return self.version

    def canary(self, version: ModelVersion, champion: ModelVersion | None) -> tuple[str, list[GateResult]]:
        """Challenger and champion on the latest rows.

        Returns:
            The end of the prediction times there are, from which on the release is watched; and what the bounds say.
        """
        run, bounds = self.latest, self.settings.project.deploy.canary
        with self.step(CANARY) as detail:
            since, until = latest_interval(run.warehouse, run.project, run.pins, bounds.days)
            if champion is None:
                detail |= {"outcome": "not compared", "reason": "there is no champion yet"}
                return until.isoformat(), []
            # A model knows rows that it has learned from too well to tell what it would change.
            since = max([since, *(run.registry.manifest(one).windows.holdout_start for one in (champion, version))])
            try:
                if since >= until:
                    raise EvaluationError(
                        f"one of the models has learned from the latest rows, those before {until:%Y-%m-%d}"
                    )
                for one in (champion, version):
                    run.score(one, since, until)
            except EvaluationError as error:
                detail |= {"outcome": "not compared", "reason": str(error)}
                self.say(f"{CANARY:<10} not compared: {error}")
                return until.isoformat(), []
            after, before = (run.predictions(one, since, until) for one in (version, champion))
            found = compare_scores(after, before, run.project)
            append_canary(run.warehouse, version, champion, (since, until), found)
            gates = canary_gates(bounds, found)
            detail |= {"slices": [asdict(one) for one in found], "gates": [asdict(one) for one in gates]}
            self.say(f"{CANARY:<10} {said(found, since)}")
        return until.isoformat(), gates


def said(found: Sequence[Changed], since: datetime) -> str:
    """What would change, in a line."""
    if not found:
        return f"no rows since {since:%Y-%m-%d}"
    whole = found[0]
    return (
        f"{counted(whole.n, 'row')} since {since:%Y-%m-%d}: predictions change by {whole.mean_absolute_change:.4f} in the mean "
        f"(98 % of them by {whole.low:+.4f} to {whole.high:+.4f}), and {whole.flipped:.1%} of decisions"
    )
