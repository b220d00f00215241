"""Spark batch jobs that take a machine-learning model through its whole life without technical debt."""
