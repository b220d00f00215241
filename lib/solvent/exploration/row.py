"""One row step by step: what was known, what features were made of it, what the model scored, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import reduce
from operator import and_
from typing import Any

import pandas as pd
from pyspark.ml import PipelineModel
from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StructField

from solvent.config.base import midnight
from solvent.config.source import ALWAYS_KNOWN, TIMES
from solvent.errors import ConfigurationError, RefusedError
from solvent.estimators.spark_ml import predict
from solvent.explanation import BACKGROUND, Explanation, explain, sampled, seed_of
from solvent.exploration.data import short
from solvent.features.table import declared
from solvent.investigation.examples import served
from solvent.jobs.context import Context
from solvent.jobs.trainings import trained_before
from solvent.kinds import KINDS
from solvent.kinds.slices import quoted
from solvent.monitoring.monitor import labels_of
from solvent.registry import ModelVersion
from solvent.scoring import batches, predictions_table
from solvent.sources.pins import Pin, read_source

LATEST = 3
DAY = timedelta(days=1)


@dataclass(frozen=True)
class ScoredRow:
    """A row as a model was given it.

    Attributes:
        version: The model.
        model: Its pipeline, loaded once.
        key: Column -> value.
        at: Its prediction time.
        features: One row: key, slices, features.
        pins: The versions of the sources that its features were built from.
    """

    version: ModelVersion
    model: PipelineModel
    key: Mapping[str, Any]
    at: datetime
    features: DataFrame
    pins: tuple[Pin, ...]


def find_row(context: Context, version: ModelVersion, key: Mapping[str, Any] | None = None) -> ScoredRow:
    """A row of a model's holdout, or one that it scored since.

    Args:
        context: The project.
        version: The model.
        key: Column -> value; the row of the holdout with the highest score if None.

    Raises:
        ConfigurationError: If the key is not that of the predicted source.
        RefusedError: If the model has not seen such a row.
    """
    training = trained_before(context, version)
    names, model = context.project.predicted.key, context.models.load(version)
    if key is None:
        scored = predict(model, training.in_holdout, context.project.model.kind, names)
        best = scored.orderBy(F.desc("prediction"), *map(quoted, names)).select(*map(quoted, names)).limit(1).collect()
        key = best[0].asDict()
    require_key(key, names)
    found = local(training.in_holdout.where(matches(key)).drop("label", "label_available_time"))
    if found is not None:
        return ScoredRow(version, model, key, found[1], found[0], tuple(training.pins))
    return served_row(context, version, model, key)


def require_key(key: Mapping[str, Any], names: Sequence[str]) -> None:
    """Refuses a key with other columns than that of the predicted source."""
    if set(key) != set(names):
        raise ConfigurationError(f"key: has {', '.join(sorted(key)) or 'no column'}; give {', '.join(names)}")


def matches(key: Mapping[str, Any]) -> Expression:
    """Whether a row has the values of a key."""
    return reduce(and_, (quoted(name).eqNullSafe(F.lit(value)) for name, value in key.items()))


def local(rows: DataFrame) -> tuple[DataFrame, datetime] | None:
    """The one row, read once, and its prediction time; None if there is none."""
    # Spark gives a time as the driver's local clock reads, so it is read as text.
    at = F.date_format("prediction_time", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS").alias("_at")
    features = rows.drop("prediction_time")
    found = rows.select(*map(quoted, features.columns), at).limit(1).collect()
    if not found:
        return None
    *values, moment = found[0]
    return rows.sparkSession.createDataFrame([tuple(values)], features.schema), datetime.fromisoformat(
        f"{moment}+00:00"
    )


def served_row(context: Context, version: ModelVersion, model: PipelineModel, key: Mapping[str, Any]) -> ScoredRow:
    """A row that a model scored, with the features built from the sources of its batch, as they were."""
    table = predictions_table(context.project, context.settings.groups)
    scored = batches(context.warehouse, version.digest)
    mine = (
        context.warehouse.read(table).where(matches(key) & (F.col("model_digest") == version.digest))
        if scored
        else None
    )
    day = F.date_format("prediction_time", "yyyy-MM-dd").alias("day")
    rows = mine.select("batch", day).limit(1).collect() if mine is not None else []
    if not rows:
        named = ", ".join(f"{name}={value}" for name, value in key.items())
        raise RefusedError(
            f"row {named}: neither in the holdout of {version} nor scored by it; run `solvent score`, or take another"
        )
    since = midnight(date.fromisoformat(rows[0]["day"]))
    features = served(context.warehouse, context.project, context.settings.groups, version, since, since + DAY)
    found = local(features.where(matches(key)).drop("prediction"))
    if found is None:
        raise RefusedError(
            f"{version}: the sources of batch {rows[0]['batch'][:12]} give no features for the row any more"
        )
    pins = next(one.pins for one in scored if one.batch == rows[0]["batch"])
    return ScoredRow(version, model, key, found[1], found[0], pins)


def known_facts(context: Context, row: ScoredRow) -> pd.DataFrame:
    """What was known of the row itself at its prediction time: fact, value."""
    name = context.project.prediction.source
    pin = next(one for one in row.pins if one.source == name)
    facts = read_source(context.warehouse, context.project.sources[name], pin).where(matches(row.key))
    found = facts.select(
        *(quoted(one).cast("string").alias(one) for one in context.project.prediction.known)
    ).collect()[0]
    return pd.DataFrame(found.asDict().items(), columns=["fact", "value"])


def facts_beside(context: Context, row: ScoredRow) -> dict[str, pd.DataFrame]:
    """The latest facts of other sources that were available before the prediction time and share columns of their key with the row.

    What a feature function read cannot be known from outside; these are facts it could have read. A source without a shared column is
    left out.

    Returns:
        Source -> fact, latest, and so on.
    """
    known = dict(known_facts(context, row).itertuples(index=False, name=None))
    found = {}
    for pin in row.pins:
        source = context.project.sources[pin.source]
        shared = [name for name in source.key if name in known]
        if pin.source == context.project.prediction.source or not shared:
            continue
        same = reduce(and_, (quoted(name).cast("string").eqNullSafe(F.lit(known[name])) for name in shared))
        facts = read_source(context.warehouse, source, pin)
        latest = facts.where(same & (F.col("available_time") < F.lit(row.at)))
        times = [] if source.event_time == ALWAYS_KNOWN else list(TIMES)
        ordered = latest.orderBy(F.desc("available_time"), F.desc("event_time")).limit(LATEST)
        found[pin.source] = side_by_side(ordered.select(*map(readable, ordered.schema)), [*source.names, *times])
    return found


def readable(field: StructField) -> Expression:
    """A column as numbers or as text: Spark gives a time as the driver's local clock reads."""
    value = quoted(field.name)
    return (value if isinstance(field.dataType, DoubleType) else value.cast("string")).alias(field.name)


