"""Feature builds: made once from what names them, verified, and entered into their ledger.

A build is all rows of the windows of one as-of. It is named by the digest of what it is made from, so that the same build is made once.
Builds with the same columns share a table, each in files of its own; the ledger feature_builds says which builds are complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Annotated, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import counted, digest_of
from solvent.config.expressions import Column
from solvent.config.project import Project
from solvent.config.windows import Intervals
from solvent.errors import FeatureError
from solvent.features.columns import columns_of
from solvent.features.group import FeatureGroup
from solvent.features.reach import require_reach
from solvent.features.table import featured, read_once, within
from solvent.identity import function_digests
from solvent.sources.pins import Pin, read_sources
from solvent.tables import JSON, Ledger, Warehouse, content_of, declarations

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

    def document(self) -> dict[str, Any]:
        """The build as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class BuildRow:
    """A complete build, and what it was made from."""

    build: str
    as_of: date
    train_start: datetime
    holdout_start: datetime
    holdout_end: datetime
    pins: Annotated[tuple[Pin, ...], JSON]
    code: str
    table: str
    table_id: str
    version: int
    rows: int
    digest: str


BUILDS = Ledger("feature_builds", BuildRow)


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


def table_of(columns: Sequence[Column]) -> str:
    """The table that holds builds with these columns."""
    return f"features_{digest_of([column.ddl for column in columns])[:12]}"


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
    append_build(warehouse, made, windows, pins, as_of, code)
    return made, True


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


def append_build(
    warehouse: Warehouse, made: FeatureBuild, windows: Intervals, pins: Sequence[Pin], as_of: date, code: str
) -> None:
    """Enters a build into the ledger, which completes it."""
    intervals = {name: getattr(windows, name) for name in ("train_start", "holdout_start", "holdout_end")}
    row = BuildRow(as_of=as_of, **intervals, pins=tuple(pins), code=code, **made.document())
    BUILDS.append(warehouse, [row], made.build)


def find_build(warehouse: Warehouse, name: str) -> FeatureBuild | None:
    """A complete build, if there is one of that name."""
    found = BUILDS.select(warehouse, *FeatureBuild.__dataclass_fields__, build=name)
    return FeatureBuild(**found[0]) if found else None


def read_build(warehouse: Warehouse, built: FeatureBuild) -> DataFrame:
    """The rows of a build."""
    rows = warehouse.read(built.table, built.version).where(F.col("build") == built.build)
    return rows.drop("build")
