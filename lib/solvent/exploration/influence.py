"""What the features of a row add to its score, beside those of other rows."""

from __future__ import annotations

from typing import Any

import pandas as pd
from pyspark.sql import DataFrame

from solvent.explanation import BACKGROUND, Explanation, explain, sampled, seed_of
from solvent.exploration.data import short
from solvent.exploration.facts import shown
from solvent.exploration.row import ScoredRow
from solvent.features.columns import declared
from solvent.jobs.context import Context
from solvent.jobs.trainings import trained_before
from solvent.kinds.slices import quoted
from solvent.registry import ModelVersion


def inputs_of(context: Context, version: ModelVersion) -> list[str]:
    """The features of a model, in their order."""
    return list(context.registry.manifest(version)["estimator"]["inputs"])


def background_of(context: Context, version: ModelVersion, size: int = BACKGROUND) -> DataFrame:
    """Rows to compare with: a sample of the model's holdout, which it did not learn from, read once; features only."""
    inputs, rows = inputs_of(context, version), trained_before(context, version).in_holdout
    chosen = sampled(rows, context.project.predicted.key, size).select(*map(quoted, inputs))
    return rows.sparkSession.createDataFrame(chosen.collect(), chosen.schema)


def explain_row(context: Context, row: ScoredRow, background: DataFrame, together: bool = False) -> Explanation:
    """What features, or with `together` the features of each group as one, add to the mean score of the background."""
    inputs = inputs_of(context, row.version)
    players: dict[str, list[str]] = {name: [name] for name in inputs}
    if together:
        groups = {short(one.name): [feature.name for feature in one.features] for one in context.settings.groups}
        players = {name: used for name, of in groups.items() if (used := [one for one in of if one in inputs])}
    features = row.features.select(*map(quoted, inputs))
    seed = seed_of(row.features, context.project.predicted.key)
    return explain(row.model, context.project.model.kind, features, background, players, seed)


def features_beside(context: Context, row: ScoredRow, background: DataFrame) -> pd.DataFrame:
    """The row's features beside those of the background: feature, value, typical (median, or most frequent), below (share), meaning."""
    ours = row.features.collect()[0].asDict()
    others: pd.DataFrame = background.toPandas()
    meaning = {one.name: one.description for one in declared(context.settings.groups)}
    return pd.DataFrame(
        {
            "feature": name,
            "value": shown(ours[name]),
            **place_among(ours[name], others[name].dropna()),
            "meaning": meaning.get(name, ""),
        }
        for name in background.columns
    )


def place_among(value: Any, others: Any) -> dict[str, str]:
    """The typical value of others, and how many of them are below a value, or the same as a category."""
    if others.empty:
        return {"typical": "missing", "below": ""}
    if isinstance(others.iloc[0], str):
        return {"typical": str(others.mode().iloc[0]), "below": f"{(others == value).mean():.0%} alike"}
    numbers = others.astype(float)
    below = "" if value is None else f"{(numbers < float(value)).mean():.0%}"
    return {"typical": shown(float(numbers.median())), "below": below}
