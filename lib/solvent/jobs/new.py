"""The job that writes a new project."""

from __future__ import annotations

from pathlib import Path

import click

from solvent.skeleton.skeleton import AS_OF, new_project

MEANING = {
    "conf": "what is predicted, from what, and what a model must show",
    "lib": "the features, as functions of DataFrames",
    "tests": "what the features do, on a few rows",
}


@click.command("new")
@click.argument("name")
@click.pass_context
def new_command(ctx: click.Context, name: str) -> None:
    """Write the skeleton of a project, which passes its test and runs on example data until it is changed."""
    root = root_of(ctx)
    for path in new_project(name, root):
        below = path.relative_to(root) if path.is_relative_to(root) else path
        meaning = MEANING.get(below.parts[0], "") if path.name == name else "was missing"
        click.echo(f"  {below!s:<28} {meaning or 'example data, to be replaced by yours'}")
    click.echo(f"""What to type next
  solvent check --project {name}
  python -m pytest tests/{name}
  solvent pipeline --project {name} --as-of {AS_OF}""")


def root_of(ctx: click.Context) -> Path:
    """The folder asked for, or a repository of projects around the present folder, else the present folder."""
    root, here = Path(ctx.obj), Path.cwd()
    asked = ctx.parent is not None and ctx.parent.params["root"] is not None
    return root if asked or here.is_relative_to(root) else here
