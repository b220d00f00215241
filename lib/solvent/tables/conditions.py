"""Which rows of a small table are asked for: column -> a value, a tuple of values, or a Between. By all three, Delta skips files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F


@dataclass(frozen=True)
class Between:
    """Values from the least to the greatest, both included; None where there is no such end."""

    least: Any = None
    greatest: Any = None


def may_hold(condition: Any, low: Any, high: Any) -> bool:
    """Whether a file whose values are between two can have one that is asked for; None where its log entry does not say."""
    if low is None or high is None:
        return True
    if isinstance(condition, Between):
        return (condition.least is None or condition.least <= high) and (
            condition.greatest is None or condition.greatest >= low
        )
    return any(low <= one <= high for one in (condition if isinstance(condition, tuple) else (condition,)))


def among(rows: pa.Table, where: Mapping[str, Any]) -> pa.Table:
    """The rows of a file that are asked for; none of one that was written before a column was added."""
    for name, condition in where.items():
        if name not in rows.column_names:
            return rows.slice(0, 0)
        values = rows[name]
        if isinstance(condition, tuple):
            rows = rows.filter(pc.is_in(values, pa.array(condition, values.type)))
        elif not isinstance(condition, Between):
            rows = rows.filter(pc.equal(values, condition))
        else:
            if condition.least is not None:
                rows = rows.filter(pc.greater_equal(values, condition.least))
            if condition.greatest is not None:
                rows = rows.filter(pc.less_equal(rows[name], condition.greatest))
    return rows


def matching(rows: DataFrame, where: Mapping[str, Any]) -> DataFrame:
    """The same of what Spark reads."""
    for name, condition in where.items():
        if name not in rows.columns:
            return rows.limit(0)
        rows = rows.where(holds(F.col(name), condition))
    return rows


def holds(column: Column, condition: Any) -> Column:
    """Whether a value is one that is asked for."""
    if isinstance(condition, tuple):
        return column.isin(*condition)
    if not isinstance(condition, Between):
        return column == F.lit(condition)
    from_, until = condition.least, condition.greatest
    above = F.lit(True) if from_ is None else column >= F.lit(from_)
    return above if until is None else above & (column <= F.lit(until))
