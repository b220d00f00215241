"""The skeleton of a new project: configuration, features, a test, and example data it runs on."""

from solvent.skeleton.skeleton import AS_OF, new_project

__all__ = ["AS_OF", "new_project"]
