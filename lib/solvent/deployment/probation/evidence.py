"""Probation: a new champion beside the one it replaced, on the same rows, until it is confirmed or taken back.

Method. Each day with matured labels gives, for each metric compared, one difference d: how much worse the new champion is than the old one
would have been on the same rows (shadow scores). If the new one is no worse, d is symmetric about a value of at most zero, given the days
before. Then for any b > 0, exp(b c - (b c)^2 / 2) with c = d clipped to [-1/b, 1/b] has an expectation of at most 1: for a symmetric d by
de la Peña (1999), Ann. Probab. 27:537-564 (Lemma 6.1), and for one shifted down because x - x^2/2 rises up to x = 1. So the running product
is an e-process, and so is the mean over several b and over the metrics, as all are of the same days. By Ville's inequality the probability
that it ever reaches 1 / risk is at most risk, however often and however long one looks.

Scale. b is 0.5, 1 and 2 over the spread of the same differences on the holdout of the new champion, which is known before.

Assumptions. Days give their differences independently of which way earlier ones went; the difference of two models has no weather. The
clip bounds what a single day can say: at best a factor of e^(1/2), so that a rollback takes at least six days at a risk of 5 %.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from solvent.config.deploy import Probation
from solvent.config.project import Project
from solvent.kinds import KINDS, badness
from solvent.kinds.paired import DaySums, daily
from solvent.kinds.slices import ALL

Floats = NDArray[np.float64]

BETS = np.array([0.5, 1.0, 2.0])
CONFIRMED, ROLLED_BACK, WATCHED = "confirmed", "rolled back", "on probation"


@dataclass(frozen=True)
class Watch:
    """What is known of a new champion.

    Attributes:
        outcome: "confirmed", "rolled back" or "on probation".
        days: With labels, in order.
        e_values: Per day, the evidence that it is worse.
        worse: Metric -> mean over days of how much worse it is than the old champion.
        decided: The day on which the evidence first sufficed to take it back, None if on none.
    """

    outcome: str
    days: tuple[date, ...]
    e_values: tuple[float, ...]
    worse: Mapping[str, float]
    decided: date | None


def compared_metrics(project: Project) -> tuple[str, ...]:
    """The metrics that a probation compares."""
    named = project.deploy.probation.metrics
    return tuple(named) or (KINDS[project.model.kind].default_metric,)


def judge_probation(
    settings: Probation, metrics: Sequence[str], new: DaySums, old: DaySums, before: tuple[DaySums, DaySums]
) -> Watch:
    """Whether the new champion is worse than the old one on the days since its release.

    Args:
        settings: For how long, and at which risk.
        metrics: Those compared.
        new: Sums by day of the new champion since its release.
        old: Of the old one, on the same rows.
        before: The same of new and old on the holdout of the new one: how far days differ anyway.
    """
    differences = {metric: worse_by_day(metric, new, old) for metric in metrics}
    scales = {metric: spread(worse_by_day(metric, *before)) for metric in metrics}
    seen = sorted({day for of in differences.values() for day in of})
    lasts = days_needed(settings, new, seen)
    known = seen[:lasts]
    paths = [
        evidence(np.array([differences[metric].get(day, math.nan) for day in known]), scales[metric])
        for metric in metrics
        if scales[metric] > 0
    ]
    e_values = np.mean(paths, axis=0) if paths and known else np.ones(len(known))
    reached = np.flatnonzero(e_values >= 1 / settings.risk)
    decided = known[int(reached[0])] if len(reached) else None
    outcome = ROLLED_BACK if decided is not None else CONFIRMED if len(known) >= lasts else WATCHED
    means = {
        metric: float(np.mean([of[day] for day in known if day in of])) for metric, of in differences.items() if of
    }
    return Watch(outcome, tuple(known), tuple(float(e) for e in e_values), means, decided)


def days_needed(settings: Probation, new: DaySums, seen: Sequence[date]) -> int:
    """The days after which a probation ends: those declared, or fewer if so many labels have matured by then."""
    part = new.parts.get((ALL, ALL))
    if settings.labels is None or part is None:
        return settings.days
    rows = dict(zip(part.days, part.sums["n"], strict=True))
    enough = np.flatnonzero(np.cumsum([rows[day] for day in seen]) >= settings.labels)
    return min(settings.days, int(enough[0]) + 1) if len(enough) else settings.days


def evidence(differences: Floats, scale: float) -> Floats:
    """The e-process of a metric after each day; see the module.

    Args:
        differences: By day, positive where the new champion is worse; not a number where there is none.
        scale: Their spread when nothing is wrong.
    """
    bets = np.clip(np.nan_to_num(differences)[:, None] * BETS / scale, -1.0, 1.0)
    return np.asarray(np.exp(np.cumsum(bets - bets**2 / 2, axis=0)).mean(axis=1))


def worse_by_day(metric: str, new: DaySums, old: DaySums) -> dict[date, float]:
    """By how much the new model is worse on each day on which both have a value."""
    ours, theirs = daily(metric, new), daily(metric, old)
    return {
        day: badness(metric, ours[day]) - badness(metric, theirs[day]) for day in sorted(ours.keys() & theirs.keys())
    }


def spread(differences: Mapping[date, float]) -> float:
    """The root mean square of differences; 0 of none."""
    return math.sqrt(float(np.mean(np.square(list(differences.values()))))) if differences else 0.0
