"""The baseline that a model is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from solvent.errors import RegistryError
from solvent.registry.version import ModelVersion

if TYPE_CHECKING:
    from solvent.registry import Registry

BASELINE = "baseline"


def baseline_name(project: str) -> str:
    """The registered name of a project's baseline."""
    return f"{project}_{BASELINE}"


def find_baseline(registry: Registry, version: ModelVersion) -> ModelVersion:
    """The latest baseline that was trained on the same rows as a version.

    Raises:
        RegistryError: If there is none.
    """

    def rows(one: ModelVersion) -> tuple[object, ...]:
        manifest = registry.manifest(one)
        return manifest["features"]["digest"], manifest["as_of"], manifest.windows

    mine = rows(version)
    for baseline in reversed(registry.versions(baseline_name(registry.project))):
        if rows(baseline) == mine:
            return baseline
    raise RegistryError(f"{version}: no baseline was trained on its features; run `solvent train`")
