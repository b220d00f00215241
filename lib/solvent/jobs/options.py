"""The options that jobs share, and what they are turned into."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click
from pyspark.logger import PySparkLogger

from solvent.config.project import projects_of, require_conf
from solvent.errors import ConfigurationError
from solvent.settings import Settings, load_settings

Command = Callable[..., Any]


def only_project(ctx: click.Context, _: click.Parameter, value: str | None) -> str:
    """The project asked for, or the only one there is."""
    if value is not None:
        return value
    root: Path = ctx.obj
    require_conf(root)
    known = projects_of(root)
    if len(known) != 1:
        raise ConfigurationError(
            f"--project: name one of: {', '.join(known) or f'none, as {root}/conf holds no model.yml'}; or set SOLVENT_PROJECT"
        )
    return known[0]


def as_date(_: click.Context, __: click.Parameter, value: datetime | None) -> date:
    """A date, today in UTC if none is given."""
    return value.date() if value is not None else datetime.now(UTC).date()


def where(command: Command) -> Command:
    """The options of every job."""
    project = click.option(
        "--project",
        envvar="SOLVENT_PROJECT",
        callback=only_project,
        help="Folder of conf/ (default: that of the variable SOLVENT_PROJECT, else the only one).",
    )
    environment = click.option(
        "--environment", default="local", show_default=True, help="Name of a file in conf/environments, or a path."
    )
    return project(environment(command))


class Day(click.DateTime):
    """A date from which all windows can look back, and that Spark, pandas and MLflow know."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The midnight that begins it."""
        found: datetime = super().convert(value, param, ctx)
        if not FIRST_YEAR <= found.year <= LAST_YEAR:
            self.fail(f"{value} is not in the years {FIRST_YEAR} to {LAST_YEAR}.", param, ctx)
        return found


FIRST_YEAR, LAST_YEAR = 1900, 2199
DAY = Day(["%Y-%m-%d"])
as_of_option = click.option(
    "--as-of",
    callback=as_date,
    type=DAY,
    help="Date the windows are relative to (default: today, UTC).",
)
force_option = click.option("--force", is_flag=True, help="Do again what is there already.")


def model_option(default: str) -> Command:
    """The option that names a model version."""
    return click.option(
        "--model",
        "which",
        default=default,
        show_default=True,
        help="Version number, champion, challenger or previous_champion.",
    )


def settings_of(ctx: click.Context, project: str, environment: str) -> Settings:
    """The validated configuration."""
    return load_settings(project, environment, ctx.obj)


def listen(verbose: bool = False) -> None:
    """Shows what Spark, its Java and MLflow log, or nothing of it."""
    # What libraries cannot do they raise as well, and it is said in a line; what they log of it is a stack trace.
    logging.basicConfig(level=logging.INFO if verbose else logging.CRITICAL, format="%(asctime)s %(name)s %(message)s")
    # It names whole URLs, of which a part may be a secret.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    if not verbose:
        # It has a level of its own, and sets that when it is imported, which may be later.
        os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "CRITICAL")
        logging.getLogger("mlflow").setLevel(logging.CRITICAL)
        logging.getLogger("py4j").setLevel(logging.CRITICAL)
        for name in ("DataFrameQueryContextLogger", "SQLQueryContextLogger"):
            PySparkLogger.getLogger(name).setLevel(logging.CRITICAL)
        # py4j logs some of it in nobody's name.
        logging.getLogger().addFilter(lambda record: record.module != "java_gateway")
        warnings.filterwarnings("ignore")
