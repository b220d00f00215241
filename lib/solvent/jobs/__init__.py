"""The jobs, in the order of a model's life. Each is a command of `solvent`, in a module here that has its name."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module

import click


@dataclass(frozen=True)
class Job:
    """A job.

    Attributes:
        name: On the command line.
        script: Whether the folder jobs/ has an entry point of it for spark-submit.
        task: Whether it is a task of databricks.yml.
    """

    name: str
    script: bool = False
    task: bool = False

    @property
    def module(self) -> str:
        """The name of its module here, and of its script."""
        return self.name.replace("-", "_")

    @property
    def command(self) -> click.Command:
        """Its command, whose docstring is its help; it is imported when it is asked for, as what trains takes a second or two."""
        found: click.Command = getattr(import_module(f"solvent.jobs.{self.module}"), f"{self.module}_command")
        return found


JOBS = (
    Job("new"),
    Job("check"),
    Job("ingest", script=True, task=True),
    Job("build-features", script=True, task=True),
    Job("train", script=True),
    Job("evaluate", script=True),
    Job("release", script=True),
    Job("report", script=True),
    Job("pipeline", script=True),
    Job("reproduce", script=True),
    Job("score", script=True, task=True),
    Job("monitor", script=True, task=True),
    Job("investigations"),
    Job("acknowledge"),
    Job("resolve"),
    Job("retrain", script=True, task=True),
    Job("promote"),
    Job("rollback"),
    Job("history"),
    Job("diff"),
    Job("plan"),
    Job("deploy"),
    Job("deploy-here", task=True),
    Job("observe", script=True, task=True),
    Job("install-hook"),
)
