"""Where and how rows are scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pyspark.ml import PipelineModel

from solvent.config.project import Project
from solvent.features import FeatureGroup
from solvent.features.columns import feature_types
from solvent.registry import ModelVersion, Registry
from solvent.tables import Warehouse


@dataclass(frozen=True)
class Scoring:
    """Where and how rows are scored.

    Attributes:
        warehouse: The project's tables.
        registry: The project's models.
        project: Declares rows and sources.
        groups: Its feature groups.
        code: Digest of the code, for the ledger.
        load: Gives the model of a version, whose files were verified by digest.
    """

    warehouse: Warehouse
    registry: Registry
    project: Project
    groups: Sequence[FeatureGroup]
    code: str
    load: Callable[[ModelVersion], PipelineModel]

    @property
    def features(self) -> list[str]:
        """The columns that the groups declare, in their order."""
        return [*feature_types(self.groups)]
