"""A chart within a page: inline SVG that says its colours by the page's variables, so that one picture serves light and dark."""

from __future__ import annotations

import io
import re
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from markupsafe import Markup

from solvent.plots.style import BETWEEN, BLUE, GREEN, GREY, GRID, ORANGE, RED, SOFT, TEXT, Picture

VARIABLES = {
    TEXT: "text", SOFT: "soft", GRID: "grid", BLUE: "challenger", ORANGE: "champion", GREY: "baseline", RED: "bad", GREEN: "good",
}  # fmt: skip
# What a page has no need of: it has letters of its own, and HTML knows what an SVG is.
NEEDLESS = re.compile(r"font-family:[^;]*;? ?|(?<=[;:]) |stroke-linejoin: round;? ?")
NAMESPACES = re.compile(r' xmlns(:xlink)?="[^"]*"|\bxlink:(?=href)')
PLACES = frozenset({"d", "x", "y", "width", "height", "transform"})


def inline_svg(chart: Picture) -> Markup:
    """A chart as an element of HTML; the same chart gives the same text."""
    written = io.StringIO()
    nobody = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    chart.savefig(written, format="svg", transparent=True, metadata=nobody)
    drawn = ElementTree.fromstring(NAMESPACES.sub("", written.getvalue()))  # noqa: S314 (matplotlib's own)
    label = {"role": "img", "aria-label": str(chart.get_label())}
    found = Element("svg", {"class": "chart", "viewBox": drawn.attrib["viewBox"], **label})
    found.extend([one for child in drawn for one in compact(child)])
    text = ElementTree.tostring(found, encoding="unicode")
    for colour, variable in VARIABLES.items():
        text = text.replace(colour, f"var(--{variable})")
    return Markup(text)  # noqa: S704 (ElementTree escapes every text in it)


def compact(element: Element) -> list[Element]:
    """An element in few letters, its titles where they are shown; in place of a group that says nothing, what is in it."""
    attributes = {name: short(name, value) for name, value in element.attrib.items() if "rotate(-0" not in value}
    if element.tag == "style" or attributes.get("style") == "fill:none":
        return []
    titles = attributes.pop("id", "").split(BETWEEN)[1:] if element.tag == "g" else []
    made = Element(element.tag, attributes)
    made.text = element.text if element.tag == "text" else None
    made.extend([one for child in element for one in compact(child)])
    targets = [made] if len(titles) == 1 else list(made.iter("use")) if titles else []
    for target, title in zip(targets, titles, strict=True):
        target.insert(0, Element("title"))
        target[0].text = title
    if element.tag == "g" and not attributes and targets != [made]:
        return list(made)
    return [made] if len(made) or element.tag not in ("g", "defs") else []


def short(name: str, value: str) -> str:
    """The value of an attribute: places to a tenth, styles without what the page has."""
    if name == "style":
        # Before 3.10, matplotlib says the font in one.
        return NEEDLESS.sub("", re.sub(r"\bfont: ([\d.]+px)[^;]*", r"font-size: \1", value))
    if name not in PLACES:
        return value
    rounded = re.sub(r"\d+\.\d+", lambda found: f"{float(found[0]):.1f}".removesuffix(".0"), value)
    return re.sub(r"\s*([A-Za-z])\s*", r"\1", rounded) if name == "d" else rounded
