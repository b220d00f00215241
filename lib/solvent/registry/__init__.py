"""MLflow: runs, models, versions, aliases, and loading that verifies."""

from solvent.registry.registry import CHALLENGER, CHAMPION, PREVIOUS, ModelVersion, Registry, without_password

__all__ = ["CHALLENGER", "CHAMPION", "PREVIOUS", "ModelVersion", "Registry", "without_password"]
