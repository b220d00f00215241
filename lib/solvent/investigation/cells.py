"""What an investigation looks at: rows, loss, label and prediction, summed by day over the cells of features and the values of slices.

One pass over the rows gives all of it, and nothing that grows with the data is collected. Every row is in exactly one cell of each split,
so the days of any stretch can be added up afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.features import Feature
from solvent.features.profile import Reference, cell_of
from solvent.kinds.slices import slice_value

Floats = NDArray[np.float64]

FEATURE, SLICE = "feature", "slice"
PREDICTION = "prediction"
# The last dimension of a split's sums.
ROWS, LOSS, LABEL, PREDICTED = range(4)


@dataclass(frozen=True)
class Split:
    """The rows of each day parted by one feature or slice.

    Attributes:
        kind: FEATURE or SLICE.
        name: Of the feature or slice; PREDICTION parts them by what was predicted.
        cells: Its cells or values.
        sums: Days by cells by (rows, loss, label, prediction).
    """

    kind: str
    name: str
    cells: tuple[str, ...]
    sums: Floats


def cell_sums(
    rows: DataFrame, references: Mapping[str, Reference], features: Sequence[Feature], slices: Sequence[str]
) -> DataFrame:
    """Sums by day and cell, in one pass.

    Args:
        rows: Features and slices; prediction_time TIMESTAMP; prediction, label, loss DOUBLE, never null.
        references: Feature -> its cells.
        features: Those to part the rows by.
        slices: Likewise.

    Returns:
        window DATE, kind STRING, name STRING, cell STRING, n BIGINT, loss DOUBLE, label DOUBLE, prediction DOUBLE.
    """
    places = [(FEATURE, one.name, cell_of(one, references[one.name])) for one in features]
    places += [(SLICE, name, slice_value(name)) for name in slices]
    structs = [
        F.struct(F.lit(kind).alias("kind"), F.lit(name).alias("name"), cell.alias("cell"))
        for kind, name, cell in places
    ]
    window = F.to_date("prediction_time").alias("window")
    each = rows.select(window, "loss", "label", "prediction", F.inline(F.array(*structs)))
    sums = (F.sum(name).alias(name) for name in ("loss", "label", "prediction"))
    return each.groupBy("window", "kind", "name", "cell").agg(F.count(F.lit(1)).alias("n"), *sums)


def splits_of(collected: Iterable[Any]) -> tuple[list[date], list[Split]]:
    """The days, in order, and the splits that rows of `cell_sums` make."""
    by_split: dict[tuple[str, str], list[Any]] = {}
    for row in collected:
        by_split.setdefault((row["kind"], row["name"]), []).append(row)
    days = sorted({row["window"] for some in by_split.values() for row in some})
    at = {day: place for place, day in enumerate(days)}
    splits = []
    for (kind, name), some in sorted(by_split.items()):
        cells = sorted({row["cell"] for row in some})
        sums = np.zeros((len(days), len(cells), 4))
        for row in some:
            figures = (row["n"], row["loss"], row["label"], row["prediction"])
            sums[at[row["window"]], cells.index(row["cell"])] = figures
        splits.append(Split(kind, name, tuple(cells), sums))
    return days, splits


def cell_in_words(reference: Reference | None, cell: str) -> str:
    """A cell as people read it: the bounds of a number's bin, else its name."""
    if reference is None or reference.categories or not cell.isdecimal():
        return cell
    edges, number = reference.edges, int(cell)
    if not edges:
        return "any value"
    if number == 0:
        return f"below {edges[0]:g}"
    return f"{edges[-1]:g} or more" if number == len(edges) else f"{edges[number - 1]:g} to {edges[number]:g}"
