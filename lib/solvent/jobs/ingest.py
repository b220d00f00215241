"""The job that brings landing files into the sources."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from solvent.config.base import counted
from solvent.jobs.context import Context, open_context
from solvent.jobs.options import settings_of, where
from solvent.sources.ingest import Batch, ingest


@click.command("ingest")
@where
@click.pass_context
def ingest_command(ctx: click.Context, project: str, environment: str) -> None:
    """Bring new landing files into the append-only sources."""
    context = open_context(settings_of(ctx, project, environment))
    for batch in ingest_files(context):
        click.echo(
            f"  {batch.source}: {counted(batch.rows_in, 'row')} in = {batch.accepted:,} accepted + {batch.quarantined:,} quarantined + "
            f"{counted(batch.duplicates, 'duplicate')}; version {batch.version}"
        )
    click.echo(f"tables: {context.warehouse.location('ingest_batches')}, {context.warehouse.location('quarantine')}")


def ingest_files(context: Context) -> list[Batch]:
    """Brings new landing files into the sources."""
    warehouse = context.warehouse
    with context.step("ingest", "landing files are read") as say:
        landing = f"{context.settings.environment.landing}/{context.project.project}"
        batches = ingest(warehouse, context.project, landing, say)
        say(batches_text(batches) if batches else "no new files")
    return batches


def batches_text(batches: Sequence[Batch]) -> str:
    """What came in, in a line."""
    totals: dict[str, Any] = {
        name: sum(getattr(batch, name) for batch in batches)
        for name in ("files", "rows_in", "accepted", "quarantined", "duplicates")
    }
    sources = ", ".join(sorted({batch.source for batch in batches}))
    return (
        f"{counted(totals['rows_in'], 'row')} of {counted(totals['files'], 'file')} into {sources}: {totals['accepted']:,} accepted, "
        f"{totals['quarantined']:,} quarantined, {counted(totals['duplicates'], 'duplicate')}"
    )
