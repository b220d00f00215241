"""The commands of deployment: plan, deploy, observe, history, diff, and the hook that deploys what is pushed."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from solvent.config.model import load_project
from solvent.deployment.deploy import Deployment
from solvent.deployment.differences import between
from solvent.deployment.ledger import DEPLOYMENTS, PROBATION, deployment_steps
from solvent.deployment.observe import in_words, observe
from solvent.deployment.plan import CHANGES, Plan, make_plan
from solvent.deployment.probation import ROLLED_BACK
from solvent.deployment.repository import Request, deploy, install_hook
from solvent.deployment.wording import differences_text, headline, metrics_text, plan_markdown, plan_text
from solvent.errors import RefusedError
from solvent.evaluation.table import EVALUATIONS
from solvent.identity import Manifest, commit_of, require_locked
from solvent.options import DAY, as_of_option, force_option, run_of, settings_of, where
from solvent.registry import ModelVersion
from solvent.release import decisions
from solvent.settings import Settings


def plan_json(plan: Plan) -> str:
    """A plan for programs."""
    return json.dumps(plan.document(), indent=2)


FORMATS = {"text": plan_text, "markdown": plan_markdown, "json": plan_json}
looking_from = click.option(
    "--as-of", type=DAY, help="Another as-of than the champion's, with the sources as they are now."
)


def planned(settings: Settings, as_of: datetime | None, force: bool) -> Plan:
    """The plan of what is committed here."""
    today = datetime.now(UTC).date()
    looks_from = as_of.date() if as_of is not None else None
    return make_plan(settings, commit_of(settings.root), today, looks_from, force)


@click.command("plan")
@where
@looking_from
@click.option(
    "--format", "form", type=click.Choice(list(FORMATS)), default="text", show_default=True, help="Of the plan."
)
@click.option("--force", is_flag=True, help="Release also what was refused or rolled back before.")
@click.pass_context
def plan_command(
    ctx: click.Context, project: str, environment: str, as_of: datetime | None, form: str, force: bool
) -> None:
    """Say what a deployment would do, and why, without Spark. Exit code 4 if it would do something."""
    plan = planned(settings_of(ctx, project, environment), as_of, force)
    click.echo(FORMATS[form](plan))
    if plan.changes:
        sys.exit(CHANGES)


@click.command("deploy")
@where
@click.option(
    "--repo", type=click.Path(path_type=Path), help="Repository, bare or not (default: of the present folder)."
)
@click.option("--commit", help="What to deploy (default: what is checked out, which must be clean).")
@looking_from
@click.option("--force", is_flag=True, help="Release also what was refused or rolled back before.")
@click.pass_context
def deploy_command(
    ctx: click.Context,
    project: str,
    environment: str,
    repo: Path | None,
    commit: str | None,
    as_of: datetime | None,
    force: bool,
) -> None:
    """Test, train, evaluate, try and release one commit, with its own code. Exit code 3 if it is refused."""
    options = [*(["--as-of", f"{as_of:%Y-%m-%d}"] if as_of is not None else []), *(["--force"] if force else [])]
    request = Request(repo or ctx.obj, commit, project, environment, ctx.obj, options)
    sys.exit(deploy(request, click.echo))


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
    plan = planned(settings, as_of, force)
    click.echo(headline(plan))
    came: dict[str, Any] = {
        "outcome": plan.outcome,
        "reason": plan.reason,
        "did": plan.changes,
        "version": plan.version,
    }
    if plan.changes:
        require_locked(settings.root)
        for line in differences_text(plan.differences):
            click.echo(line)
        deployment = Deployment(settings, plan, environment, datetime.now(UTC).date(), click.echo, tested)
        try:
            decided = deployment.carry_out()
        except RefusedError as error:
            outcome.write_text(json.dumps({**came, "outcome": "refused", "reason": str(error)}))
            raise
        if decided is not None:
            came |= {"outcome": "released" if decided.passed else "refused", "reason": decided.reason}
            came |= {"version": decided.to_version, "before": decided.from_version}
        if deployment.version is not None:
            came |= {"version": deployment.version.version, "run": deployment.version.run_id}
        came |= {"report": str(deployment.report) if deployment.report is not None else None}
    outcome.write_text(json.dumps(came))
    if came["outcome"] == "refused":
        raise RefusedError(f"commit {commit[:12]}, version {came['version']}: {came['reason']}")


@click.command("observe")
@where
@as_of_option
@click.pass_context
def observe_command(ctx: click.Context, project: str, environment: str, as_of: date) -> None:
    """Watch the champion on probation beside the one it replaced; confirm it, or take it back. Exit code 3 if it is taken back."""
    run = run_of(settings_of(ctx, project, environment), as_of)
    found = observe(run)
    if found is None:
        click.echo("no champion is on probation")
        return
    release, watch = found
    click.echo(f"table: {run.warehouse.location(DEPLOYMENTS)}")
    if watch.outcome == ROLLED_BACK:
        risk = run.project.deploy.probation.risk
        raise RefusedError(
            f"{release.version} was rolled back to version {release.before.version}: {in_words(watch, risk)}"
        )


@click.command("history")
@where
@click.pass_context
def history_command(ctx: click.Context, project: str, environment: str) -> None:
    """Show the decisions on the champion, and the commits they came from, from the first."""
    warehouse = settings_of(ctx, project, environment).warehouse
    steps = deployment_steps(warehouse)
    commits = {one.version: one.commit for one in steps if one.version is not None}
    for one in decisions(warehouse):
        outcome = "champion" if one.passed else "refused"
        commit = f", commit {commits[one.to_version][:12]}" if one.to_version in commits else ""
        click.echo(f"{one.kind:<9} version {one.to_version} {outcome} (was {one.from_version}{commit}): {one.reason}")
    for step in steps:
        if step.step == PROBATION:
            click.echo(f"{step.step:<9} version {step.version} {step.outcome} (against {step.champion_version})")


@click.command("diff")
@where
@click.argument("before")
@click.argument("after")
@click.pass_context
def diff_command(ctx: click.Context, project: str, environment: str, before: str, after: str) -> None:
    """Say everything that differs between two versions: configuration, code, data, environment, metrics."""
    settings = settings_of(ctx, project, environment)
    registry = settings.registry
    versions = [registry.find(project, which) for which in (before, after)]
    was, now = (registry.manifest(one) for one in versions)
    click.echo(f"{versions[0]} -> {versions[1]}")
    for name, values in told(versions, was, now).items():
        click.echo(f"  {'=' if values[0] == values[1] else '~'} {name}: {values[0]} -> {values[1]}")
    rows = settings.warehouse.rows(EVALUATIONS)
    metrics = [measured(rows, version, manifest) for version, manifest in zip(versions, (was, now), strict=True)]
    for line in [*differences_text(between(was, now)), *metrics_text(*metrics)]:
        click.echo(line)


def told(versions: list[ModelVersion], was: Manifest, now: Manifest) -> dict[str, tuple[str, str]]:
    """What identifies two versions."""
    return {
        "commit": (str(was["commit"]["hash"])[:12], str(now["commit"]["hash"])[:12]),
        "as of": (was["as_of"], now["as_of"]),
        "features": (was["features"]["digest"][:12], now["features"]["digest"][:12]),
        "model": (versions[0].digest[:12], versions[1].digest[:12]),
        "training rows": (f"{was['training']['rows']:,}", f"{now['training']['rows']:,}"),
    }


def measured(rows: list[dict[str, Any]], version: ModelVersion, manifest: Manifest) -> dict[str, Any]:
    """Metric -> its row, of all rows of a version's own holdout."""
    features = manifest["features"]["digest"]
    mine = [row for row in rows if row["model_digest"] == version.digest and row["features"] == features]
    return {row["metric"]: row for row in mine if row["slice"] == "all"}


@click.command("install-hook")
@where
@click.option(
    "--repo", type=click.Path(path_type=Path), required=True, help="Repository that is pushed to, as a rule a bare one."
)
@click.option("--branch", help="Release branch (default: that of model.yml here, or main).")
@click.pass_context
def install_hook_command(ctx: click.Context, project: str, environment: str, repo: Path, branch: str | None) -> None:
    """Let a push to the release branch deploy: write the post-receive hook of a repository."""
    root: Path = ctx.obj
    here = root / "conf" / project / "model.yml"
    release = branch or (load_project(project, root).deploy.branch if here.is_file() else "main")
    path = install_hook(Request(repo, None, project, environment, root), release)
    click.echo(f"{path}: a push to {release} deploys {project}; paths of its environment are taken from {root}")
