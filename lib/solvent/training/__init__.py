"""Training: from feature rows to a registered model that can be made again."""

from solvent.training.baseline import BASELINE, baseline_name, find_baseline
from solvent.training.fitting import searched
from solvent.training.holdout import evaluation_of, predict_holdout, require_inputs, score_holdout
from solvent.training.manifests import manifest_copies, manifest_in_both
from solvent.training.search import SearchResult, search, written
from solvent.training.train import train
from solvent.training.training import MEASURED_BY, Training, learned_by, training_key
from solvent.training.unseen import estimator_of, in_words, unseen

__all__ = [
    "BASELINE",
    "MEASURED_BY",
    "SearchResult",
    "Training",
    "baseline_name",
    "estimator_of",
    "evaluation_of",
    "find_baseline",
    "in_words",
    "learned_by",
    "manifest_copies",
    "manifest_in_both",
    "predict_holdout",
    "require_inputs",
    "score_holdout",
    "search",
    "searched",
    "train",
    "training_key",
    "unseen",
    "written",
]
