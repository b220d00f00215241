"""The command `solvent`: one subcommand for each job."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from solvent.failure import ended_plainly
from solvent.jobs import JOBS

BY_NAME = {job.name: job for job in JOBS}


class Commands(click.Group):
    """Subcommands that are imported when they are asked for, and whose errors are said without a stack trace."""

    def list_commands(self, _: click.Context) -> list[str]:
        """All names, in the order of the list of jobs."""
        return list(BY_NAME)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """The command of a name."""
        return BY_NAME[name].command if name in BY_NAME else None

    def main(self, *args: Any, **extra: Any) -> Any:
        """Runs with what the terminal gives; also what goes wrong before a subcommand is known ends with a line."""
        with ended_plainly(lambda: "solvent"):
            return super().main(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a subcommand; whatever goes wrong ends with a line and an exit code."""
        with ended_plainly(lambda: f"solvent {ctx.invoked_subcommand or ''}".strip(), ctx.params["verbose"]):
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--root",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="SOLVENT_ROOT",
    show_envvar=True,
    help="Folder that holds conf/ (default: found upwards).",
)
@click.option("--verbose", is_flag=True, help="Show what Spark, its Java and MLflow log.")
@click.version_option(package_name="solvent")
@click.pass_context
def main(ctx: click.Context, root: Path | None, verbose: bool) -> None:
    """Machine learning without technical debt: ingest, features, training, evaluation, release, and proof."""
    # Imported here, as it takes a second in which an interrupt is no stack trace either.
    from solvent.config.environment import find_root, import_from
    from solvent.jobs.options import listen

    ctx.obj = (root or find_root()).resolve()
    import_from(ctx.obj / "lib")
    listen(verbose)


if __name__ == "__main__":
    main()
