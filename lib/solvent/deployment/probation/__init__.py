"""Probation: a release watched beside the champion it replaced, confirmed or taken back."""

from solvent.deployment.probation.alarm import alarm_of_release
from solvent.deployment.probation.evidence import ROLLED_BACK, WATCHED, Watch, compared_metrics, judge_probation
from solvent.deployment.probation.release import (
    Release,
    append_probation,
    learned_until,
    on_probation,
    take_back,
    watch_text,
)
from solvent.deployment.probation.shadow import sums_on_holdout, sums_since, unscored_since

__all__ = [
    "ROLLED_BACK",
    "WATCHED",
    "Release",
    "Watch",
    "alarm_of_release",
    "append_probation",
    "compared_metrics",
    "judge_probation",
    "learned_until",
    "on_probation",
    "sums_on_holdout",
    "sums_since",
    "take_back",
    "unscored_since",
    "watch_text",
]
