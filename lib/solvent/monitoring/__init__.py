"""Monitoring: whether a released model still performs as expected, with a stated false-alarm rate."""
