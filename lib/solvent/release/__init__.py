"""Release: gates, decisions, and the champion's alias."""

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

__all__ = [
    "SHARED",
    "Compared",
    "Decision",
    "GateResult",
    "Shared",
    "apply_gates",
    "champion_of",
    "decisions",
    "find_version",
    "looks_of",
    "promote",
    "release",
    "rollback",
    "rolled_back",
    "standing",
]
