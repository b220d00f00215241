"""The errors a user can meet. Each says where it is, what was found and what to do; the commands print it without a stack trace."""

from __future__ import annotations


class SolventError(Exception):
    """A failure the user can act on.

    Attributes:
        exit_code: What the command ends with: 1 failed, 2 wrong usage or configuration, 3 refused by a gate or a check.
    """

    exit_code = 1


class ConfigurationError(SolventError):
    """A configuration file, or an argument, is wrong."""

    exit_code = 2


class SessionError(SolventError):
    """Spark does not start."""


class IngestError(SolventError):
    """A landing file cannot be read as its source declares, or has changed since it was ingested."""


class TableError(SolventError):
    """A Delta table is missing, is another one than was pinned, or no longer holds what was pinned."""


class TurnError(TableError):
    """Another writer had the turn in a table; nothing was written."""


class FeatureError(SolventError):
    """A feature group does not do what it declares."""


class TrainingError(SolventError):
    """A model cannot be trained on the rows of its windows."""


class EvaluationError(SolventError):
    """Predictions or labels cannot be measured."""


class RegistryError(SolventError):
    """A model is not in the registry, or MLflow cannot be reached."""


class RefusedError(SolventError):
    """A gate or a check said no; nothing was changed."""

    exit_code = 3


class IntegrityError(RefusedError):
    """A model, manifest or table is not what its digest says it is."""
