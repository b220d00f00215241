"""Causes in a sentence, and as the JSON values that are stored and sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from solvent.features.profile import OTHER, Reference
from solvent.investigation.causes import MEAN_LABEL, RELATION, SOURCE, VOLUME, Analysis, Cause
from solvent.investigation.cells import FEATURE, SLICE, cell_in_words
from solvent.investigation.changes import Change
from solvent.investigation.periods import Part
from solvent.kinds.slices import MISSING

MOST_NAMED = 4
# Rows are missing somewhere rather than everywhere, if a part has lost so much more than its share.
UNEVEN = 0.2


def said(analysis: Analysis, references: Mapping[str, Reference], changes: Sequence[Change]) -> list[dict[str, Any]]:
    """The causes as JSON values: kind, name, share, features, parts and text."""
    return [
        {
            "kind": cause.kind,
            "name": cause.name,
            "share": cause.share,
            "features": list(cause.features),
            "parts": [place(part, references) for part in cause.parts],
            "text": in_words(cause, analysis, references, changes),
        }
        for cause in analysis.causes
    ]


def in_words(
    cause: Cause, analysis: Analysis, references: Mapping[str, Reference], changes: Sequence[Change] = ()
) -> str:
    """A cause in one sentence."""
    sentence = {
        SOURCE: of_source,
        SLICE: of_slice,
        MEAN_LABEL: of_mean_label,
        RELATION: of_relation,
        VOLUME: of_volume,
    }[cause.kind]
    return sentence(cause, analysis, references, changes)


def of_source(cause: Cause, _: Analysis, references: Mapping[str, Reference], changes: Sequence[Change]) -> str:
    """Which features moved together, and how the leading one did."""
    named = listed(cause.features)
    leading = cause.parts[0]
    what = {MISSING: "is missing", OTHER: "is a value that training hardly had"}.get(
        leading.cell, f"is {cell_in_words(references.get(leading.name), leading.cell)}"
    )
    together = " moved together" if len(cause.features) > 1 else " moved"
    return (
        f"source {cause.name}: {named}{together}; {leading.name} {what} in {leading.after.share:.1%} of rows, before in "
        f"{leading.before.share:.1%}{beside(cause, changes)}"
    )


def beside(cause: Cause, changes: Sequence[Change]) -> str:
    """What else changed of the sources of a cause."""
    known = [one for one in changes if one.changed and one.source and one.source in cause.name.split(" and ")]
    return "".join(f"; {one.source} {one.what}: {one.before}, then {one.after}" for one in known)


def of_volume(cause: Cause, analysis: Analysis, references: Mapping[str, Reference], changes: Sequence[Change]) -> str:
    """How many rows there are, where most are missing, and what became of the source."""
    before, after = analysis.before.rows / analysis.days_before, analysis.after.rows / analysis.days_after
    where = ""
    if cause.parts and cause.parts[0].carried > cause.parts[0].before.share + UNEVEN:
        where = f"; {cause.parts[0].carried:.0%} of those missing are where {place(cause.parts[0], references)}"
    return f"source {cause.name}: {after:,.0f} labelled rows a day, before {before:,.0f}{where}{beside(cause, changes)}"


def of_slice(cause: Cause, _: Analysis, __: Mapping[str, Reference], ___: Sequence[Change]) -> str:
    """Which values changed, and whether their labels or their predictions did."""
    return f"{cause.name} {listed([part.cell for part in cause.parts])}: {moved(cause.parts[0])}"


def moved(part: Part) -> str:
    """What happened to the rows of a slice value."""
    before, after = part.before, part.after
    if before.label is None or before.prediction is None:
        return f"had no rows before, and now has {after.share:.1%}"
    if after.label is None or after.prediction is None:
        return f"had {before.share:.1%} of rows, and now has none"
    rate = f"its labels went from {before.label:.3f} to {after.label:.3f} in the mean"
    predicted = f"its predictions from {before.prediction:.3f} to {after.prediction:.3f}"
    if part.rate_moved and part.prediction_moved:
        return f"{rate}, {predicted}"
    if part.prediction_moved:
        return f"{predicted}; its labels stayed near {after.label:.3f}"
    if part.rate_moved:
        return f"{rate}; its predictions stayed near {after.prediction:.3f}"
    return f"its loss changed; labels stayed near {after.label:.3f} and predictions near {after.prediction:.3f} in the mean"


def of_mean_label(_: Cause, analysis: Analysis, __: Mapping[str, Reference], ___: Sequence[Change]) -> str:
    """How the mean label moved."""
    before, after = analysis.before, analysis.after
    return (
        f"the mean label went from {before.label:.3f} to {after.label:.3f} everywhere alike, predictions from "
        f"{before.prediction:.3f} to {after.prediction:.3f}"
    )


def of_relation(cause: Cause, _: Analysis, references: Mapping[str, Reference], __: Sequence[Change]) -> str:
    """Where labels are others than before for the same inputs."""
    where = f", most so where {place(cause.parts[0], references)}" if cause.parts else ""
    return f"no input, slice or mean label moved enough: the same inputs have come to mean other labels{where}"


def place(part: Part, references: Mapping[str, Reference]) -> str:
    """A part in a few words."""
    cell = cell_in_words(references.get(part.name), part.cell) if part.kind == FEATURE else part.cell
    return f"{part.name} is {cell}"


def listed(names: Sequence[str]) -> str:
    """A few names, and how many more there are."""
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more
