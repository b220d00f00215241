"""What notebooks ask of a project: they open it, look at data, rows, models and alarms, and hold no logic themselves."""

from solvent.exploration.alarm import examples_table, look_into, places_table
from solvent.exploration.comparison import compare
from solvent.exploration.data import features_declared, pinned_sources, rows_by_day, training_profile
from solvent.exploration.differences import differences_table
from solvent.exploration.facts import facts_beside, known_facts, outcome_of
from solvent.exploration.influence import background_of, explain_row, features_beside
from solvent.exploration.project import find_investigation, find_version, open_project
from solvent.exploration.row import ScoredRow, find_row
from solvent.exploration.streams import findings_table

__all__ = [
    "ScoredRow",
    "background_of",
    "compare",
    "differences_table",
    "examples_table",
    "explain_row",
    "facts_beside",
    "features_beside",
    "features_declared",
    "find_investigation",
    "find_row",
    "find_version",
    "findings_table",
    "known_facts",
    "look_into",
    "open_project",
    "outcome_of",
    "pinned_sources",
    "places_table",
    "rows_by_day",
    "training_profile",
]
