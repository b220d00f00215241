"""The steps of a replay that were played, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from operator import attrgetter

from solvent.tables import Ledger, Warehouse


@dataclass(frozen=True)
class Step:
    """One look at the model.

    Attributes:
        as_of: When.
        champion: The version that predicted until then; 0 on the first date.
        deviating: What deviates, in words.
        retrained: The version that a retraining made; None without one.
        promoted: Whether it became champion.
        reason: What triggered it, and what was decided.
        champion_after: The version that predicts from then on.
        monthly_after: The same of the model retrained every month.
        score_seconds: How long scoring took; 0 on the first date.
        monitor_seconds: Likewise monitoring.
    """

    as_of: date
    champion: int
    deviating: tuple[str, ...]
    retrained: int | None
    promoted: bool
    reason: str
    champion_after: int
    monthly_after: int
    score_seconds: float
    monitor_seconds: float


STEPS = Ledger("replay_steps", Step)


def read_steps(warehouse: Warehouse) -> list[Step]:
    """The steps that were played, from the first; the page shows them all."""
    return sorted(STEPS.rows(warehouse), key=attrgetter("as_of"))


def append_step(warehouse: Warehouse, step: Step) -> None:
    """Appends a step, once."""
    STEPS.append(warehouse, [step])
