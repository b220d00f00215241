"""How the values of features are distributed over rows, and how labels go with them, one feature at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.features.group import Feature
from solvent.features.profile import Reference, by_feature, cell_of, drawn_cells
from solvent.kinds.slices import MISSING
from solvent.session import kept


@dataclass(frozen=True)
class Profile:
    """How the values of features are distributed over training rows, and how labels go with them.

    Attributes:
        features: In the order declared.
        cells: Feature -> its cells: for numbers ten bins of about as many rows each, for categories their values.
        counts: day, feature, cell, rows, labels (their sum); no row for an empty cell.
        label: What is predicted, for axes.
    """

    features: Sequence[Feature]
    cells: Mapping[str, Reference]
    counts: pd.DataFrame
    label: str

    @property
    def rate(self) -> float:
        """The mean label of all rows."""
        first = self.counts[self.counts["feature"] == self.features[0].name]
        return float(first["labels"].sum() / first["rows"].sum())


def label_profile(rows: DataFrame, features: Sequence[Feature], label: str) -> Profile:
    """Counts the cells of features, and labels in them, by day.

    Args:
        rows: The features; prediction_time TIMESTAMP; label DOUBLE, never null.
        features: What to describe.
        label: Its name.
    """
    with kept(rows) as rows:
        cells = drawn_cells(rows, features)
        each = rows.select(
            F.to_date("prediction_time").alias("day"),
            "label",
            by_feature("cell", {one.name: cell_of(one, cells[one.name]) for one in features}),
        )
        sums = each.groupBy("day", "feature", "cell").agg(
            F.count(F.lit(1)).alias("rows"), F.sum("label").alias("labels")
        )
        counts: pd.DataFrame = sums.toPandas()
    return Profile(features, cells, counts.astype({"day": "datetime64[ns]"}), label)


def strength(profile: Profile) -> pd.DataFrame:
    """How far the mean labels of a feature's cells are apart: feature, strength (their standard deviation over rows), missing (a share).

    Of one feature at a time, so that what works only together with others is not seen; and a feature with many cells looks a little
    stronger than it is.
    """
    totals = profile.counts.groupby(["feature", "cell"], as_index=False)[["rows", "labels"]].sum()
    totals["spread"] = totals["rows"] * (totals["labels"] / totals["rows"] - profile.rate) ** 2
    totals["lacking"] = totals["rows"].where(totals["cell"] == MISSING, 0)
    sums: Any = totals.groupby("feature")[["rows", "spread", "lacking"]].sum()
    found = pd.DataFrame(
        {"strength": (sums["spread"] / sums["rows"]) ** 0.5, "missing": sums["lacking"] / sums["rows"]}
    )
    return found.sort_values("strength", ascending=False).reset_index()
