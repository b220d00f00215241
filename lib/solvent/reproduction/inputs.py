"""What a model that is made again was made from: its configuration, and the pinned versions of its sources."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from pyspark.sql import SparkSession

from solvent.analysis import require_analysed
from solvent.config.base import counted, validated
from solvent.config.project import Project
from solvent.errors import SolventError
from solvent.failure import cause
from solvent.identity import Manifest
from solvent.reproduction.findings import Finding
from solvent.session import SPARK_ERRORS
from solvent.sources.pins import pins_of, read_source, verified_content
from solvent.tables.warehouse import Warehouse


def project_of(spark: SparkSession, manifest: Manifest, name: str) -> Project:
    """The configuration of a manifest, whose expressions are held to what those of a file are."""
    project = validated(Project, manifest["configuration"]["resolved"], Path(name))
    require_analysed(spark, project, Path(name), earlier=True)
    return project


def input_findings(warehouse: Warehouse, project: Project, manifest: Manifest) -> Iterator[Finding]:
    """Reads all of every pinned version."""
    for pin in pins_of(manifest):
        part, source = f"input {pin.source}", project.sources[pin.source]
        where = f"version {pin.version} of {counted(pin.rows, 'row')}"
        try:
            read_source(warehouse, source, pin)
            found = verified_content(warehouse, source, pin)
        except (SolventError, *SPARK_ERRORS) as error:
            yield Finding(part, False, f"{where} cannot be read: {cause(error)}")
            continue
        if found == pin.digest:
            yield Finding(part, True, f"{where}, sha256 {found[:16]}")
        else:
            yield Finding(part, False, f"{where}: content recorded {pin.digest}, found {found}")
