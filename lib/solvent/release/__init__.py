"""Release: gates, decisions, and the champion's alias."""

from solvent.release.commit import out_of_reach, require_committed
from solvent.release.decide import (
    Decision,
    champion_of,
    decisions,
    find_version,
    looks_of,
    promote,
    release,
    rollback,
    rolled_back,
    standing,
)
from solvent.release.gates import SHARED, Compared, GateResult, Shared, apply_gates
from solvent.release.review import Review, judge_review, leads_of, rival_of, rivals_by_day

__all__ = [
    "SHARED",
    "Compared",
    "Decision",
    "GateResult",
    "Review",
    "Shared",
    "apply_gates",
    "champion_of",
    "decisions",
    "find_version",
    "judge_review",
    "leads_of",
    "looks_of",
    "out_of_reach",
    "promote",
    "release",
    "require_committed",
    "rival_of",
    "rivals_by_day",
    "rollback",
    "rolled_back",
    "standing",
]
