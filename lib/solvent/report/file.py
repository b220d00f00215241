"""Pages as files."""

from __future__ import annotations

from pathlib import Path


def write_page(path: Path, text: str) -> bool:
    """Writes a page unless it is there and says the same; whether it was written."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return True
