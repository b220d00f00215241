"""The rows with the largest loss where a change is strongest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import midnight
from solvent.features import Feature
from solvent.features.profile import Reference, cell_of
from solvent.investigation.causes import Analysis
from solvent.investigation.cells import FEATURE
from solvent.investigation.periods import Part
from solvent.investigation.span import Span
from solvent.investigation.wording import place
from solvent.kinds.slices import quoted, slice_value

MOST_EXAMPLES, MOST_SHOWN = 10, 6


@dataclass(frozen=True)
class Examples:
    """The rows with the largest loss where the change is strongest: names of columns, and values as text."""

    where: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def examples_of(
    rows: DataFrame,
    key: Sequence[str],
    features: Sequence[Feature],
    references: Mapping[str, Reference],
    analysis: Analysis,
    span: Span,
) -> Examples:
    """The rows since the change with the largest loss in the part that carries most, with the features that moved."""
    first = analysis.causes[0]
    part = first.parts[0] if first.parts else None
    shown = list(first.features or dict.fromkeys(one.name for one in analysis.regions if one.kind == FEATURE))
    shown = (shown or [one.name for one in features])[:MOST_SHOWN]
    of_row = {"prediction_time": F.date_format("prediction_time", "yyyy-MM-dd HH:mm")}
    of_row |= {name: F.format_string("%.4f", F.col(name)) for name in ("prediction", "label", "loss")}
    names = list(dict.fromkeys([*key, *of_row, *shown]))
    values = [F.coalesce(of_row.get(name, quoted(name).cast("string")), F.lit("missing")).alias(name) for name in names]
    since = rows.where((F.col("prediction_time") >= F.lit(midnight(span.change))) & within(part, features, references))
    found = since.orderBy(F.desc("loss"), *(quoted(name) for name in key)).limit(MOST_EXAMPLES)
    where = "" if part is None else place(part, references)
    return Examples(where, tuple(names), tuple(tuple(row) for row in found.select(*values).collect()))


def within(part: Part | None, features: Sequence[Feature], references: Mapping[str, Reference]) -> Expression:
    """Whether a row is in a part."""
    if part is None:
        return F.lit(True)
    if part.kind != FEATURE:
        return slice_value(part.name) == part.cell
    feature = next(one for one in features if one.name == part.name)
    return cell_of(feature, references[part.name]) == part.cell
