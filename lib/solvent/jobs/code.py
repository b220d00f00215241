"""The code that models of a project are made with, by digest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from solvent.config.base import digest_of
from solvent.config.project import Project
from solvent.features import FeatureGroup
from solvent.features.ledger import feature_code
from solvent.identity import code_digest, function_digests, packages_of
from solvent.training import MEASURED_BY, learned_by


@dataclass(frozen=True)
class ImportedCode:
    """The code that is imported here.

    Attributes:
        project: The configuration.
        groups: Its feature groups.
    """

    project: Project
    groups: Sequence[FeatureGroup]

    @cached_property
    def shaping(self) -> dict[str, str]:
        """Digests of the functions that shape features, by import path."""
        return feature_code(self.groups)

    @cached_property
    def functions(self) -> dict[str, str]:
        """Digests of the functions that shape features and models, by import path."""
        estimators = (self.project.model, self.project.baseline)
        learning = dict.fromkeys(name for one in estimators for name in learned_by(one))
        return {**self.shaping, **function_digests(list(learning))}

    @cached_property
    def measuring(self) -> str:
        """Digest of the functions that measure models."""
        return digest_of(function_digests(MEASURED_BY))

    @cached_property
    def digest(self) -> str:
        """Digest of all of it."""
        return code_digest(*packages_of(self.project.project, self.shaping))
