"""Plays August to December 2013 as if it came now; see solvent.replay. Tables, models and the page are kept in var/replay."""

from __future__ import annotations

import sys
from datetime import date, datetime, timedelta
from pathlib import Path

import click

from flights.faults import FAULTS
from flights.staging import stage
from solvent.errors import SolventError
from solvent.pipeline import load_settings
from solvent.replay import replay, report

FIRST_DATA, DAY = date(2013, 1, 1), click.DateTime(["%Y-%m-%d"])


@click.command()
@click.option("--until", type=DAY, default="2014-01-01", show_default=True, help="Last as-of.")
@click.option("--every", type=int, default=7, show_default=True, help="Days from as-of to as-of.")
@click.option("--fault", type=click.Choice(sorted(FAULTS)), help="Plant this fault.")
@click.option(
    "--from", "since", type=DAY, default="2013-09-09", show_default=True, help="First local date of the fault."
)
@click.option("--into", type=click.Path(path_type=Path), default=Path("var/replay"), show_default=True)
def main(until: datetime, every: int, fault: str | None, since: datetime, into: Path) -> None:
    """Plays the flights of 2013 from the first release on 2013-08-02, in steps of so many days."""
    root = Path.cwd()
    planted = (FAULTS[fault], since.date()) if fault else None
    dates = [date(2013, 8, 2) + timedelta(days=n) for n in range(0, (until.date() - date(2013, 8, 2)).days + 1, every)]
    try:
        settings = load_settings("flights", "local", root).within(into.absolute())
        landing = settings.environment.landing
        # A day's file is there on the second day after it: its flights have landed, and are in it.
        arrive = lambda as_of: stage(landing, FIRST_DATA, as_of - timedelta(days=2), planted)  # noqa: E731
        replay(settings, "local", arrive, dates, click.echo, compare=fault is None)
        click.echo(report(settings, click.echo))
    except SolventError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
