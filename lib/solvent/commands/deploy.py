"""The commands of deployment, and the hook that deploys what is pushed."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from solvent.commands.plan import looking_from, planned
from solvent.config.deploy import RELEASE_BRANCH
from solvent.config.project import load_project
from solvent.deployment.deploy import Deployment
from solvent.deployment.hook import install_hook
from solvent.deployment.ledger import DEPLOYMENTS
from solvent.deployment.observe import in_words, observe
from solvent.deployment.probation import ROLLED_BACK
from solvent.deployment.repository import Request, deploy
from solvent.deployment.wording import differences_text, headline
from solvent.errors import RefusedError
from solvent.identity import require_locked
from solvent.options import as_of_option, force_option, run_of, settings_of, where


@click.command("deploy")
@where
@click.option(
    "--repo", type=click.Path(path_type=Path), help="Repository, bare or not (default: of the present folder)."
)
@click.option("--commit", help="What to deploy (default: what is checked out, which must be clean).")
@click.option("--branch", help="Release branch (default: that of model.yml as it was last deployed).")
@looking_from
@click.option("--force", is_flag=True, help="Release also what was refused or rolled back before.")
@click.pass_context
def deploy_command(
    ctx: click.Context,
    project: str,
    environment: str,
    repo: Path | None,
    commit: str | None,
    branch: str | None,
    as_of: datetime | None,
    force: bool,
) -> None:
    """Test, train, evaluate, try and release one commit, with its own code. Exit code 3 if it is refused."""
    options = [*(["--as-of", f"{as_of:%Y-%m-%d}"] if as_of is not None else []), *(["--force"] if force else [])]
    request = Request(repo or ctx.obj, commit, project, environment, ctx.obj, branch, options)
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
    click.echo(f"table: {run.warehouse.location(DEPLOYMENTS.table)}")
    if watch.outcome == ROLLED_BACK:
        risk = run.project.deploy.probation.risk
        raise RefusedError(
            f"{release.version} was rolled back to version {release.before.version}: {in_words(watch, risk)}"
        )


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
    release = branch or (load_project(project, root).deploy.branch if here.is_file() else RELEASE_BRANCH)
    path = install_hook(Request(repo, None, project, environment, root), release)
    click.echo(f"{path}: a push to {release} deploys {project}; paths of its environment are taken from {root}")
