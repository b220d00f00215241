"""The job that says what differs between two versions."""

from __future__ import annotations

from typing import Any

import click

from solvent.deployment.differences import between
from solvent.deployment.wording import differences_text, metrics_text
from solvent.evaluation.table import EVALUATIONS
from solvent.identity import Manifest
from solvent.jobs.options import settings_of, where
from solvent.registry import ModelVersion
from solvent.release import find_version


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
    for name, values in identities(versions, was, now).items():
        click.echo(f"  {'=' if values[0] == values[1] else '~'} {name}: {values[0]} -> {values[1]}")
    names = ("model_digest", "features", "rows_from", "slice", "metric", "value", "low", "high", "n", "method")
    rows = EVALUATIONS.select(warehouse, *names, model_digest=tuple(one.digest for one in versions), slice="all")
    metrics = [overall_metrics(rows, version, manifest) for version, manifest in zip(versions, (was, now), strict=True)]
    for line in [*differences_text(between(was, now)), *metrics_text(*metrics)]:
        click.echo(line)


def identities(versions: list[ModelVersion], was: Manifest, now: Manifest) -> dict[str, tuple[str, str]]:
    """What identifies two versions."""
    return {
        "commit": (str(was["commit"]["hash"])[:12], str(now["commit"]["hash"])[:12]),
        "as of": (was["as_of"], now["as_of"]),
        "features": (was["features"]["digest"][:12], now["features"]["digest"][:12]),
        "model": (versions[0].digest[:12], versions[1].digest[:12]),
        "training rows": (f"{was['training']['rows']:,}", f"{now['training']['rows']:,}"),
    }


def overall_metrics(rows: list[dict[str, Any]], version: ModelVersion, manifest: Manifest) -> dict[str, Any]:
    """Metric -> its row, of all rows of a version's own holdout."""
    whole = (version.digest, manifest["features"]["digest"], manifest.windows.holdout_start)
    mine = [row for row in rows if (row["model_digest"], row["features"], row["rows_from"]) == whole]
    return {row["metric"]: row for row in mine if row["slice"] == "all"}
