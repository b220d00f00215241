"""Proof that a model can be made again: inputs, features, model and predictions rebuilt from its manifest, and compared by digest."""

from solvent.reproduction.elsewhere import present_code, reproduce_elsewhere
from solvent.reproduction.findings import MADE_WITH, Finding
from solvent.reproduction.reproduce import reproduce

__all__ = ["MADE_WITH", "Finding", "present_code", "reproduce", "reproduce_elsewhere"]
