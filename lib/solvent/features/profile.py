"""How the values of features are distributed, as counts of cells: those of days, and those of the training rows they drift from.

The cells of a feature are fixed once for each model: for numbers, ten bins with about as many training rows in each; for categories, the
most frequent values, and one cell for all others. Missing values are a cell of their own. Counts of parts add up to those of the
whole, so a day that is scored in several batches is no special case, and nothing that grows with the data is ever collected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from solvent.features.group import Feature
from solvent.kinds.slices import MISSING
from solvent.session import kept
from solvent.tables import Ledger, Warehouse

BINS = 10
MOST_CATEGORIES = 100
# Ranks are off by at most one in so many of the rows.
ACCURACY = 1000
OTHER = "(other)"


@dataclass(frozen=True)
class Reference:
    """The cells of a feature, and how many training rows are in each.

    Attributes:
        feature: Its name.
        edges: Of a number: the lowest values of its bins but for the first.
        categories: Of a category: the values that have a cell.
        counts: Cell -> training rows.
    """

    feature: str
    edges: tuple[float, ...]
    categories: tuple[str, ...]
    counts: Mapping[str, int]

    @property
    def cells(self) -> list[str]:
        """All cells there can be."""
        named = (
            [str(number) for number in range(len(self.edges) + 1)] if not self.categories else [*self.categories, OTHER]
        )
        return [*named, MISSING]


@dataclass(frozen=True)
class ReferenceRow:
    """The cells of a feature as the training rows of a model have them."""

    model_digest: str
    reference: Reference


@dataclass(frozen=True)
class ProfileRow:
    """How many rows of a day that a model scored in a batch are in a cell of a feature."""

    model_digest: str
    batch: str
    window: date
    feature: str
    cell: str
    n: int


REFERENCES, PROFILES = Ledger("profile_references", ReferenceRow), Ledger("feature_profiles", ProfileRow)


def reference_of(
    warehouse: Warehouse, model_digest: str, trained_on: Callable[[], DataFrame], features: Sequence[Feature]
) -> dict[str, Reference]:
    """The cells of features as the training rows of a model have them; made once, and read from then on.

    Args:
        warehouse: The project's tables.
        model_digest: The model.
        trained_on: Gives the features of its training rows, and prediction_time TIMESTAMP.
        features: What to describe.
    """
    found = stored_references(warehouse, model_digest)
    if not found:
        with kept(trained_on()) as rows:
            drawn = drawn_cells(rows, features)
            totals = cell_counts(rows, drawn, features).groupBy("feature", "cell").agg(F.sum("n").alias("n"))
            counts = totals.collect()
        described = [
            replace(one, counts={row["cell"]: row["n"] for row in counts if row["feature"] == name})
            for name, one in drawn.items()
        ]
        REFERENCES.append(warehouse, [ReferenceRow(model_digest, one) for one in described], model_digest)
        # Read back, so that of two runs at once both go on with what the first has written.
        found = stored_references(warehouse, model_digest)
    return {feature.name: found[feature.name] for feature in features}


def stored_references(warehouse: Warehouse, model_digest: str) -> dict[str, Reference]:
    """The references of a model; none if there are none yet."""
    rows = REFERENCES.rows(warehouse, model_digest=model_digest)
    return {row.reference.feature: row.reference for row in rows}


def drawn_cells(rows: DataFrame, features: Sequence[Feature]) -> dict[str, Reference]:
    """Cells without counts."""
    numbers = [feature for feature in features if feature.type != "string"]
    texts = [feature for feature in features if feature.type == "string"]
    drawn = {}
    if numbers:
        shares = [number / BINS for number in range(1, BINS)]
        row = rows.agg(
            *(F.percentile_approx(value_of(one), shares, ACCURACY).alias(one.name) for one in numbers)
        ).collect()[0]
        drawn = {one.name: Reference(one.name, tuple(sorted(set(row[one.name] or []))), (), {}) for one in numbers}
    if texts:
        frequent = most_frequent(rows, texts)
        drawn |= {one.name: Reference(one.name, (), tuple(frequent[one.name]), {}) for one in texts}
    return drawn


def most_frequent(rows: DataFrame, features: Sequence[Feature]) -> dict[str, list[str]]:
    """The values of categories with the most rows, in alphabetical order."""
    values = by_feature("value", {one.name: value_of(one) for one in features})
    counts = rows.select(values).where("value IS NOT NULL").groupBy("feature", "value").count()
    rank = F.row_number().over(Window.partitionBy("feature").orderBy(F.desc("count"), "value"))
    kept = counts.withColumn("_rank", rank).where(F.col("_rank") <= MOST_CATEGORIES)
    found = kept.groupBy("feature").agg(F.sort_array(F.collect_list("value")).alias("values")).collect()
    return {row["feature"]: row["values"] for row in found}


def cell_counts(rows: DataFrame, references: Mapping[str, Reference], features: Sequence[Feature]) -> DataFrame:
    """How many rows of each day are in each cell, in one pass.

    Args:
        rows: The features, and prediction_time TIMESTAMP.
        references: Feature -> its cells.
        features: What to count.

    Returns:
        window DATE (the UTC date of prediction_time), feature STRING, cell STRING, n BIGINT; no row for an empty cell.
    """
    cells = by_feature("cell", {one.name: cell_of(one, references[one.name]) for one in features})
    each = rows.select(F.to_date("prediction_time").alias("window"), cells)
    return each.groupBy("window", "feature", "cell").agg(F.count(F.lit(1)).alias("n"))


def by_feature(what: str, values: Mapping[str, Expression]) -> Expression:
    """One row for each feature: feature STRING, and its value under the name of `what`."""
    return F.inline(
        F.array(*(F.struct(F.lit(name).alias("feature"), value.alias(what)) for name, value in values.items()))
    )


def cell_of(feature: Feature, reference: Reference) -> Expression:
    """The cell that a row's value is in."""
    value = value_of(feature)
    cell = F.when(value.isNull(), F.lit(MISSING))
    if feature.type == "string":
        return cell.when(value.isin(*reference.categories), value).otherwise(F.lit(OTHER))
    for number, edge in enumerate(reference.edges):
        cell = cell.when(value < F.lit(edge), F.lit(str(number)))
    return cell.otherwise(F.lit(str(len(reference.edges))))


