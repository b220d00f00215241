"""What a project learns from: its sources at their pins, its features as declared, and how labels go with their values.

Labels are looked at in the training window only, as far as they were known when it ended: who sees the holdout before a model is chosen
chooses by it.
"""

from __future__ import annotations

from functools import reduce

import pandas as pd
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.source import ALWAYS_KNOWN
from solvent.features import Feature
from solvent.features.columns import declared
from solvent.features.label_profile import Profile, label_profile
from solvent.jobs.build_features import build_feature_table
from solvent.jobs.context import Context
from solvent.jobs.trainings import training_on
from solvent.sources.pins import read_source


def pinned_sources(context: Context) -> pd.DataFrame:
    """The sources as this run reads them: source, key, version, committed (when), rows, content (digest, its beginning)."""
    return pd.DataFrame(
        {
            "source": pin.source,
            "key": ", ".join(context.project.sources[pin.source].key),
            "version": pin.version,
            "committed": pin.timestamp,
            "rows": pin.rows,
            "content": pin.digest[:12],
        }
        for pin in context.pins
    )


def rows_by_day(context: Context) -> pd.DataFrame:
    """The facts of each source by day of event time (UTC), of those that have one: source, day, rows; in one pass."""
    timed = [pin for pin in context.pins if context.project.sources[pin.source].event_time != ALWAYS_KNOWN]
    days = [
        read_source(context.warehouse, context.project.sources[pin.source], pin).select(
            F.lit(pin.source).alias("source"), F.to_date("event_time").alias("day")
        )
        for pin in timed
    ]
    counts = reduce(DataFrame.unionByName, days).groupBy("source", "day").agg(F.count(F.lit(1)).alias("rows"))
    found: pd.DataFrame = counts.orderBy("source", "day").toPandas()
    return found.astype({"day": "datetime64[ns]"})


def features_declared(context: Context) -> pd.DataFrame:
    """The features and what they mean, as their groups declare them: feature, type, meaning, range, made_from, group."""
    return pd.DataFrame(
        {
            "feature": one.name,
            "type": one.type,
            "meaning": one.description,
            "range": range_of(one),
            "made_from": " and ".join(group.sources) or "the row itself",
            "group": short(group.name),
        }
        for group in context.settings.groups
        for one in group.features
    )


def range_of(feature: Feature) -> str:
    """The values a feature may have; "" if it declares none."""
    if feature.low is None and feature.high is None:
        return ""
    low, high = ("" if one is None else f"{one:g}" for one in (feature.low, feature.high))
    return f"{low} to {high}" if low and high else f"from {low}" if low else f"to {high}"


def short(path: str) -> str:
    """The last word of an import path."""
    return path.rpartition(".")[2]


def training_profile(context: Context) -> Profile:
    """The profile of the rows that a model trained as of this run's date learns from; features are built if they are not there."""
    return label_profile(
        training_on(context, context.project.project, context.project.model, build_feature_table(context)).train_rows,
        declared(context.settings.groups),
        context.project.prediction.label.name,
    )
