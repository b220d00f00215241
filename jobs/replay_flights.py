"""Plays August to December 2013 as if it came now; see solvent.replay."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from pathlib import Path

import click

from flights.faults import BEGINS, FAULTS
from flights.staging import stage
from solvent.failure import ended_plainly
from solvent.jobs.options import listen
from solvent.replay import replay, write_replay
from solvent.settings import load_settings

FIRST, RELEASED, WEEK = date(2013, 1, 1), date(2013, 8, 2), timedelta(days=7)


@click.command()
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), default="2013-12-31", show_default=True, help="Last as-of.")
@click.option("--fault", type=click.Choice(sorted(FAULTS)), help=f"Plant this fault, from {BEGINS} on.")
@click.option("--into", type=click.Path(path_type=Path), default=Path("var/replay"), show_default=True, help="Folder.")
def main(until: datetime, fault: str | None, into: Path) -> None:
    """Plays the flights of 2013 week by week from the first release on; tables, models and the page go into a folder of their own."""
    listen()
    with ended_plainly(lambda: "replay"):
        settings = load_settings("flights", "local", Path.cwd()).within(into.absolute())
        landing, planted = settings.environment.landing, (FAULTS[fault], BEGINS) if fault else None
        dates = [RELEASED + WEEK * n for n in range((until.date() - RELEASED) // WEEK + 1)]
        # A day's file is there on the second day after it: its flights have landed, and are in it.
        steps = replay(
            settings,
            "local",
            lambda day: stage(landing, FIRST, day - timedelta(days=2), planted),
            dates,
            click.echo,
            not fault,
        )
        click.echo(write_replay(settings, steps, click.echo))


if __name__ == "__main__":
    main()