def side_by_side(facts: DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Facts as columns, the first one first: fact, latest, before, ..., as far as there are facts."""
    columns = dict(zip(("latest", "the one before", "and before"), facts.collect(), strict=False))
    return pd.DataFrame(
        {"fact": names, **{title: [shown(row[name]) for name in names] for title, row in columns.items()}}
    )


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


def shown(value: Any) -> str:
    """A value as people read it."""
    return "missing" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def outcome_of(context: Context, row: ScoredRow) -> pd.DataFrame:
    """The score of a row, what follows from it, and its label as the sources have it now: what, value."""
    kind, measures, label = (
        context.project.model.kind,
        context.project.evaluation,
        context.project.prediction.label.name,
    )
    (scored,) = predict(row.model, row.features, kind, []).collect()
    since = midnight(row.at.date())
    labels = (
        labels_of(context.warehouse, context.project, context.pins, since, since + DAY)
        .where(matches(row.key))
        .collect()
    )
    told = [("score", shown(scored["prediction"]))]
    if KINDS[kind].flipped is not None:
        side = "at or above" if scored["prediction"] >= measures.threshold else "below"
        told.append(("threshold", f"{measures.threshold:g}: the score is {side} it"))
    known = labels[0]["label"] if labels else None
    told.append((f"label: {label}", "not known yet" if known is None else f"{known:g}"))
    return pd.DataFrame(told, columns=["what", "value"])
