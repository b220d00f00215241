"""The job that carries out the plan of a deployment with the code of its commit."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import click

from solvent.deployment.deploy import Deployment, outcome_written
from solvent.deployment.ledger import EVALUATED, RELEASED, TRAINED
from solvent.jobs.context import Context, find_champion
from solvent.jobs.evaluate import evaluate_version
from solvent.jobs.options import force_option, settings_of, where
from solvent.jobs.plan import announce_plan, looking_from
from solvent.jobs.release import release_version
from solvent.jobs.report import write_report
from solvent.jobs.score import latest_days, scored_predictions
from solvent.jobs.train import train_models


@click.command("deploy-here", hidden=True)
@where
@click.option("--commit", required=True, help="That is checked out here.")
@click.option("--outcome", type=click.Path(path_type=Path), required=True, help="File to write what came of it into.")
@looking_from
@force_option
@click.option("--tested", is_flag=True, help="The tests of model.yml have passed before, elsewhere.")
@click.pass_context
def deploy_here_command(
    ctx: click.Context,
    project: str,
    environment: str,
    commit: str,
    outcome: Path,
    as_of: datetime | None,
    force: bool,
    tested: bool,
) -> None:
    """Carry out the plan for the commit that is checked out here; `solvent deploy` calls it in a checkout of its own."""
    settings = settings_of(ctx, project, environment)
    plan = announce_plan(settings, as_of, force)
    with outcome_written(outcome, plan, commit) as came:
        if plan.changes:
            context = Context(settings, plan.as_of, click.echo, given_pins=plan.pins)
            came |= carry_out(
                context, Deployment(settings, plan, environment, context.say, lambda: context.warehouse, tested)
            )


def carry_out(context: Context, deployment: Deployment) -> dict[str, Any]:
    """Tests, trains, evaluates, tries, and decides.

    Returns:
        What came of it, to be written; without a decision if the model turned out to be the champion.

    Raises:
        RefusedError: If the project's tests fail.
    """
    plan = deployment.plan
    # Whether the checkout is clean is seen before tests leave files in it.
    _ = context.commit
    deployment.run_tests()
    with deployment.step(TRAINED) as detail:
        if plan.trains:
            version, _ = train_models(context)
        else:
            version = context.registry.find(plan.project, str(plan.version))
            context.say(f"{TRAINED:<10} {version} was trained from the same before")
        deployment.version = version
        detail |= {"outcome": "trained" if plan.trains else "recognised", "run": version.run_id}
    came = {"version": version.version, "run": version.run_id, "report": None}
    champion = find_champion(context)
    if champion is not None and champion.version == version.version:
        return came
    with deployment.step(EVALUATED) as detail:
        review = evaluate_version(context, version)
        detail |= {one.metric: one.value for one in review.compared.challenger.measurements if one.slice == "all"}
    latest = replace(context, as_of=datetime.now(UTC).date(), given_pins=None)
    since, tried = deployment.try_canary(
        version, champion, latest.registry, partial(latest_days, latest), partial(scored_predictions, latest)
    )
    with deployment.step(RELEASED) as detail:
        decided = release_version(context, review, tried, plan.forced)
        report = str(write_report(context, review, deployment.environment))
        outcome = {"outcome": "released" if decided.passed else "refused", "reason": decided.reason}
        detail |= {**outcome, "report": report, "run": version.run_id, "since": since}
    return {**came, **outcome, "version": decided.to_version, "before": decided.from_version, "report": report}
