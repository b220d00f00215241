"""The command that stages Seattle's weather; see temperatures.staging."""

from __future__ import annotations

from datetime import datetime

import click

from solvent.config.base import counted
from solvent.config.environment import find_root, load_environment
from solvent.failure import ended_plainly
from temperatures.staging import stage


@click.command()
@click.option("--environment", default="local", show_default=True, help="Name in conf/environments, or a path.")
@click.option("--until", type=click.DateTime(["%Y-%m-%d"]), required=True, help="Last date; only whole months arrive.")
def main(environment: str, until: datetime) -> None:
    """Stages the weather of Seattle, as if it had arrived until a date."""
    with ended_plainly(lambda: "staging temperatures"):
        landing = load_environment(environment, find_root()).landing
        staged = stage(landing, until.date())
    rows = sum(rows for _, rows in staged)
    click.echo(
        f"{landing}/temperatures: {counted(len(staged), 'file')} staged with {counted(rows, 'row')}, until {until:%Y-%m-%d}"
    )


if __name__ == "__main__":
    main()
