"""MLflow: runs, models, versions, aliases, and loading that verifies."""

from solvent.registry.registry import CHALLENGER, CHAMPION, PREVIOUS, ModelVersion, Registry

__all__ = ["CHALLENGER", "CHAMPION", "PREVIOUS", "ModelVersion", "Registry"]
