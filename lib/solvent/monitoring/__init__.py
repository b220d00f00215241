"""Monitoring: performance as labels mature, and deviations at a stated false-alarm rate."""

from solvent.monitoring.health import append_model_health
from solvent.monitoring.monitor import Monitored, monitor, reference_measured

__all__ = ["Monitored", "append_model_health", "monitor", "reference_measured"]
