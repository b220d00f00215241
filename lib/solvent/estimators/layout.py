"""The canonical layout of training rows: the same rows in the same partitions in the same order, wherever and however often they are read.

Spark merges partial sums of doubles in the order in which tasks finish. Two partial sums give the same total in either order, more do
not; so training rows are in two partitions unless the configuration says one.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F


def canonical_layout(rows: DataFrame, key: Sequence[str], partitions: int) -> DataFrame:
    """Rows hash-partitioned by key and sorted by it within each partition.

    A number of partitions that is asked for by name is left as it is by adaptive execution.

    Args:
        rows: Has the key, which names a row: rows with equal keys would have no order.
        key: The natural key.
        partitions: How many.
    """
    columns = [F.col(f"`{name}`") for name in key]
    return rows.repartition(partitions, *columns).sortWithinPartitions(*columns)
