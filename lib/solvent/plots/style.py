"""How charts look: the colours of pages, a few sizes, titles that say what is seen, and no lines that say nothing."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Any, ParamSpec

from matplotlib import rc_context, rcParamsDefault
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

# As in report/templates/pages.css, for light pages; a page says them by its variables.
TEXT, SOFT, GRID = "#1f2328", "#5c636b", "#eceae6"
BLUE, ORANGE, GREY, RED, GREEN = "#1d5fd0", "#b3560b", "#76808b", "#b3261e", "#18733b"
PALE_BLUE, PALE_GREY, PALE_ORANGE = (BLUE, 0.35), (GREY, 0.25), (ORANGE, 0.2)
COLOUR_OF = {"challenger": BLUE, "champion": ORANGE, "baseline": GREY}
DASHED = (0, (4, 3))
# In inches.
WIDTH, SMALL, WIDE = 10.0, (3.75, 3.3), (8.2, 3.0)
SHARPNESS, LETTERS = 144, 145
# Between the titles of an artist in its name, which XML leaves as it is.
BETWEEN = "\N{LINE SEPARATOR}"
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
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.major.pad": 5,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "figure.facecolor": "white",
    "lines.linewidth": 1.6,
    "date.converter": "concise",
    # A name may have a dollar in it.
    "text.parse_math": False,
    # The same chart is the same SVG, in the letters of the page that it is on.
    "svg.fonttype": "none",
    "svg.hashsalt": "solvent",
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
    """An empty picture for a notebook, with a title, and a note of what is to be seen below it."""
    lines = textwrap.wrap(note, LETTERS)
    made = Picture(figsize=(WIDTH, height + 0.15 * len(lines)), dpi=SHARPNESS, layout="constrained")
    made.suptitle(title, x=0.008, ha="left", fontsize=13, fontweight="bold")
    if lines:
        made.supxlabel("\n".join(lines), x=0.008, ha="left", fontsize=8.5, color=SOFT)
    return made


def chart(text: str, size: tuple[float, float] = SMALL) -> tuple[Picture, Any]:
    """An empty chart for a page, which has title and note beside it, and its axes.

    Args:
        text: What is told of it to whoever cannot see it.
        size: Width and height in inches.
    """
    made = Picture(figsize=size, dpi=SHARPNESS, layout="constrained", label=text)
    axes = made.subplots()
    axes.grid(False, axis="x")
    axes.spines.left.set_visible(False)
    return made, axes


def titled(artist: Any, titles: Sequence[str]) -> None:
    """Gives an artist a title that a page shows where it is pointed at: one, or as many as the artist has dots."""
    if titles:
        artist.set_gid(BETWEEN.join(["", *titles]))


def line(axes: Any, x: Sequence[Any], y: Sequence[Any], colour: str, titles: Sequence[str], name: str = "") -> None:
    """A line through points, with a dot on each that has its title."""
    (drawn,) = axes.plot(x, y, "o-", color=colour, markersize=4.4, markeredgewidth=0, linewidth=1.4, label=name)
    titled(drawn, titles)


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


def dates(axis: Any) -> None:
    """Ticks of days as tables say them."""
    axis.set_major_locator(AutoDateLocator(maxticks=8))  # type: ignore[no-untyped-call]
    axis.set_major_formatter(DateFormatter("%Y-%m-%d"))  # type: ignore[no-untyped-call]


def percent(axis: Any) -> None:
    """Ticks of a share as percentages, with as many digits as tell each from the next."""
    axis.set_major_formatter(PercentFormatter(1.0))


def bars_only(axes: Any) -> None:
    """Gridlines along the values of horizontal bars or dots only."""
    axes.grid(False, axis="y")
