"""What a run of jobs is given, and resolves once: configuration, session, tables, models, sources, code, and whom it tells of its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from functools import cached_property

import click
from pyspark.sql import SparkSession

from solvent.config.project import Project
from solvent.identity import Commit, commit_of, environment_facts, java_of
from solvent.jobs.code import ImportedCode
from solvent.progress import Progress
from solvent.promises import broken_promises
from solvent.registry import Models, ModelVersion, Registry
from solvent.release import champion_of, find_version
from solvent.settings import Settings
from solvent.sources.pins import Pin, source_pins
from solvent.tables.warehouse import Warehouse


@dataclass(frozen=True)
class Context:
    """What a run of jobs is given; nothing is started before it is needed.

    Attributes:
        settings: What and where.
        as_of: The date that windows are relative to.
        tell: Told of progress, line by line.
        force: Do again what is there.
        given_pins: The versions of the sources to read; their last ones if None.
    """

    settings: Settings
    as_of: date
    tell: Callable[[str], None]
    force: bool = False
    given_pins: tuple[Pin, ...] | None = None

    @property
    def project(self) -> Project:
        """The configuration of the project."""
        return self.settings.project

    @cached_property
    def say(self) -> Progress:
        """Says lines, and between them how far a step is."""
        return Progress(self.tell)

    @cached_property
    def spark(self) -> SparkSession:
        """The session."""
        if SparkSession.getActiveSession() is not None:
            spark = self.settings.warehouse.spark
        else:
            with self.step("session", "Spark starts") as say:
                spark = self.settings.warehouse.spark
                say(f"Spark {spark.version}")
        self.say.spark = spark
        return self.settings.analysed(spark)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The project's tables."""
        spark = self.spark
        return replace(self.settings.warehouse, session=lambda: spark)

    @cached_property
    def registry(self) -> Registry:
        """The project's models."""
        return self.settings.registry

    @cached_property
    def models(self) -> Models:
        """The models that were read or made."""
        return Models(self.registry)

    @cached_property
    def commit(self) -> Commit:
        """Where the code comes from."""
        return commit_of(self.settings.root)

    @cached_property
    def code(self) -> ImportedCode:
        """The code that is imported, by digest."""
        return ImportedCode(self.project, self.settings.groups)

    @cached_property
    def facts(self) -> dict[str, str]:
        """The environment, as manifests tell it."""
        return environment_facts(java_of(self.spark), self.settings.root)

    @cached_property
    def pins(self) -> tuple[Pin, ...]:
        """The versions of the sources that everything in this run reads."""
        return self.given_pins or source_pins(self.warehouse, self.project)

    @contextmanager
    def step(self, name: str, doing: str = "") -> Iterator[Callable[[str], None]]:
        """Tells first what the configuration promises of a step and cannot keep; then what it does, what it did, and how long it took."""
        for job, line in broken_promises(self.project):
            if job == name:
                self.say(f"{'warning':<10} {line}")
        with self.say.step(name, doing) as say:
            yield say


def open_context(settings: Settings, as_of: date | None = None, force: bool = False) -> Context:
    """A run that tells its progress on the terminal, as of today in UTC if no date is given."""
    return Context(settings, as_of or datetime.now(UTC).date(), click.echo, force)


def find_model(context: Context, which: str) -> ModelVersion:
    """A version of the project's model by its number or by an alias.

    Raises:
        RegistryError: If there is none, naming those there are.
    """
    return find_version(context.warehouse, context.registry, context.project.project, which)


def find_champion(context: Context) -> ModelVersion | None:
    """The champion of the project that was decided on, if there is one."""
    return champion_of(context.warehouse, context.registry, context.project.project)
