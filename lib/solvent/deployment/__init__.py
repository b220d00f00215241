"""Deployment: from a commit to a release that is watched, and taken back if it disappoints."""

from solvent.deployment.alarm import alarm_of_release
from solvent.deployment.deploy import Deployment, outcome_written
from solvent.deployment.ledger import EVALUATED, RELEASED, TRAINED
from solvent.deployment.observe import Release, append_probation, learned_until, on_probation, take_back, watch_text
from solvent.deployment.plan import TRAIN
from solvent.deployment.probation import ROLLED_BACK, WATCHED, Watch, compared_metrics, judge_probation
from solvent.deployment.shadow import sums_on_holdout, sums_since, unscored_since
from solvent.deployment.wording import differences_text, headline

__all__ = [
    "EVALUATED",
    "RELEASED",
    "ROLLED_BACK",
    "TRAIN",
    "TRAINED",
    "WATCHED",
    "Deployment",
    "Release",
    "Watch",
    "alarm_of_release",
    "append_probation",
    "compared_metrics",
    "differences_text",
    "headline",
    "judge_probation",
    "learned_until",
    "on_probation",
    "outcome_written",
    "sums_on_holdout",
    "sums_since",
    "take_back",
    "unscored_since",
    "watch_text",
]
