"""How figures look: the colours of the reports, one width, titles that say what is seen, and no lines that say nothing."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, ParamSpec

from matplotlib import rc_context, rcParamsDefault
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

# As in report/templates/model.css, for light pages.
TEXT, SOFT, GRID = "#1f2328", "#5c636b", "#eceae6"
BLUE, ORANGE, GREY, RED = "#1d5fd0", "#b3560b", "#76808b", "#b3261e"
PALE_BLUE, PALE_GREY, PALE_ORANGE = "#a9c4ef", "#d9dce0", "#f1dcc7"
WIDTH, SHARPNESS, LETTERS = 10.0, 144, 145
STYLE = {
    "font.size": 9.5,
    "text.color": TEXT,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlecolor": TEXT,
    "axes.labelcolor": SOFT,
    "axes.labelsize": 9,
    "axes.edgecolor": SOFT,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "white",
    "lines.linewidth": 1.6,
    "date.converter": "concise",
}
# From the defaults, whatever style the user has chosen for figures of their own; a context leaves the backend alone.
WHOLE_STYLE: Any = {
    **{name: rcParamsDefault[name] for name in rcParamsDefault if name != "backend"},
    **STYLE,
}

Given = ParamSpec("Given")


class Picture(Figure):
    """A figure that a notebook shows by itself: no state of pyplot's is touched, so it is shown once, wherever it is made."""

    def draw(self, renderer: Any) -> None:
        """Draws in the style it was made in: ticks are made only when they are drawn."""
        with rc_context(WHOLE_STYLE):
            super().draw(renderer)

    def _repr_png_(self) -> bytes:
        """The figure as PNG, by which a notebook asks for it."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


def styled(draw: Callable[Given, Picture]) -> Callable[Given, Picture]:
    """A function that draws, in this style and no other."""

    @wraps(draw)
    def drawn(*args: Given.args, **named: Given.kwargs) -> Picture:
        with rc_context(WHOLE_STYLE):
            return draw(*args, **named)

    return drawn


def picture(title: str, note: str, height: float) -> Picture:
    """An empty picture with a title, and a note of what is to be seen below it."""
    lines = textwrap.wrap(note, LETTERS)
    made = Picture(figsize=(WIDTH, height + 0.15 * len(lines)), dpi=SHARPNESS, layout="constrained")
    made.suptitle(title, x=0.008, ha="left", fontsize=13, fontweight="bold")
    if lines:
        made.supxlabel("\n".join(lines), x=0.008, ha="left", fontsize=8.5, color=SOFT)
    return made


def grid_of(made: Picture, count: int, columns: int) -> Iterator[Any]:
    """Axes for so many panels, row by row; what is left of the last row stays empty."""
    columns = min(columns, max(count, 1))
    rows = -(-count // columns)
    axes = made.subplots(rows, columns, squeeze=False)
    for number, one in enumerate(axes.flat):
        if number < count:
            yield one
        else:
            one.set_axis_off()


def percent(axis: Any, digits: int = 0) -> None:
    """Ticks of a share as percentages."""
    axis.set_major_formatter(PercentFormatter(1.0, decimals=digits))


def bars_only(axes: Any) -> None:
    """Gridlines along the values of horizontal bars or dots only."""
    axes.grid(False, axis="y")
    axes.tick_params(axis="y", length=0)
