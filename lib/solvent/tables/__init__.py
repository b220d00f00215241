"""Delta at the edges: pinned reads, idempotent appends, ledgers, content digests."""

from solvent.tables.codec import JSON
from solvent.tables.conditions import Between
from solvent.tables.digest import Content, content_of, contents_of, declarations, row_hash
from solvent.tables.ledger import Ledger
from solvent.tables.warehouse import Version, Warehouse

__all__ = [
    "JSON",
    "Between",
    "Content",
    "Ledger",
    "Version",
    "Warehouse",
    "content_of",
    "contents_of",
    "declarations",
    "row_hash",
]
