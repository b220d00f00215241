"""Monitoring: performance as labels mature, and deviations at a stated false-alarm rate."""

from solvent.monitoring.monitor import Monitored, monitor, reference_measured

__all__ = ["Monitored", "monitor", "reference_measured"]
