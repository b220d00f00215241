"""The job that lets a push deploy."""

from __future__ import annotations

from pathlib import Path

import click

from solvent.config.deploy import RELEASE_BRANCH
from solvent.config.project import load_project
from solvent.deployment.hook import install_hook
from solvent.deployment.repository import Request
from solvent.jobs.options import where


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
