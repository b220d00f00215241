"""A model whose life is watched, and what monitoring finds of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from solvent.config.project import Project
from solvent.features import Feature
from solvent.monitoring.coverage import Coverage
from solvent.monitoring.deviation import Verdict
from solvent.monitoring.drift import Drift
from solvent.monitoring.health import Health
from solvent.registry import ModelVersion
from solvent.sources.pins import Pin
from solvent.tables import Warehouse


@dataclass(frozen=True)
class Watched:
    """A model whose life is watched.

    Attributes:
        warehouse: The project's tables.
        project: Declares label, measures and monitoring.
        version: The model.
        trained: The as-of of its training, which its holdout is measured as of.
        features: What is described of it: the features the model uses, and its prediction.
        pins: The versions of the sources that labels are read from.
        as_of: Labels count that were available before it.
    """

    warehouse: Warehouse
    project: Project
    version: ModelVersion
    trained: date
    features: Sequence[Feature]
    pins: Sequence[Pin]
    as_of: date


@dataclass(frozen=True)
class Monitored:
    """What monitoring found at an as-of.

    Attributes:
        version: The model.
        coverage: Of the windows looked at.
        windows: Windows whose measurements are new or changed.
        drifts: Of the windows looked at, by window and feature.
        health: Of every source.
        verdict: Over the model's whole life, or since monitoring started anew.
        life: The windows that are judged, in order; alarms and change points of the verdict count in them.
    """

    version: ModelVersion
    coverage: Sequence[Coverage]
    windows: Sequence[date]
    drifts: Sequence[Drift]
    health: Sequence[Health]
    verdict: Verdict
    life: Sequence[date]
