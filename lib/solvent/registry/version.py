"""What is known of a registered model without MLflow."""

from __future__ import annotations

import re
from dataclasses import dataclass

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous_champion"


@dataclass(frozen=True)
class ModelKey:
    """Whose a row of a table is: registered name, version and digest of a model."""

    model: str
    model_version: int
    model_digest: str


@dataclass(frozen=True)
class ModelVersion:
    """A registered model: its name, version, run, where it is stored, and its digests."""

    name: str
    version: int
    run_id: str
    source: str
    digest: str
    manifest_digest: str

    def __str__(self) -> str:
        """As people name it."""
        return f"{self.name} version {self.version}"

    @property
    def key(self) -> ModelKey:
        """The model as tables name it."""
        return ModelKey(self.name, self.version, self.digest)


def without_password(text: str) -> str:
    """Addresses without the user and password that they may hold."""
    return re.sub(r"//[^/@\s]*@", "//", text)
