"""Labels as they mature: each prediction with its label, once that could be known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

MATURED, NEVER, PENDING = "matured", "never", "pending"


def with_labels(predictions: DataFrame, labels: DataFrame, key: Sequence[str], seen_from: datetime) -> DataFrame:
    """Joins predictions to what is known of their labels at a moment.

    Args:
        predictions: The key, and any other columns.
        labels: The key; label DOUBLE, null where there will never be one (a cancelled flight has no delay); label_available_time
            TIMESTAMP.
        key: The natural key, unique on both sides.
        seen_from: Labels count whose available time is before it.

    Returns:
        predictions with label DOUBLE (null unless matured) and label_state STRING: "matured"; "never", if it is known that there is no
        label; or "pending".
    """
    known = labels.select(*key, F.col("label").alias("_label"), F.col("label_available_time").alias("_known_from"))
    due = F.coalesce(F.col("_known_from") < F.lit(seen_from), F.lit(False))
    state = F.when(due & F.col("_label").isNotNull(), F.lit(MATURED)).when(due, F.lit(NEVER)).otherwise(F.lit(PENDING))
    joined = predictions.join(known, list(key), "left").withColumn("label_state", state)
    label = F.when(F.col("label_state") == MATURED, F.col("_label"))
    return joined.withColumn("label", label).drop("_label", "_known_from")
