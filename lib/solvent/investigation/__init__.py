"""Investigation: what an alarm is about, what carries it, and what has become of it."""

from solvent.investigation.case import Case
from solvent.investigation.investigate import Dossier, investigate
from solvent.investigation.investigation import (
    RESOLVED,
    Investigation,
    acknowledge,
    append_opened,
    investigations,
    judged_from,
    may_open,
    resolve,
)
from solvent.investigation.webhook import notify

__all__ = [
    "RESOLVED",
    "Case",
    "Dossier",
    "Investigation",
    "acknowledge",
    "append_opened",
    "investigate",
    "investigations",
    "judged_from",
    "may_open",
    "notify",
    "resolve",
]
