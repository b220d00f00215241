"""Sources: landing files that become append-only tables, exactly once, and the pins at which everything reads them."""
