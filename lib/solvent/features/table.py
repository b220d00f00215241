"""The feature table: features and labels of a project's rows, built from pinned sources.

A build is all rows of the windows of one as-of. It is named by the digest of what it is made from, so that the same build is made once.
Builds with the same columns share a table, each in files of its own; the ledger feature_builds says which builds are complete.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from pyspark.sql import Column as Condition
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import counted, digest_of
from solvent.config.expressions import Column, columns_used, require_name, taken_by
from solvent.config.project import Project
from solvent.config.source import ALWAYS_KNOWN, TIMES
from solvent.config.windows import Intervals
from solvent.errors import FeatureError
from solvent.features.build import build
from solvent.features.group import Feature, FeatureGroup
from solvent.features.reach import bounded, overreaches, require_within_reach
from solvent.identity import function_digests
from solvent.session import kept
from solvent.sources.pins import Pin, read_sources
from solvent.tables.digest import content_of, declarations
from solvent.tables.warehouse import Warehouse
from solvent.timeline.proof import EPOCH

BUILDS = "feature_builds"
BUILD_COLUMNS = (
    Column("build", "STRING"),
    Column("as_of", "DATE"),
    Column("train_start", "TIMESTAMP"),
    Column("holdout_start", "TIMESTAMP"),
    Column("holdout_end", "TIMESTAMP"),
    Column("pins", "STRING"),
    Column("code", "STRING"),
    Column("table", "STRING"),
    Column("table_id", "STRING"),
    Column("version", "BIGINT"),
    Column("rows", "BIGINT"),
    Column("digest", "STRING"),
)
RESERVED = frozenset(
    {
        "build",
        "features",
        "label",
        "label_available_time",
        "prediction",
        "prediction_time",
        "probability",
        "rawPrediction",
    }
)
# Of these, a row has some before it has features.
JOINED = ("label", "label_available_time", "prediction_time")
# What shapes features; a change elsewhere in model.yml leaves a build as it is.
SECTIONS = ("project", "sources", "prediction", "features", "windows")
SHAPED_BY = "solvent.features.table.featured"


@dataclass(frozen=True)
class FeatureBuild:
    """A complete build: its name, where its rows are, their number, and the digest of their content."""

    build: str
    table: str
    table_id: str
    version: int
    rows: int
    digest: str

    def document(self) -> dict[str, object]:
        """The build as JSON values."""
        return {
            "build": self.build,
            "table": self.table,
            "table_id": self.table_id,
            "version": self.version,
            "rows": self.rows,
            "digest": self.digest,
        }


def feature_code(groups: Sequence[FeatureGroup]) -> dict[str, str]:
    """Import path -> digest of the functions that shape features: the groups', and what puts them together."""
    return function_digests([*(group.name for group in groups), SHAPED_BY])


def build_name(project: Project, pins: Sequence[Pin], as_of: date, code: str, environment: Mapping[str, str]) -> str:
    """The digest of what a build is made from, and with."""
    return digest_of(
        {
            "configuration": project.digest(*SECTIONS),
            "slices": list(project.evaluation.slices),
            "pins": [[pin.source, pin.digest] for pin in pins],
            "as_of": as_of.isoformat(),
            "code": code,
            "environment": dict(environment),
        }
    )


def columns_of(project: Project, groups: Sequence[FeatureGroup]) -> list[Column]:
    """The columns of a build: key, slices, prediction time, label, features.

    Raises:
        FeatureError: If a slice is neither a feature nor known at prediction time.
    """
    features = {feature.name: feature.type.upper() for group in groups for feature in group.features}
    known = {
        column.name: column.type for column in project.predicted.columns if column.name in project.prediction.known
    }
    require_free(project, groups)
    carried = list(project.predicted.key)
    for name in project.evaluation.slices:
        if name not in features and name not in known:
            raise FeatureError(
                f"evaluation.slices: '{name}' is neither a feature nor a declared column in prediction.known; "
                f"features are: {', '.join(features)}"
            )
        if name not in features and name not in carried:
            carried.append(name)
    kept = [name for name in carried if taken_by(name, RESERVED)]
    if kept:
        raise FeatureError(f"column {kept[0]}: a key or slice of this name is kept for Solvent; land it by another one")
    return [
        *(Column(name, known[name]) for name in carried),
        Column("prediction_time", "TIMESTAMP"),
        Column("label", "DOUBLE"),
        Column("label_available_time", "TIMESTAMP"),
        *(Column(name, kind) for name, kind in features.items()),
    ]


