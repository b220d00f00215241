"""The models of a run, in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solvent.registry.version import ModelVersion

if TYPE_CHECKING:
    from pyspark.ml import PipelineModel

    from solvent.registry.registry import Registry


class Models:
    """The models of a run, each made by it, or read and verified once."""

    def __init__(self, registry: Registry) -> None:
        """None is read yet."""
        self.registry = registry
        self.by_digest: dict[str, PipelineModel] = {}

    def add(self, version: ModelVersion, model: PipelineModel) -> None:
        """Takes a model that was made just now."""
        self.by_digest[version.digest] = model

    def load(self, version: ModelVersion) -> PipelineModel:
        """The model of a version.

        Raises:
            IntegrityError: If its files are not what was registered.
        """
        if version.digest not in self.by_digest:
            self.by_digest[version.digest] = self.registry.load(version)
        return self.by_digest[version.digest]
