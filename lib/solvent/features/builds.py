"""Feature builds: made once from what names them, verified, and entered into their ledger.

A build is all rows of the windows of one as-of. It is named by the digest of what it is made from, so that the same build is made once.
Builds with the same columns share a table, each in files of its own; the ledger feature_builds says which builds are complete.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

from pyspark.sql import functions as F

from solvent.config.project import Project
from solvent.features.columns import columns_of
from solvent.features.group import FeatureGroup
from solvent.features.ledger import (
    FeatureBuild,
    append_build,
    build_name,
    content_digest,
    create_table,
    find_build,
    require_same,
)
from solvent.features.reach import require_reach
from solvent.features.table import featured, read_once, require_each_row, require_rows
from solvent.sources.pins import Pin, read_sources
from solvent.tables import Warehouse, content_of, declarations


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
    interval = windows.train_start, windows.holdout_end
    with read_once(project, groups, sources, *interval) as facts:
        rows = featured(project, groups, facts, *interval)
        if there is not None:
            require_same(there, content_digest(rows, columns))
            return there, True
        table = create_table(warehouse, columns)
        warehouse.append(table, rows.withColumn("build", F.lit(name)).select("build", *rows.columns), name)
        at = warehouse.brought(table, name)
        written = warehouse.read(table, at.version).where(F.col("build") == name)
        names = [column.name for column in columns]
        content = content_of(written, names)
        require_each_row(content.rows, wanted)
        require_reach(project, groups, facts, written)
    made = FeatureBuild(name, table, at.id, at.version, content.rows, content.digest(declarations(written, names)))
    append_build(warehouse, made, windows, pins, as_of, code)
    return made, True
