"""Ingestion: from landing files into append-only Delta sources, exactly once."""

from solvent.ingest.ingest import Batch, ingest

__all__ = ["Batch", "ingest"]
