"""A model that is looked into, and what its rows are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date

from pyspark.sql import DataFrame

from solvent.config.project import Project
from solvent.features import Feature, FeatureGroup
from solvent.features.columns import features_of_model
from solvent.identity import Manifest
from solvent.registry import ModelVersion
from solvent.sources.pins import Pin
from solvent.tables.warehouse import Warehouse

OF_ROW = "the row itself"


@dataclass(frozen=True)
class Case:
    """A model that is looked into, and what its rows are made of.

    Attributes:
        warehouse: The project's tables.
        project: Declares features, slices and label.
        groups: Its feature groups.
        version: The model.
        manifest: Of the model.
        holdout: Gives the rows of its holdout: key, slices, features, prediction_time, prediction, label.
        pins: The versions of the sources that labels are read from.
        as_of: Labels count that were available before it.
    """

    warehouse: Warehouse
    project: Project
    groups: Sequence[FeatureGroup]
    version: ModelVersion
    manifest: Manifest
    holdout: Callable[[], DataFrame]
    pins: Sequence[Pin]
    as_of: date

    @property
    def features(self) -> list[Feature]:
        """The features that the model uses."""
        return features_of_model(self.groups, self.manifest)

    @property
    def sources(self) -> dict[str, str]:
        """Feature -> the sources that its group declares, in words."""
        return {one.name: " and ".join(group.sources) or OF_ROW for group in self.groups for one in group.features}
