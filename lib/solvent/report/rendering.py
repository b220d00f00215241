"""Pages: HTML files that need nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from solvent.plots.wording import words


def render(template: str, **values: Any) -> str:
    """A page as HTML; the same values give the same text."""
    templates = Environment(
        loader=PackageLoader("solvent.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(number=number, words=words)
    sheet = Markup(templates.get_template("pages.css").render())  # noqa: S704 (our own)
    return templates.get_template(template).render(style=sheet, **values)


def number(value: float | None) -> str:
    """A figure as people read it."""
    if value is None:
        return "–"
    # What rounds to zero is said without a sign.
    return f"{round(value, 4) + 0.0:.4f}" if abs(value) < 100 else f"{value:,.1f}"


def write_page(path: Path, text: str) -> bool:
    """Writes a page unless it is there and says the same; whether it was written."""
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
    return True
