"""The commands that decide on the champion by hand, and those that tell what was decided, and what differs."""

from __future__ import annotations

from typing import Any

import click

from solvent.deployment.differences import between
from solvent.deployment.ledger import PROBATION, deployment_steps
from solvent.deployment.wording import differences_text, metrics_text
from solvent.evaluation.table import EVALUATIONS
from solvent.identity import Manifest
from solvent.options import settings_of, where
from solvent.registry import ModelVersion
from solvent.release import decisions, find_version, promote, rollback


@click.command("promote")
@where
@click.option("--model", "which", required=True, help="Version number.")
@click.option("--reason", required=True, help="Why, for the table of decisions.")
@click.pass_context
def promote_command(ctx: click.Context, project: str, environment: str, which: str, reason: str) -> None:
    """Make a version champion by hand, past the gates."""
    settings = settings_of(ctx, project, environment)
    warehouse, registry = settings.warehouse, settings.registry
    decided = promote(warehouse, registry, find_version(warehouse, registry, project, which), reason)
    click.echo(f"{project} version {decided.to_version} is champion; before it was {decided.from_version}")


@click.command("rollback")
@where
@click.option("--reason", required=True, help="Why, for the table of decisions.")
@click.pass_context
def rollback_command(ctx: click.Context, project: str, environment: str, reason: str) -> None:
    """Make the previous champion champion again."""
    settings = settings_of(ctx, project, environment)
    decided = rollback(settings.warehouse, settings.registry, project, reason)
    click.echo(
        f"{project} version {decided.to_version} is champion again; version {decided.from_version} was rolled back"
    )


@click.command("history")
@where
@click.pass_context
def history_command(ctx: click.Context, project: str, environment: str) -> None:
    """Show the decisions on the champion, and the commits they came from, from the first."""
    warehouse = settings_of(ctx, project, environment).warehouse
    steps = deployment_steps(warehouse)
    commits = {one.version: one.commit for one in steps if one.version is not None}
    made = decisions(warehouse)
    if not made:
        click.echo(f"no decision on a champion of {project} was made yet; `solvent release` makes the first")
    for one in made:
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
    warehouse, registry = settings.warehouse, settings.registry
    versions = [find_version(warehouse, registry, project, which) for which in (before, after)]
    was, now = (registry.manifest(one) for one in versions)
    click.echo(f"{versions[0]} -> {versions[1]}")
    for name, values in told(versions, was, now).items():
        click.echo(f"  {'=' if values[0] == values[1] else '~'} {name}: {values[0]} -> {values[1]}")
    rows = warehouse.rows(EVALUATIONS)
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
    whole = (version.digest, manifest["features"]["digest"], manifest.windows.holdout_start)
    mine = [row for row in rows if (row["model_digest"], row["features"], row["rows_from"]) == whole]
    return {row["metric"]: row for row in mine if row["slice"] == "all"}
