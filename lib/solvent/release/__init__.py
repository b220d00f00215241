"""Release: gates, decisions, and the champion's alias."""

from solvent.release.decide import (
    Decision,
    champion_of,
    decisions,
    find_version,
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
    "champion_of",
    "decisions",
    "find_version",
    "judge",
    "promote",
    "release",
    "rollback",
    "rolled_back",
    "standing",
]
