"""The job that deploys a commit, in a checkout of its own."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

import click

from solvent.deployment.repository import Request, deploy
from solvent.jobs.options import where
from solvent.jobs.plan import looking_from


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
