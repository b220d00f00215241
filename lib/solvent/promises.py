"""What a configuration promises and cannot keep, by its own numbers: said by `check`, and by the job that it concerns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import timedelta

from solvent.config.base import counted, duration_text
from solvent.config.monitoring import LEAST_REFERENCE
from solvent.config.project import Project
from solvent.kinds import metrics_by_name
from solvent.kinds.paired import FEWEST_DAYS

DAY = timedelta(days=1)
# The logarithm of the most that a day can say in a probation; see solvent.deployment.probation.evidence.
MOST_A_DAY = 0.5


def broken_promises(project: Project) -> Iterator[tuple[str, str]]:
    """The job and a line for each promise that cannot be kept, or only on some dates: its key, what is found, what would do."""
    yield from (("monitor", line) for line in unjudged(project))
    yield from (("release", line) for line in unpassable(project))
    yield from (("train", line) for line in unlearned(project))
    known = (project.windows.holdout + project.windows.maturity) / DAY
    if project.deploy.canary.days > known:
        yield (
            "deploy",
            f"deploy.canary.days: {counted(project.deploy.canary.days, 'day')}, but the challenger has learned from rows more than "
            f"{counted(known, 'day')} old, so that it is tried on those since; write so many at most",
        )
    probation = project.deploy.probation
    needed = math.ceil(math.log(1 / probation.risk) / MOST_A_DAY)
    if probation.days < needed:
        yield (
            "observe",
            (
                f"deploy.probation.days: {counted(probation.days, 'day')} say too little for a risk of {probation.risk:g}: no champion "
                f"is ever taken back; write {counted(needed, 'day')} at least"
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
    holdout, known = project.windows.holdout, metrics_by_name()
    days = -(-holdout // DAY) + (1 if (project.windows.maturity % DAY or holdout % DAY) else 0)
    for number, gate in enumerate(project.gates):
        if gate.confidence is not None and days < FEWEST_DAYS:
            yield (
                f"gates.{number}.confidence: a holdout of {duration_text(holdout)} has {counted(days, 'day')}, and an interval is of "
                f"{FEWEST_DAYS} at least, so that no model passes; make windows.holdout longer"
            )
        least, most = known[gate.metric].range if gate.metric in known else (-math.inf, math.inf)
        if (gate.at_least is not None and gate.at_least > most) or (gate.better_than and gate.by > most - least):
            yield f"gates.{number}: {gate.metric} is never above {most:g}, so that no model passes"
        elif gate.at_most is not None and gate.at_most < least:
            yield f"gates.{number}: {gate.metric} is never below {least:g}, so that no model passes"


def unlearned(project: Project) -> Iterator[str]:
    """Searches whose first fold has nothing to learn from."""
    for key, estimator in (("model", project.model), ("baseline", project.baseline)):
        if estimator.search is None:
            continue
        span = project.windows.train / (estimator.search.folds + 1)
        if span <= project.windows.maturity:
            yield (
                f"{key}.search.folds: {estimator.search.folds} folds cut the training window every {duration_text(span)}, and labels "
                f"mature after {duration_text(project.windows.maturity)} (windows.maturity), so that none is known at the first cut; "
                "take fewer folds or a longer windows.train"
            )
