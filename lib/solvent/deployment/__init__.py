"""Deployment: from a commit to a release that is watched, and taken back if it disappoints."""
