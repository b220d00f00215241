"""The rows of a project in an interval of prediction times, with labels and features, from its sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

from pyspark.sql import Column as Condition
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import counted
from solvent.config.expressions import columns_used
from solvent.config.project import Project
from solvent.config.source import ALWAYS_KNOWN, TIMES
from solvent.config.windows import Intervals
from solvent.errors import FeatureError
from solvent.features.build import build
from solvent.features.columns import columns_of
from solvent.features.group import FeatureGroup
from solvent.session import kept


def labelled_rows(project: Project, facts: DataFrame, since: datetime, until: datetime) -> DataFrame:
    """The rows of an interval of prediction times, with their labels.

    Returns:
        The columns known at prediction time; prediction_time TIMESTAMP in [since, until); _label DOUBLE; _label_available_time TIMESTAMP.
    """
    prediction = project.prediction
    rows = facts.select(
        *prediction.known,
        F.expr(prediction.time).alias("prediction_time"),
        F.expr(f"CAST(({prediction.label.value}) AS DOUBLE)").alias("_label"),
        F.expr(prediction.label.available_time).alias("_label_available_time"),
    )
    return rows.where(predicted_within(since, until))


def predicted_within(since: datetime, until: datetime) -> Condition:
    """Whether prediction_time is in [since, until)."""
    return within(F.col("prediction_time"), since, until)


def within(time: Condition, since: datetime, until: datetime) -> Condition:
    """Whether a time is in [since, until)."""
    return (time >= F.lit(since)) & (time < F.lit(until))


def featured(
    project: Project, groups: Sequence[FeatureGroup], sources: Mapping[str, DataFrame], since: datetime, until: datetime
) -> DataFrame:
    """Rows of an interval with labels and features.

    Args:
        project: Declares rows and label.
        groups: Its feature groups.
        sources: Source -> facts with event_time and available_time.
        since: First prediction time.
        until: Prediction times are before it.

    Returns:
        The columns of columns_of.
    """
    labelled = labelled_rows(project, sources[project.prediction.source], since, until)
    key = project.predicted.key
    # A feature function is given no label: it is put aside, and joined back by key.
    rows = labelled.drop("_label", "_label_available_time")
    built = build(
        rows, groups, {name: narrowed(project, groups, name, facts, since, until) for name, facts in sources.items()}
    )
    labels = labelled.select(
        *key, F.col("_label").alias("label"), F.col("_label_available_time").alias("label_available_time")
    )
    return built.join(labels, list(key)).select(*(F.col(column.name) for column in columns_of(project, groups)))


def narrowed(
    project: Project, groups: Sequence[FeatureGroup], name: str, facts: DataFrame, since: datetime, until: datetime
) -> DataFrame:
    """The facts of a source that can matter to an interval of prediction times, so that cost does not grow with history."""
    return facts.where(in_reach(project, groups, name, since, until))


def in_reach(
    project: Project, groups: Sequence[FeatureGroup], name: str, since: datetime, until: datetime
) -> Condition:
    """Whether a fact of a source can matter to the features of an interval."""
    if project.sources[name].available_time == ALWAYS_KNOWN:
        return F.lit(True)
    readers = [group.look_back for group in groups if name in group.sources]
    recent = F.col("available_time") < F.lit(until)
    if not readers or None in readers:
        return recent
    longest = max((back for back in readers if back is not None), default=timedelta(0))
    return recent & (F.col("available_time") >= F.lit(since - longest))


@contextmanager
def read_once(
    project: Project, groups: Sequence[FeatureGroup], sources: Mapping[str, DataFrame], since: datetime, until: datetime
) -> Iterator[dict[str, DataFrame]]:
    """Sources for `featured`, of which the one predicted is read once within: rows, labels and groups each look into it.

    Takes what `featured` takes.

    Yields:
        sources; of the one predicted, the facts and columns that can matter to the interval, kept.
    """
    prediction = project.prediction
    facts, label = sources[prediction.source], prediction.label
    matters = in_reach(project, groups, prediction.source, since, until)
    asked = within(F.expr(prediction.time), since, until)
    read = {*prediction.known, *TIMES, *(name for group in groups for name in group.sources.get(prediction.source, ()))}
    read.update(*map(columns_used, (prediction.time, label.value, label.available_time)))
    with kept(facts.where(matters | asked).select(*(name for name in facts.columns if name in read))) as once:
        yield {**sources, prediction.source: once}


def require_rows(project: Project, facts: DataFrame, windows: Intervals) -> int:
    """Refuses windows without rows, before anything is written.

    Returns:
        How many rows there are to predict.

    Raises:
        FeatureError: Naming the window, and the prediction times there are.
    """
    time = F.expr(project.prediction.time)
    found = facts.agg(
        F.count_if(within(time, windows.train_start, windows.holdout_start)).alias("train"),
        F.count_if(within(time, windows.holdout_start, windows.holdout_end)).alias("holdout"),
        F.min(time).cast("string").alias("first"),
        F.max(time).cast("string").alias("last"),
    ).collect()[0]
    for window, start, end in (
        ("train", windows.train_start, windows.holdout_start),
        ("holdout", windows.holdout_start, windows.holdout_end),
    ):
        if not found[window]:
            there = f"from {found['first']} to {found['last']}" if found["first"] is not None else "none at all"
            raise FeatureError(
                f"the {window} window, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, has no rows; source "
                f"{project.prediction.source} has prediction times {there}: choose another --as-of, or ingest more data"
            )
    return int(found["train"] + found["holdout"])


def require_each_row(built: int, wanted: int) -> None:
    """Refuses groups that drop or repeat rows.

    Raises:
        FeatureError: Naming both numbers.
    """
    if built != wanted:
        raise FeatureError(
            f"the feature groups gave {counted(built, 'row')} for {wanted:,} to predict: one of them drops or repeats rows; "
            'join with "left", to facts that have each key once'
        )
