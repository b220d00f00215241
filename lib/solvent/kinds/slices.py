"""Which slice values a row belongs to: every row is in "all" and in one value of each slice column."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

ALL = "all"
MISSING = "(missing)"


def quoted(column: str) -> Column:
    """A top-level column by its exact name, dots and backticks included."""
    return F.col("`" + column.replace("`", "``") + "`")


def slice_column(position: int) -> str:
    """The internal name of the value of a slice, which no user's column can meet."""
    return f"slice_{position}"


def slice_value(name: str) -> Column:
    """The value of a slice column as a string that is never null."""
    return F.coalesce(quoted(name).cast("string"), F.lit(MISSING))


def slice_values(slices: Sequence[str]) -> list[Column]:
    """Every slice column as a string that is never null."""
    return [slice_value(name).alias(slice_column(position)) for position, name in enumerate(slices)]


def by_membership(rows: DataFrame, slices: Sequence[str]) -> DataFrame:
    """Each row once per slice value it belongs to.

    Args:
        rows: Has the columns of `slice_values(slices)`.
        slices: Names of the slice columns.

    Returns:
        rows without those columns, and with slice STRING, slice_value STRING; 1 + len(slices) rows for each.
    """
    memberships = F.array(
        member(F.lit(ALL), F.lit(ALL)),
        *(member(F.lit(name), F.col(slice_column(position))) for position, name in enumerate(slices)),
    )
    kept = [column for column in rows.columns if column not in {slice_column(i) for i in range(len(slices))}]
    return rows.select(*kept, F.explode(memberships).alias("member")).select(
        *kept, F.col("member.slice"), F.col("member.slice_value")
    )


def member(name: Column, value: Column) -> Column:
    """One membership."""
    return F.struct(name.alias("slice"), value.alias("slice_value"))
