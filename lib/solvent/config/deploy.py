"""How a commit becomes a release: its branch, its tests, canary and probation."""

from __future__ import annotations

import re

from pydantic import Field

from solvent.config.base import Frozen, Items
from solvent.errors import ConfigurationError

RELEASE_BRANCH = "main"


class Canary(Frozen):
    """How a challenger is tried beside the champion before it replaces it, on rows that neither has learned from.

    Attributes:
        days: The latest days of prediction times that both score.
        flipped: The largest share of decisions at the threshold that may differ, of all rows; for binary labels.
        moved: The largest mean absolute change of a prediction, in the label's unit.
        flipped_in_slice: The same as flipped, of the rows of every slice value.
        min_rows: Slice values with fewer rows are told, but decide nothing.
    """

    days: int = Field(default=7, ge=1)
    flipped: float | None = Field(default=None, ge=0, le=1)
    moved: float | None = Field(default=None, ge=0)
    flipped_in_slice: float | None = Field(default=None, ge=0, le=1)
    min_rows: int = Field(default=50, ge=1)

    @property
    def decides(self) -> bool:
        """Whether it bounds decisions."""
        return self.flipped is not None or self.flipped_in_slice is not None


class Probation(Frozen):
    """How long a new champion is watched beside the one it replaced, and at which risk it is taken back for nothing.

    Attributes:
        days: With matured labels; then it is confirmed.
        labels: Matured labels after which it is confirmed, if that is earlier.
        metrics: Those compared day by day; the default metric of the kind of label if none is named.
        risk: The probability that a champion no worse than the old one is rolled back, however often one looks.
    """

    days: int = Field(default=28, ge=7)
    labels: int | None = Field(default=None, ge=1)
    metrics: Items[str] = ()
    risk: float = Field(default=0.05, gt=0, lt=1)


class Deploy(Frozen):
    """How a commit becomes a release.

    Attributes:
        branch: Only commits on it are deployed.
        tests: What pytest is given, from the root of the repository; nothing is tested if nothing is named.
        canary: How the challenger is tried first.
        probation: How it is watched afterwards.
    """

    branch: str = RELEASE_BRANCH
    tests: Items[str] = ()
    canary: Canary = Canary()
    probation: Probation = Probation()


def require_branch(name: str) -> None:
    """Refuses what is no name of a branch by the rules of `git check-ref-format --branch`.

    Raises:
        ConfigurationError: If it is none.
    """
    parts = name.split("/")
    if (
        not all(parts)
        or name.startswith("-")
        or name.endswith(".")
        or any(part.startswith(".") or part.endswith(".lock") for part in parts)
        or any(word in name for word in ("..", "@{", "\\"))
        or re.search(r"[\x00-\x20\x7f~^:?*\[]", name)
        or name == "HEAD"
    ):
        raise ConfigurationError(f"'{name}' is no name of a branch")
