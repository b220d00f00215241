"""Proof that features look no further back than their groups declare: delete all that is older, build again, and compare.

A build reads of each source only what can matter to its interval by the look_back of the groups. Where one is too short, features hang on
the interval that is built, which neither the truncation proof nor a comparison of scored features with rebuilt ones can see. So rows are
built again from facts no older than look_back before the first of them, and must come out the same. What reaches too far shows if a fact it
uses exists for a row sampled.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from solvent.config.base import duration_text
from solvent.config.project import Project
from solvent.config.source import ALWAYS_KNOWN
from solvent.errors import FeatureError
from solvent.features.build import build
from solvent.features.group import FeatureGroup
from solvent.features.table import labelled_rows, narrowed, predicted_within
from solvent.timeline.proof import EPOCH, differences, first_of, sampled_times


@dataclass(frozen=True)
class Overreach:
    """A feature of one row that differs once the facts older than its group's look_back are deleted."""

    prediction_time: datetime
    key: tuple[object, ...]
    feature: str
    with_all: str | None
    within_reach: str | None


def reach_proof(
    rows: DataFrame,
    groups: Sequence[FeatureGroup],
    sources: Mapping[str, DataFrame],
    *,
    key: Sequence[str],
    samples: int = 5,
) -> list[Overreach]:
    """Compares features with those built from facts within the declared look_back.

    Args:
        rows: As for build; their key is unique.
        groups: As for build.
        sources: As for build.
        key: The columns that name a row.
        samples: How many distinct prediction times to try, chosen by hash.

    Returns:
        What reaches too far, at most 1000, in the order of time, key and feature; none if all is well.

    Raises:
        FeatureError: If a group does not do what it declares, or there is no row.
    """
    times = sampled_times(rows, samples, "reach proof")
    moments = [F.timestamp_micros(F.lit(time)) for time in times]
    tried = [rows.where(F.col("prediction_time") == moment) for moment in moments]
    with_all = build(rows.where(F.unix_micros("prediction_time").isin(times)), groups, sources)
    within = [build(one, bounded(groups, since), sources) for one, since in zip(tried, moments, strict=True)]
    return overreaches(with_all, reduce(DataFrame.unionByName, within), groups, key)


def bounded(groups: Sequence[FeatureGroup], since: Column) -> list[FeatureGroup]:
    """Groups that are given only facts within their look_back, for rows from a time on."""
    return [within_look_back(group, since) for group in groups]


def within_look_back(group: FeatureGroup, since: Column) -> FeatureGroup:
    """A group that is given only facts within its look_back, for rows from a time on; one without look_back is given all."""
    back = group.look_back
    if back is None:
        return group

    def compute(rows: DataFrame, sources: Mapping[str, DataFrame]) -> DataFrame:
        known = F.col("available_time")
        matters = (known >= since - F.lit(back)) | (known == F.expr(ALWAYS_KNOWN))
        return group.compute(rows, {name: facts.where(matters) for name, facts in sources.items()})

    return replace(group, compute=compute)


def overreaches(
    with_all: DataFrame, within: DataFrame, groups: Sequence[FeatureGroup], key: Sequence[str]
) -> list[Overreach]:
    """The features that differ between rows built from all facts, and from those within reach."""
    features = [feature.name for group in groups for feature in group.features]
    found = differences(with_all, within, [*key, "prediction_time"], features)
    return [Overreach(*one) for one in first_of(found, key)]


def require_reach(
    project: Project, groups: Sequence[FeatureGroup], sources: Mapping[str, DataFrame], written: DataFrame
) -> None:
    """Refuses groups that look further back than they declare: the last day of a build, built alone, has to be what was written.

    Args:
        project: Declares the rows.
        groups: Its feature groups.
        sources: As for featured.
        written: The rows of the build.

    Raises:
        FeatureError: Naming group, features and what to set.
    """
    if all(group.look_back is None for group in groups):
        return
    # As a number, because Spark gives a time as the driver's local clock reads, which shows some moments twice.
    last = EPOCH + timedelta(microseconds=written.agg(F.unix_micros(F.max("prediction_time"))).collect()[0][0])
    since, until = last - timedelta(days=1), last + timedelta(microseconds=1)
    rows = labelled_rows(project, sources[project.prediction.source], since, until)
    near = {name: narrowed(project, groups, name, facts, since, until) for name, facts in sources.items()}
    within = build(rows.drop("_label", "_label_available_time"), bounded(groups, F.lit(since)), near)
    whole = written.where(predicted_within(since, until))
    require_within_reach(overreaches(whole, within, groups, project.predicted.key), groups, project.predicted.key)


def require_within_reach(found: Sequence[Overreach], groups: Sequence[FeatureGroup], key: Sequence[str]) -> None:
    """Refuses groups that look further back than they declare.

    Raises:
        FeatureError: Naming the first group, those of its features that differ, one row to look at, and what to set.
    """
    names = {one.feature for one in found}
    # A later group may use what an earlier one adds.
    group = next((one for one in groups if names & {feature.name for feature in one.features}), None)
    if group is None:
        return
    back = duration_text(group.look_back) if group.look_back is not None else "none"
    its = [feature.name for feature in group.features if feature.name in names]
    first = next(one for one in found if one.feature in its)
    row = ", ".join(f"{name}={value}" for name, value in zip(key, first.key, strict=True))
    raise FeatureError(
        f"{group.name}: {', '.join(its)} hang{'s' if len(its) == 1 else ''} on facts from longer before prediction time than look_back "
        f"({back}); for instance {first.feature} of {row} at {first.prediction_time:%Y-%m-%d %H:%M:%S}: {first.with_all}, but "
        f"{first.within_reach} from facts within it; set look_back to the longest time that the function looks back"
    )