def value_of(feature: Feature) -> Expression:
    """A feature's value as its cells take it: a string, or a number that is never NaN."""
    value = F.col(f"`{feature.name}`")
    return value if feature.type == "string" else F.nanvl(value.cast("double"), F.lit(None))


def append_profile(warehouse: Warehouse, model_digest: str, batch: str, counts: DataFrame) -> None:
    """Appends the counts of the rows that a model scored in a batch, once."""
    rows = counts.withColumns({"model_digest": F.lit(model_digest), "batch": F.lit(batch)})
    PROFILES.append_frame(warehouse, rows.coalesce(1), batch)


def profile_of(
    warehouse: Warehouse, model_digest: str, since: date, until: date, window: str = "day"
) -> dict[tuple[date, str], dict[str, int]]:
    """The counts of the cells of every window ("day" or "week") of the days in [since, until) and feature, over all batches of a model."""
    if not warehouse.exists(PROFILES.table):
        return {}
    within = (F.col("window") >= F.lit(since)) & (F.col("window") < F.lit(until))
    rows = PROFILES.frame(warehouse).where((F.col("model_digest") == model_digest) & within)
    return by_window(rows, window)


def by_window(counts: DataFrame, window: str) -> dict[tuple[date, str], dict[str, int]]:
    """The counts of cells, collected, by window and feature."""
    within = F.to_date(F.date_trunc(window, "window")).alias("window")
    found: dict[tuple[date, str], dict[str, int]] = {}
    for row in counts.groupBy(within, "feature", "cell").agg(F.sum("n").alias("n")).collect():
        found.setdefault((row["window"], row["feature"]), {})[row["cell"]] = row["n"]
    return found
