"""What is known of a registered model without MLflow."""

from __future__ import annotations

import re
from dataclasses import dataclass

CHAMPION, CHALLENGER, PREVIOUS = "champion", "challenger", "previous_champion"


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


def without_password(text: str) -> str:
    """Addresses without the user and password that they may hold."""
    return re.sub(r"//[^/@\s]*@", "//", text)
