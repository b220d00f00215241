"""Release: gates, decisions, and the champion's alias."""

from solvent.release.decide import (
    DECISIONS,
    Decision,
    decisions,
    decisions_of_ledger,
    promote,
    release,
    rollback,
    rolled_back,
    standing,
)
from solvent.release.gates import Compared, GateResult, judge

__all__ = [
    "DECISIONS",
    "Compared",
    "Decision",
    "GateResult",
    "decisions",
    "decisions_of_ledger",
    "judge",
    "promote",
    "release",
    "rollback",
    "rolled_back",
    "standing",
]
