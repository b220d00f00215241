"""Release: gates, decisions, and the champion's alias."""

from solvent.release.decide import (
    Decision,
    decisions,
    promote,
    release,
    rollback,
    rolled_back,
    standing,
)
from solvent.release.gates import Compared, GateResult, judge

__all__ = [
    "Compared",
    "Decision",
    "GateResult",
    "decisions",
    "judge",
    "promote",
    "release",
    "rollback",
    "rolled_back",
    "standing",
]
