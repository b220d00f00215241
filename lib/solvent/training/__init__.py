"""Training: from feature rows to a registered model that can be made again."""

from solvent.training.fit import Inputs, fit, predict
from solvent.training.layout import canonical_layout
from solvent.training.train import Training, evaluation_of, require_inputs, score_holdout, train

__all__ = [
    "Inputs",
    "Training",
    "canonical_layout",
    "evaluation_of",
    "fit",
    "predict",
    "require_inputs",
    "score_holdout",
    "train",
]
