"""Rows that a model has not learned from, by its manifest.

A model has learned from rows predicted in the training window of its manifest, [train_start, holdout_start), searching its parameters
included. So it is measured only on rows predicted from its holdout_start on, and two models on those from the later of both. That holds
where the two predict a row at different times as well, as long as its label becomes known after either: the model had not learned it then.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime, timedelta

from solvent.config.estimator import Estimator
from solvent.errors import EvaluationError
from solvent.identity import Manifest
from solvent.kinds.paired import FEWEST_DAYS
from solvent.registry.version import ModelVersion
from solvent.training.training import Training

DAY = timedelta(days=1)


def estimator_of(manifest: Manifest) -> Estimator:
    """The estimator of a model, with the parameters that were fitted."""
    return Estimator.model_validate({name: value for name, value in manifest["estimator"].items() if name != "inputs"})


def unseen(training: Training, version: ModelVersion, manifest: Manifest) -> Training:
    """A training whose holdout has only rows that another model has not learned from either.

    Args:
        training: Of the model that is compared.
        version: The other model.
        manifest: Its manifest.

    Raises:
        EvaluationError: If it predicts labels of another kind, or what is left of the holdout is shorter than the ten days that a
            comparison takes; of a shorter holdout, all of it.
    """
    kind = estimator_of(manifest).kind
    if kind != training.estimator.kind:
        raise EvaluationError(
            f"{version} is a model of {kind} labels, {training.name} of {training.estimator.kind} ones"
        )
    learned, (since, until) = manifest.windows, training.measured
    if learned.holdout_start <= since:
        return training
    lacking = min(FEWEST_DAYS * DAY, until - since) - (until - learned.holdout_start)
    if lacking > timedelta(0):
        possible = training.as_of + timedelta(days=math.ceil(lacking / DAY))
        raise EvaluationError(
            f"{version} learned from rows of {days(learned.train_start, learned.holdout_start)}, and too few of the holdout, "
            f"{days(since, until)}, come after them; as of {possible} or later they can be compared"
        )
    return replace(training, measured_from=learned.holdout_start)


def in_words(training: Training) -> str:
    """The days that models are measured on."""
    return days(*training.measured)


def days(since: datetime, until: datetime) -> str:
    """The days of [since, until)."""
    return f"{since:%Y-%m-%d} to {until - timedelta(microseconds=1):%Y-%m-%d}"
