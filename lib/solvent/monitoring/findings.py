"""What the tables of findings share: whose they are, and that none is entered twice."""

from __future__ import annotations

from collections.abc import Sequence

from solvent.config.base import digest_of
from solvent.config.expressions import Column
from solvent.registry import ModelVersion
from solvent.tables.warehouse import Warehouse

WHOSE = (Column("model", "STRING"), Column("model_version", "BIGINT"), Column("model_digest", "STRING"))


def whose(version: ModelVersion) -> tuple[str, int, str]:
    """The values of WHOSE."""
    return version.name, version.version, version.digest


def append_once(
    warehouse: Warehouse, table: str, columns: Sequence[Column], rows: Sequence[tuple[object, ...]]
) -> None:
    """Appends rows that are named by what they say; none are appended a second time."""
    if rows:
        warehouse.append_rows(table, rows, columns, digest_of([str(row) for row in rows]))
