"""Features that tell the label all by themselves, as one does that was made from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.estimators.spark_ml import Inputs
from solvent.kinds.kind import Kind

# An AUC, or an absolute rank correlation with a numeric label; features that were honestly known before hardly ever have it.
SUSPICIOUS = 0.99
# Of each class between ROWS and twice as many are drawn. With 20 rows of each, a feature that says nothing has an AUC above 0.99 by
# chance in fewer than one of 10^9 cases.
ROWS, LEAST_ROWS = 5000, 20


def leaks(
    rows: DataFrame,
    counts: Mapping[float | None, int],
    inputs: Inputs,
    key: Sequence[str],
    kind: Kind,
) -> Iterator[str]:
    """A line for each feature that tells the label nearly perfectly, by a sample of rows of bounded size.

    Args:
        rows: The training rows: key, inputs, label DOUBLE.
        counts: Rows by label, 0.0 and 1.0, of which about as many are drawn of each; all of them under None where labels are no classes.
        inputs: The feature columns.
        key: The natural key of the rows, by whose hash they are drawn.
        kind: Of the labels.
    """
    drawn = F.pmod(F.xxhash64(*key), F.lit(max(1, max(counts.values()) // ROWS)))
    if kind.classes:
        every = {label: max(1, number // ROWS) for label, number in counts.items()}
        drawn = F.pmod(F.xxhash64(*key), F.when(F.col("label") == 1, every[1.0]).otherwise(every[0.0]))
    values = [F.col(f"`{name}`").cast("double").alias(name) for name in inputs.numbers]
    values += [F.col(f"`{name}`") for name in inputs.categories]
    sample: Any = rows.where(drawn == 0).select("label", *values).toPandas()
    for name in inputs.names:
        strength = strength_of(sample[name], sample["label"], kind)
        if strength > SUSPICIOUS:
            yield f"feature {name} alone has {kind.association_text} of {strength:.3f}: look whether it knows what is to be predicted"


def strength_of(values: pd.Series, label: pd.Series, kind: Kind) -> float:
    """How well a feature alone tells the label, by the kind's own measure; 0 of too few rows."""
    if values.dtype == object or pd.api.types.is_string_dtype(values):
        values, label = rates(values, label)
    if min([int((label == one).sum()) for one in kind.classes] or [len(label)]) < LEAST_ROWS:
        return 0.0
    # What is missing comes first or last, as a tree can put it.
    return max(kind.association(values.rank(na_option=end), label) for end in ("top", "bottom"))


def rates(values: pd.Series, label: pd.Series) -> tuple[pd.Series, pd.Series]:
    """The mean label of each row's category, by the other half of the rows, so that a category of one row does not tell its own."""
    texts, odd = values.fillna(""), pd.Series(range(len(values)), index=values.index) % 2 == 1
    means = label[odd].groupby(texts[odd]).mean()
    return texts[~odd].map(means).fillna(label[odd].mean()), label[~odd]
