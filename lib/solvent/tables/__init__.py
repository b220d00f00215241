"""Delta at the edges: pinned reads, idempotent appends, content digests."""
