"""The ledger of feature builds: which are complete, and where their rows are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Annotated, Any

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import digest_of
from solvent.config.expressions import Column
from solvent.config.project import Project
from solvent.config.windows import Intervals
from solvent.errors import FeatureError
from solvent.features.columns import table_of
from solvent.features.group import FeatureGroup
from solvent.identity import function_digests
from solvent.sources.pins import Pin
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


def create_table(warehouse: Warehouse, columns: Sequence[Column]) -> str:
    """The table that holds builds with these columns, which is made if there is none."""
    table = table_of(columns)
    warehouse.create(table, [Column("build", "STRING"), *columns], read_by=["build", "prediction_time"])
    return table
