"""The job that builds features."""

from __future__ import annotations

from datetime import date

import click

from solvent.config.base import counted, digest_of
from solvent.features.builds import build_features
from solvent.features.ledger import FeatureBuild
from solvent.jobs.context import Context, open_context
from solvent.jobs.options import as_of_option, force_option, settings_of, where


@click.command("build-features")
@where
@as_of_option
@force_option
@click.pass_context
def build_features_command(ctx: click.Context, project: str, environment: str, as_of: date, force: bool) -> None:
    """Build the feature table of an as-of from pinned sources."""
    context = open_context(settings_of(ctx, project, environment), as_of, force)
    build = build_feature_table(context)
    click.echo(f"table: {context.warehouse.location(build.table)} version {build.version}, build {build.build[:12]}")


def build_feature_table(context: Context) -> FeatureBuild:
    """The features of a run's as-of, built unless they are there."""
    pins, code = context.pins, digest_of(context.code.shaping)
    with context.step("features", f"are built as of {context.as_of}") as say:
        build, made = build_features(
            *(context.warehouse, context.project, context.settings.groups, pins, context.as_of),
            *(code, context.facts, context.force),
        )
        say(
            f"{'built' if made else 'there already:'} {counted(build.rows, 'row')} in {build.table} version {build.version}"
        )
    return build
