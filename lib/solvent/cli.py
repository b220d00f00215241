"""The command `solvent`: one subcommand for each job."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import click

from solvent.failure import ended_plainly

# The modules of solvent.commands, and the commands that each has. One is imported when it is needed: what trains takes a second or two
# to import, which `solvent plan` does without.
MODULES = {
    "new": ("new",),
    "check": ("check",),
    "make": ("ingest", "build-features", "train", "evaluate", "release", "report", "pipeline"),
    "prove": ("reproduce",),
    "watch": ("score", "monitor", "investigations", "acknowledge", "resolve", "retrain"),
    "decide": ("promote", "rollback", "history", "diff"),
    "plan": ("plan",),
    "deploy": ("deploy", "deploy-here", "observe", "install-hook"),
}
MODULE_OF = {name: module for module, names in MODULES.items() for name in names}


class Commands(click.Group):
    """Subcommands that are imported when they are asked for, and whose errors are said without a stack trace."""

    def list_commands(self, _: click.Context) -> list[str]:
        """All names, in the order of a model's life."""
        return list(MODULE_OF)

    def get_command(self, _: click.Context, name: str) -> click.Command | None:
        """The command of a name."""
        if name not in MODULE_OF:
            return None
        module = import_module(f"solvent.commands.{MODULE_OF[name]}")
        found: click.Command = getattr(module, f"{name.replace('-', '_')}_command")
        return found

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
    from solvent.options import listen

    ctx.obj = (root or find_root()).resolve()
    import_from(ctx.obj / "lib")
    listen(verbose)


if __name__ == "__main__":
    main()
