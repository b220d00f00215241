"""What a configuration promises and cannot keep, by its own numbers: said by `check`, and by the job that it concerns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta

from solvent.config.base import duration_text
from solvent.config.model import LEAST_REFERENCE, Project
from solvent.evaluation.paired import FEWEST_DAYS

DAY = timedelta(days=1)
# The logarithm of the most that a day can say in a probation; see solvent.deployment.probation.
MOST_A_DAY = 0.5
# Metrics that have no value above one.
SHARES = frozenset({"accuracy", "auc", "average_precision", "f1", "precision", "recall"})


def broken_promises(project: Project) -> Iterator[tuple[str, str]]:
    """The job and a line for each promise that cannot be kept, or only on some dates: its key, what is found, what would do."""
    yield from (("monitor", line) for line in unjudged(project))
    yield from (("release", line) for line in unpassable(project))
    probation = project.deploy.probation
    needed = math.ceil(math.log(1 / probation.risk) / MOST_A_DAY)
    if probation.days < needed:
        yield (
            "observe",
            (
                f"deploy.probation.days: {probation.days} days say too little for a risk of {probation.risk:g}: no champion is ever taken "
                f"back; write {needed} days at least"
            ),
        )
    if project.retrain.every is not None and not project.retrain.every:
        yield (
            "retrain",
            "retrain.every: 0 minutes, so that each run trains a challenger; write how old a training may be",
        )


def unjudged(project: Project) -> Iterator[str]:
    """Why monitoring would judge nothing."""
    settings, holdout = project.monitoring, project.windows.holdout
    most = holdout // settings.length
    if most < LEAST_REFERENCE:
        yield (
            f"monitoring.window: a holdout of {duration_text(holdout)} has {most} whole {settings.window}s at most, and {LEAST_REFERENCE} "
            f"are needed to judge by: monitoring measures, and never raises an alarm of a metric; make windows.holdout "
            f"{duration_text((LEAST_REFERENCE + 1) * settings.length - DAY)} long{', or window: day' if settings.window == 'week' else ''}"
        )
    elif (holdout + DAY) // settings.length - 1 < LEAST_REFERENCE and settings.window == "week":
        yield (
            f"monitoring.window: a holdout of {duration_text(holdout)} has {LEAST_REFERENCE} whole weeks, which judging needs, only "
            f"where it begins on a Monday; make windows.holdout {duration_text((LEAST_REFERENCE + 1) * settings.length - DAY)} long"
        )
    for metric, tolerance in settings.tolerances.items():
        if tolerance < 0:
            yield f"monitoring.tolerances.{metric}: {tolerance:g} is below 0, so that monitoring fails; write 0 or more"


def unpassable(project: Project) -> Iterator[str]:
    """Gates that no model can pass."""
    holdout = project.windows.holdout
    days = -(-holdout // DAY) + (1 if (project.windows.maturity % DAY or holdout % DAY) else 0)
    for number, gate in enumerate(project.gates):
        if gate.confidence is not None and days < FEWEST_DAYS:
            yield (
                f"gates.{number}.confidence: a holdout of {duration_text(holdout)} has {days} days, and an interval is of {FEWEST_DAYS} at "
                "least, so that no model passes; make windows.holdout longer"
            )
        if gate.metric in SHARES and max(gate.at_least or 0, gate.by if gate.better_than else 0) > 1:
            yield f"gates.{number}: {gate.metric} is never above 1, so that no model passes"
