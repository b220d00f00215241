"""Tables as notebooks show them: text to the left, no row numbers, nothing cut off."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import pandas as pd

from solvent.plots.style import GRID, SOFT


class Tables:
    """Tables below one another, each with a caption."""

    def __init__(self, frames: Mapping[str, pd.DataFrame]) -> None:
        """Takes caption -> table."""
        self.frames = frames

    def __repr__(self) -> str:
        return "\n\n".join(
            f"{caption}\n{frame.to_string(index=False)}".strip() for caption, frame in self.frames.items()
        )

    def _repr_html_(self) -> str:
        """The tables as HTML, by which a notebook asks for them."""
        return "".join(html(caption, frame) for caption, frame in self.frames.items())


def html(caption: str, frame: pd.DataFrame) -> str:
    """One table."""
    above = f'<p style="color:{SOFT}; margin:10px 0 2px">{escape(caption)}</p>' if caption else ""
    if frame.empty:
        return f"{above}<p>nothing</p>"
    styles = [
        {"selector": "th, td", "props": f"text-align:left; padding:3px 14px 3px 0; border-bottom:1px solid {GRID}"},
        {"selector": "td", "props": "max-width:44em; white-space:normal"},
    ]
    styled = (
        frame.style.hide(axis="index")
        .set_table_styles(styles)
        .format(escape="html", na_rep="", thousands=",", precision=4)
    )
    return above + str(styled.to_html())


def table(frame: pd.DataFrame, caption: str = "") -> Tables:
    """One table."""
    return Tables({caption: frame})


def tables(frames: Mapping[str, pd.DataFrame]) -> Tables:
    """Several, by caption."""
    return Tables(frames)