def require_free(project: Project, groups: Sequence[FeatureGroup]) -> None:
    """Refuses names of features, and of what is known, that something else has already; letter case means nothing to Spark.

    Raises:
        FeatureError: Naming the feature or column.
    """
    known = project.prediction.known
    joined = [name for name in known if taken_by(name, JOINED)]
    if joined:
        raise FeatureError(f"prediction.known: the name {joined[0]} is kept for Solvent; derive it by another one")
    seen: list[str] = []
    for feature in (feature for group in groups for feature in group.features):
        try:
            require_name(feature.name)
        except ValueError as error:
            raise FeatureError(f"features: {error}") from None
        if taken_by(feature.name, RESERVED):
            raise FeatureError(f"feature {feature.name}: the name is kept for Solvent; rename it")
        if (one := taken_by(feature.name, [*known, *seen])) is not None:
            raise FeatureError(
                f"feature {feature.name}: there is a column {one} in prediction.known or in a group before"
            )
        seen.append(feature.name)


def table_of(columns: Sequence[Column]) -> str:
    """The table that holds builds with these columns."""
    return f"features_{digest_of([column.ddl for column in columns])[:12]}"


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


def build_features(
    warehouse: Warehouse,
    project: Project,
    groups: Sequence[FeatureGroup],
    pins: Sequence[Pin],
    as_of: date,
    code: str,
    environment: Mapping[str, str],
    force: bool = False,
) -> tuple[FeatureBuild, bool]:
    """Makes the build of an as-of, unless it is there.

    Args:
        warehouse: The project's tables.
        project: Declares sources, rows, label, windows.
        groups: Its feature groups.
        pins: The versions of the sources to read.
        as_of: The date the windows are relative to.
        code: Digest of what feature_code gives.
        environment: What it is built with, by name.
        force: Compute it again, and compare with what is there.

    Returns:
        The build, and whether it was made now.

    Raises:
        FeatureError: If a window has no rows, or a group does not do what it declares, before anything is written; or if groups drop or
            repeat rows, or look further back than they declare, before the build is complete.
    """
    name = build_name(project, pins, as_of, code, environment)
    there = find_build(warehouse, name)
    if there is not None and not force:
        return there, False
    windows = project.windows.at(as_of)
    sources = read_sources(warehouse, project, pins)
    wanted = require_rows(project, sources[project.prediction.source], windows)
    columns = columns_of(project, groups)
    table = table_of(columns)
    interval = windows.train_start, windows.holdout_end
    with read_once(project, groups, sources, *interval) as facts:
        rows = featured(project, groups, facts, *interval)
        if there is not None:
            require_same(there, content_digest(rows, columns))
            return there, True
        warehouse.create(table, [Column("build", "STRING"), *columns], read_by=["build", "prediction_time"])
        warehouse.append(table, rows.withColumn("build", F.lit(name)).select("build", *rows.columns), name)
        at = warehouse.brought(table, name)
        written = warehouse.read(table, at.version).where(F.col("build") == name)
        names = [column.name for column in columns]
        content = content_of(written, names)
        if content.rows != wanted:
            raise FeatureError(
                f"the feature groups gave {counted(content.rows, 'row')} for {wanted:,} to predict: one of them drops or repeats rows; "
                'join with "left", to facts that have each key once'
            )
        require_reach(project, groups, facts, written)
    made = FeatureBuild(name, table, at.id, at.version, content.rows, content.digest(declarations(written, names)))
    note(warehouse, made, windows, pins, as_of, code)
    return made, True


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


def require_same(there: FeatureBuild, found: str) -> None:
    """Refuses a build that comes out differently when it is made again.

    Raises:
        FeatureError: Naming both digests.
    """
    if found != there.digest:
        raise FeatureError(
            f"build {there.build[:12]} was made before with content {there.digest[:12]}, and now has {found[:12]}: a feature function "
            "depends on more than its inputs"
        )


def content_digest(rows: DataFrame, columns: Sequence[Column]) -> str:
    """The digest of the content of a build's rows."""
    names = [column.name for column in columns]
    return content_of(rows, names).digest(declarations(rows, names))


def note(
    warehouse: Warehouse, made: FeatureBuild, windows: Intervals, pins: Sequence[Pin], as_of: date, code: str
) -> None:
    """Enters a build into the ledger, which completes it."""
    warehouse.create(BUILDS, BUILD_COLUMNS)
    row = (
        made.build,
        as_of,
        windows.train_start,
        windows.holdout_start,
        windows.holdout_end,
        json.dumps([pin.document() for pin in pins]),
        code,
        made.table,
        made.table_id,
        made.version,
        made.rows,
        made.digest,
    )
    warehouse.append_rows(BUILDS, [row], BUILD_COLUMNS, made.build)


def find_build(warehouse: Warehouse, name: str) -> FeatureBuild | None:
    """A complete build, if there is one of that name."""
    names = FeatureBuild.__dataclass_fields__
    return next((FeatureBuild(*(row[one] for one in names)) for row in warehouse.rows(BUILDS, build=name)), None)


def read_build(warehouse: Warehouse, built: FeatureBuild) -> DataFrame:
    """The rows of a build."""
    rows = warehouse.read(built.table, built.version).where(F.col("build") == built.build)
    return rows.drop("build")


def declared(groups: Sequence[FeatureGroup]) -> list[Feature]:
    """All features in their order."""
    return [feature for group in groups for feature in group.features]
