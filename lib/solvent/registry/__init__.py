"""MLflow: runs, models, versions, aliases, and loading that verifies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from solvent.registry.models import Models
from solvent.registry.version import CHALLENGER, CHAMPION, PREVIOUS, ModelKey, ModelVersion, without_password

if TYPE_CHECKING:
    from solvent.registry.registry import Registry

__all__ = ["CHALLENGER", "CHAMPION", "PREVIOUS", "ModelKey", "ModelVersion", "Models", "Registry", "without_password"]


def __getattr__(name: str) -> Any:
    """Imports Registry when it is first asked for: MLflow takes a second to import, which `solvent plan` does without."""
    if name == "Registry":
        from solvent.registry.registry import Registry

        return Registry
    raise AttributeError(name)
