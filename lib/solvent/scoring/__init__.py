"""Scoring: predictions of a registered model, each row once, and the check that their features are what they were."""

from solvent.scoring.batches import BATCHES, Interval, ScoreBatch, batches, require_scored
from solvent.scoring.predictions import predictions_table, read_predictions, scored_by, unseen_predictions
from solvent.scoring.profile import described_of
from solvent.scoring.rows import feature_rows, rows_as_scored
from solvent.scoring.score import score
from solvent.scoring.scoring import Scoring
from solvent.scoring.skew import Skew, skew_of

__all__ = [
    "BATCHES",
    "Interval",
    "ScoreBatch",
    "Scoring",
    "Skew",
    "batches",
    "described_of",
    "feature_rows",
    "predictions_table",
    "read_predictions",
    "require_scored",
    "rows_as_scored",
    "score",
    "scored_by",
    "skew_of",
    "unseen_predictions",
]
