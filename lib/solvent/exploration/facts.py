"""What is known of a row: facts of it and beside it at its prediction time, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import and_
from typing import Any

import pandas as pd
from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, StructField

from solvent.config.base import midnight
from solvent.config.source import ALWAYS_KNOWN, TIMES
from solvent.estimators.spark_ml import predict
from solvent.exploration.row import DAY, ScoredRow, matches
from solvent.jobs.context import Context
from solvent.kinds import KINDS
from solvent.kinds.slices import quoted
from solvent.monitoring.labels import labels_of
from solvent.sources.pins import read_source

LATEST = 3


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


def shown(value: Any) -> str:
    """A value as people read it."""
    return "missing" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def outcome_of(context: Context, row: ScoredRow) -> pd.DataFrame:
    """The score of a row, what follows from it, and its label as the sources have it now: what, value."""
    project = context.project
    kind, measures, label = project.model.kind, project.evaluation, project.prediction.label.name
    (scored,) = predict(row.model, row.features, kind, []).collect()
    since = midnight(row.at.date())
    labels = labels_of(context.warehouse, project, context.pins, since, since + DAY).where(matches(row.key)).collect()
    told = [("score", shown(scored["prediction"]))]
    if KINDS[kind].flipped is not None:
        side = "at or above" if scored["prediction"] >= measures.threshold else "below"
        told.append(("threshold", f"{measures.threshold:g}: the score is {side} it"))
    known = labels[0]["label"] if labels else None
    told.append((f"label: {label}", "not known yet" if known is None else f"{known:g}"))
    return pd.DataFrame(told, columns=["what", "value"])
