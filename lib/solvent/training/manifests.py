"""The Delta table manifests: a copy of what the registry holds, for those who query."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from solvent.config.base import digest_of
from solvent.errors import IntegrityError
from solvent.identity import Manifest, parse_manifest
from solvent.registry import ModelVersion
from solvent.tables import Ledger, Warehouse

if TYPE_CHECKING:
    from solvent.registry import Registry


@dataclass(frozen=True)
class ManifestRow:
    """The copy of a version's manifest."""

    manifest_digest: str
    model: str
    version: int
    model_digest: str
    as_of: date
    commit: str
    manifest: str


MANIFESTS = Ledger("manifests", ManifestRow)


def manifest_in_both(warehouse: Warehouse, registry: Registry, version: ModelVersion) -> Manifest:
    """The manifest of a version, by the registry and by its copy in the Delta table, where there is one: a killed run leaves none.

    Raises:
        IntegrityError: If one of them was changed.
    """
    manifest = registry.manifest(version)
    require_copy(warehouse, version, manifest)
    return manifest


def require_copy(warehouse: Warehouse, version: ModelVersion, manifest: Manifest) -> bool:
    """Whether the Delta table has a copy of a manifest.

    Raises:
        IntegrityError: If it is another.
    """
    copies = MANIFESTS.rows(warehouse, model=version.name, version=version.version)
    for copy in copies:
        if (copy.manifest_digest, copy.manifest) != (manifest.digest, manifest.text):
            raise IntegrityError(
                f"{version}: its manifest in {warehouse.location(MANIFESTS.table)} (digest {copy.manifest_digest[:12]}) is not "
                f"the registry's ({manifest.digest[:12]}); one of them was changed: restore it"
            )
    return bool(copies)


def append_manifest(warehouse: Warehouse, version: ModelVersion, manifest: Manifest) -> None:
    """Enters a manifest into the Delta table; once, however often it is called.

    Raises:
        IntegrityError: If another is there.
    """
    MANIFESTS.create(warehouse)
    if require_copy(warehouse, version, manifest):
        return
    row = ManifestRow(
        manifest_digest=manifest.digest,
        model=version.name,
        version=version.version,
        model_digest=version.digest,
        as_of=date.fromisoformat(manifest["as_of"]),
        commit=manifest["commit"]["hash"],
        manifest=manifest.text,
    )
    MANIFESTS.append(warehouse, [row], digest_of([version.name, version.version]))


def manifest_copies(warehouse: Warehouse, model: str, **where: Any) -> dict[int, Manifest]:
    """Version -> its manifest by the Delta table, of a model's versions with given values, or all of them.

    Raises:
        IntegrityError: If one was changed.
    """
    rows = sorted(MANIFESTS.rows(warehouse, model=model, **where), key=attrgetter("version"))
    return {
        row.version: parse_manifest(row.manifest, row.manifest_digest, f"{model} version {row.version}") for row in rows
    }
