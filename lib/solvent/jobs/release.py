"""The job that decides on a version."""

from __future__ import annotations

from collections.abc import Sequence, Set

import click

from solvent.config.base import counted
from solvent.errors import RefusedError
from solvent.jobs.context import Context, find_model, open_context
from solvent.jobs.evaluate import evaluate_version
from solvent.jobs.options import model_option, settings_of, where
from solvent.kinds.paired import DaySums
from solvent.kinds.slices import ALL
from solvent.registry import CHALLENGER, CHAMPION
from solvent.release import (
    Decision,
    GateResult,
    Review,
    judge_review,
    out_of_reach,
    release,
    rivals_by_day,
)
from solvent.training import BASELINE


@click.command("release")
@where
@model_option(CHALLENGER)
@click.pass_context
def release_command(ctx: click.Context, project: str, environment: str, which: str) -> None:
    """Apply the gates to a version; if it passes, it becomes champion. Exit code 3 if not."""
    context = open_context(settings_of(ctx, project, environment))
    version = find_model(context, which)
    decided = release_version(context, evaluate_version(context, version))
    if not decided.passed:
        raise RefusedError(f"{project} version {decided.to_version}: {decided.reason}")


def release_version(context: Context, review: Review, more: Sequence[GateResult] = (), force: bool = False) -> Decision:
    """Decides on a version, and makes it champion if it passed.

    Args:
        context: The run.
        review: The version and what it is compared with.
        more: What else decides.
        force: Release also what was rolled back before.

    Raises:
        RefusedError: If it may not be released whatever its metrics.
    """
    version = review.version
    with context.step("release") as say:
        decided = release(
            *(context.warehouse, context.registry, version),
            lambda: [*gate_results(context, review), *more],
            *(review.champion, force, out_of_reach(context.registry.manifest(version), context.settings.root)),
        )
        say(f"{version} {'is champion' if decided.passed else 'is refused'}: {decided.reason}")
    return decided


def gate_results(context: Context, review: Review) -> list[GateResult]:
    """The gates of model.yml applied to a review."""
    days = compare_by_day(context, review, rivals_by_day(context.project))
    return judge_review(context.warehouse, context.registry, context.project, review, days)


def compare_by_day(context: Context, review: Review, rivals: Set[str | None]) -> dict[str, DaySums]:
    """Role -> sums by day, of what is compared with some rivals by an interval; those of a review are read once."""
    new = review.unread(rivals)
    if new:
        with context.step("compare", f"{', '.join(new)} by day") as say:
            review.read_days(context.warehouse, context.project, new)
            days = review.days_by_role(rivals)
            for role in sorted({CHAMPION, BASELINE} & {*days}):
                say(f"challenger with {role} on {counted(len(days[role].parts[ALL, ALL].days), 'day')}")
    return review.days_by_role(rivals)
