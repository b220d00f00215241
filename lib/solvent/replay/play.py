"""Plays dates one after the other, as if they came now."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise

from solvent.errors import ConfigurationError, RefusedError
from solvent.jobs.context import Context, find_champion
from solvent.jobs.ingest import ingest_files
from solvent.jobs.monitor import monitor_version
from solvent.jobs.retrain import retrain_champion
from solvent.jobs.score import score_interval
from solvent.jobs.train import train_models
from solvent.monitoring import Monitored
from solvent.replay.steps import Step, append_step, read_steps
from solvent.settings import Settings


def replay(
    settings: Settings,
    environment: str,
    arrive: Callable[[date], object],
    dates: Sequence[date],
    say: Callable[[str], None],
    compare: bool = True,
) -> list[Step]:
    """Plays dates one after the other; on the first a model is trained and released. Steps that were played before are passed over.

    Args:
        settings: What and where.
        environment: As the user named it.
        arrive: Told of a date, lands what has arrived before it.
        dates: The as-of dates, in order.
        say: Told of progress, line by line.
        compare: Whether to train the model of every month.

    Returns:
        All steps.

    Raises:
        RefusedError: If the first model is refused by a gate.
    """
    require_dates(dates)
    warehouse = Context(settings, dates[0], say).warehouse
    steps = read_steps(warehouse)
    for as_of in dates[len(steps) :]:
        say(f"as of {as_of}")
        arrive(as_of)
        step = play_step(Context(settings, as_of, say), environment, steps[-1] if steps else None, compare)
        append_step(warehouse, step)
        steps.append(step)
    return steps


def require_dates(dates: Sequence[date]) -> None:
    """Refuses what is no past to play."""
    if len(dates) < 2 or list(dates) != sorted(set(dates)):
        raise ConfigurationError(
            "a replay needs at least two dates, in order: on the first, a model is trained for the second"
        )


def play_step(context: Context, environment: str, before: Step | None, compare: bool) -> Step:
    """Ingests, scores, monitors and retrains at an as-of."""
    ingest_files(context)
    name, deviating, moments = context.project.project, list[str](), [0.0, 0.0, 0.0]
    if before is not None:
        version = context.registry.find(name, str(before.champion_after))
        moments[0] = time.monotonic()
        score_interval(
            context, version, *(context.project.windows.at(day).holdout_end for day in (before.as_of, context.as_of))
        )
        moments[1] = time.monotonic()
        deviating = deviations(monitor_version(context, version))
        moments[2] = time.monotonic()
    made = retrain_champion(context, environment)
    champion = find_champion(context)
    if champion is None:
        raise RefusedError(f"{name}: the first model was refused: {made.reason if made else 'there is none'}")
    monthly = before.monthly_after if before is not None else champion.version
    if compare and before is not None and before.as_of.month != context.as_of.month:
        monthly = train_models(context)[0].version
    return Step(
        context.as_of,
        before.champion_after if before is not None else 0,
        tuple(deviating),
        made.version if made else None,
        made.promoted if made else False,
        f"{'; '.join(made.triggers)}: {made.reason}" if made else "",
        champion.version,
        monthly,
        *(round(after - start, 2) for start, after in pairwise(moments)),
    )


def deviations(found: Monitored) -> list[str]:
    """What deviates, in words."""
    return [
        f"{one.stream.metric} of {one.stream.rows}: {one.observed:.4f} since "
        f"{found.life[one.change.window]}, expected {one.expected.low:.4f} to {one.expected.high:.4f}; alarm {found.life[one.alarm]}"
        for one in found.verdict.findings
        if one.deviates and one.change is not None and one.alarm is not None
    ]
