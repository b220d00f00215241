"""The job that makes a model again."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import click

from solvent.config.environment import load_environment
from solvent.errors import RefusedError
from solvent.jobs.options import model_option, where
from solvent.progress import Progress
from solvent.registry import CHAMPION, ModelVersion, Registry
from solvent.release import find_version
from solvent.reproduction import MADE_WITH, Finding, present_code, reproduce, reproduce_elsewhere
from solvent.session import session
from solvent.tables.warehouse import Warehouse
from solvent.training import baseline_name


@click.command("reproduce")
@where
@model_option(CHAMPION)
@click.option("--baseline", is_flag=True, help="A version of the baseline.")
@click.option("--here", is_flag=True, help="With the present code, even if the model was made by other code.")
@click.pass_context
def reproduce_command(
    ctx: click.Context, project: str, environment: str, which: str, baseline: bool, here: bool
) -> None:
    """Make a model again from its manifest, and compare every part by digest. Exit code 3 if one differs."""
    root: Path = ctx.obj
    found = load_environment(environment, root)
    registry = Registry(found.mlflow, project)
    warehouse = Warehouse(partial(session, found), found.tables, project)
    version = find_version(warehouse, registry, baseline_name(project) if baseline else project, which)
    manifest = registry.manifest(version)
    if not here and present_code(manifest) != manifest["code"]:
        click.echo(
            f"{version} was made by the code of commit {str(manifest['commit']['hash'])[:12]}: checking it out beside this one"
        )
        sys.exit(reproduce_elsewhere(found, manifest, version, root, click.echo))
    say = Progress(click.echo)
    with say.during("reproduce", f"{version} is made again"):
        spark = session(found, alike=manifest.calculation is not None)
        say.spark = spark
        report_reproduction(reproduce(spark, found, registry, version, root), version, say)


def report_reproduction(findings: Iterable[Finding], version: ModelVersion, say: Callable[[str], None]) -> None:
    """Tells the findings as they come, and what they come to; before anything is made, whether it has to come out alike."""
    differing, untold = [], []
    for finding in findings:
        said = {True: "identical", False: "DIFFERS", None: "unknown"}[finding.identical]
        say(f"{finding.part:<16} {said:<10} {finding.detail}")
        if finding.identical is None:
            untold.append(finding.part)
        elif not finding.identical:
            differing.append(finding.part)
        if finding.part == MADE_WITH[-1] and (differing or untold):
            say(f"so it need not come out alike: {expected(differing, untold)}")
    made = [part for part in differing if part not in MADE_WITH]
    if made:
        raise RefusedError(f"{version} was not made again: {', '.join(differing)} differ")
    note = f" (although {expected(differing, untold)})" if differing or untold else ""
    say(f"identical: {version} was made again exactly{note}")


def expected(differing: Sequence[str], untold: Sequence[str]) -> str:
    """What a model is made with that is not, or is not known to be, what it was."""
    said = [f"{' and '.join(differing)} differ"] if differing else []
    return ", ".join([*said, *([f"{' and '.join(untold)} of then not known"] if untold else [])])
