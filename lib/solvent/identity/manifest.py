"""The manifest: the document that says everything a model was made from.

Its digest is that of its canonical text, so that a changed value anywhere is seen. It holds no time of making and no path: the same
inputs, made twice, have the same manifest.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from solvent.config.base import canonical_json, digest_of
from solvent.config.windows import Intervals
from solvent.errors import IntegrityError

FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """A manifest; `document` is JSON values, read by section.

    Sections: format, project, model, as_of, windows, commit, configuration, code, functions, pins, features, estimator, search, layout,
    training, remarks, holdout, environment, calculation, model_digest, predictions_digest, metrics, parent.
    """

    document: Mapping[str, Any]

    @property
    def text(self) -> str:
        """The canonical text."""
        return canonical_json(self.document)

    @property
    def digest(self) -> str:
        """SHA-256 of the text."""
        return digest_of(self.document)

    @property
    def windows(self) -> Intervals:
        """The windows, as they were when the model was trained."""
        return Intervals(**{edge: datetime.fromisoformat(at) for edge, at in self["windows"].items()})

    @property
    def search(self) -> Mapping[str, Any] | None:
        """How the estimator's parameters were chosen; None where they were written down, as in all manifests before there was a search."""
        found: Mapping[str, Any] | None = self.document.get("search")
        return found

    @property
    def functions(self) -> Mapping[str, str]:
        """Import path -> digest of the functions that shaped it; none in manifests from before they were told."""
        found: Mapping[str, str] = self.document.get("functions", {})
        return found

    @property
    def calculation(self) -> Mapping[str, Mapping[str, str]] | None:
        """How the session calculated; see solvent.identity.calculation. None in manifests from before it was told."""
        found: Mapping[str, Mapping[str, str]] | None = self.document.get("calculation")
        return found

    @property
    def remarks(self) -> Sequence[str]:
        """What somebody should look at in its features; none in manifests from before it was told."""
        found: Sequence[str] = self.document.get("remarks", ())
        return found

    def __getitem__(self, section: str) -> Any:
        """A section.

        Raises:
            IntegrityError: If there is none of that name.
        """
        if section not in self.document:
            raise IntegrityError(f"manifest {self.digest[:12]}: has no section '{section}'")
        return self.document[section]


def parse_manifest(text: str, digest: str, where: str) -> Manifest:
    """A manifest from its text, which must have its digest.

    Args:
        text: What was stored.
        digest: What was recorded elsewhere.
        where: Names the place of the text in errors.

    Raises:
        IntegrityError: If the text was changed, or its format is not known.
    """
    try:
        found = Manifest(json.loads(text))
    except ValueError:
        raise IntegrityError(f"{where}: the manifest is not JSON; its text was changed") from None
    if found.digest != digest:
        raise IntegrityError(
            f"{where}: the manifest's digest is {found.digest[:12]}, recorded was {digest[:12]}; its text was changed"
        )
    if found.document.get("format") != FORMAT:
        raise IntegrityError(
            f"{where}: the manifest has format {found.document.get('format')}, this version of Solvent reads {FORMAT}"
        )
    return found
