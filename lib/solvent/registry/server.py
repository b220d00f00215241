"""The server or database of MLflow: how long it is waited for, and what is said where it does not answer."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.exceptions import MlflowException
from requests.exceptions import RequestException
from sqlalchemy.exc import SQLAlchemyError

from solvent.errors import RegistryError
from solvent.registry.version import without_password

ABSENT = ("RESOURCE_DOES_NOT_EXIST", "NOT_FOUND")
THERE = ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS")
# What MLflow takes from the environment, unless somebody set it. Its own patience with a server lasts many minutes; here a request is tried
# for half a minute where nothing answers, which outlasts a restart, and for three minutes at most where a server hangs.
SETTINGS = {
    # MLflow sends usage events over the network unless told not to.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "5",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "25",
}


def set_defaults() -> None:
    """Sets what MLflow takes from the environment, unless somebody has."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)


def missing(error: MlflowException) -> bool:
    """Whether what was asked for is not there."""
    return error.error_code in (*ABSENT, "INVALID_PARAMETER_VALUE")


def unreachable(error: Exception, uri: str) -> RegistryError:
    """The user's error for a failure of MLflow."""
    said = without_password(str(error).splitlines()[0])
    if not isinstance(error, RequestException) and not said.startswith("API request to"):
        return RegistryError(f"MLflow at {without_password(uri)}: {said[:300]}")
    known = re.search(r"(?<=\] )[A-Z][\w ]+|timed out|error code \d+|\b5\d\d error|without response", said)
    return RegistryError(
        f"MLflow at {without_password(uri)}: does not answer ({known[0] if known else said[:200]}); see that its server runs and has this "
        "address, then run the same again, which goes on where this stopped"
    )


@contextmanager
def reachable(uri: str) -> Iterator[None]:
    """Says in one line what MLflow could not do."""
    try:
        yield
    except (MlflowException, RequestException, SQLAlchemyError) as error:
        raise unreachable(error, uri) from None
