"""Whether the rows scored have the features that their sources give now."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from pyspark.sql import functions as F

from solvent.config.project import Project
from solvent.features import FeatureGroup
from solvent.features.columns import feature_types
from solvent.features.table import predicted_within
from solvent.scoring.batches import ScoreBatch
from solvent.scoring.rows import rows_read_once
from solvent.session import kept
from solvent.tables.digest import row_hash
from solvent.tables.warehouse import Warehouse


@dataclass(frozen=True)
class Skew:
    """A row whose features, built again from the sources as they were, are not those it was scored with."""

    batch: str
    key: tuple[object, ...]
    found: bool


def skew_of(
    warehouse: Warehouse, project: Project, groups: Sequence[FeatureGroup], batch: ScoreBatch, most: int = 100
) -> tuple[int, list[Skew]]:
    """Builds the features of a batch again from its pins, and compares them row by row with those used.

    Returns:
        How many rows differ, and at most so many of them; found is False for a row that is not built any more.
    """
    key = list(project.predicted.key)
    within = predicted_within(batch.since, batch.until)
    used = warehouse.read(batch.table).where(within & (F.col("batch") == batch.batch))
    with ExitStack() as stack:
        built = rows_read_once(warehouse, project, groups, batch.pins, batch.since, batch.until)
        rows = stack.enter_context(built)
        again = rows.select(*key, row_hash(rows, [*feature_types(groups)]).alias("_again"))
        differs = ~F.col("features_hash").eqNullSafe(F.col("_again"))
        differing = stack.enter_context(kept(used.join(again, key, "left").where(differs)))
        examples = differing.orderBy(*key).limit(most).select(*key, F.col("_again").isNotNull().alias("_found"))
        skewed = [Skew(batch.batch, tuple(row[:-1]), row[-1]) for row in examples.collect()]
        return (differing.count() if len(skewed) == most else len(skewed)), skewed
