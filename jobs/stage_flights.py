"""The command that stages the flights of 2013; see flights.staging."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from flights.staging import stage
from solvent.config.base import counted
from solvent.config.environment import find_root, load_environment
from solvent.failure import ended_plainly

DAY = click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--environment", default="local", show_default=True, help="Name in conf/environments, or a path.")
@click.option("--project", default="flights", show_default=True, help="Whose landing folder: flights or departures.")
@click.option("--since", type=DAY, default="2013-01-01", show_default=True, help="First local date.")
@click.option("--until", type=DAY, required=True, help="Last local date, included.")
def main(environment: str, project: str, since: datetime, until: datetime) -> None:
    """Stages the flights of 2013, and their weather, into the landing folder, as if they had arrived until a date."""
    with ended_plainly(lambda: "staging flights"):
        landing = load_environment(environment, find_root()).landing
        staged = stage(landing, since.date(), until.date(), project=project)
    rows = sum(file.rows for file in staged)
    click.echo(
        f"{landing}/{project}: {counted(len(staged), 'file')} staged with {counted(rows, 'row')}, until {until:%Y-%m-%d}"
    )
    for file in staged:
        click.echo(f"  {file.path.relative_to(Path(landing))}  {counted(file.rows, 'row')}")


if __name__ == "__main__":
    main()
