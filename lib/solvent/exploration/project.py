"""A project as a notebook opens it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

from solvent.config.environment import find_root, import_from
from solvent.errors import ConfigurationError
from solvent.investigation import Investigation, investigations
from solvent.jobs.context import Context, find_model
from solvent.jobs.options import listen
from solvent.registry import CHAMPION, ModelVersion
from solvent.settings import load_settings
from solvent.training import BASELINE, find_baseline


def open_project(
    project: str,
    environment: str = "local",
    as_of: str | None = None,
    folder: str | None = None,
    say: Callable[[str], None] = print,
) -> Context:
    """A project with its tables and models; nothing is read before it is asked for.

    Args:
        project: Folder of conf/, which is looked for here and upwards.
        environment: Name of a file in conf/environments, or a path.
        as_of: YYYY-MM-DD, the date that windows are relative to; today if None.
        folder: Where tables and models are, if not where the environment says; such as var/replay, from the root.
        say: Told of progress, line by line.

    Raises:
        ConfigurationError: If a file or the date is wrong.
    """
    listen()
    root = find_root().resolve()
    import_from(root / "lib")
    settings = load_settings(project, environment, root)
    if folder is not None:
        settings = settings.within(root / Path(folder))
    return Context(settings, day_of(as_of), say)


def day_of(as_of: str | None) -> date:
    """A date as it is written, or today in UTC.

    Raises:
        ConfigurationError: If it is not a date.
    """
    if as_of is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(as_of)
    except ValueError:
        raise ConfigurationError(f"as_of: '{as_of}' is not a date; write it as 2013-08-02") from None


def find_version(context: Context, which: str) -> ModelVersion:
    """A version by its number or alias; "baseline" is that of the champion's features.

    Raises:
        RegistryError: If there is none.
    """
    if which == BASELINE:
        return find_baseline(context.registry, find_model(context, CHAMPION))
    return find_model(context, which)


def find_investigation(context: Context, name: str | None = None) -> Investigation:
    """An investigation by its id; the one of the latest alarm if None.

    Raises:
        ConfigurationError: If there is none.
    """
    known = investigations(context.warehouse)
    found = [one for one in known if name is None or one.id == name]
    if not found:
        there = ", ".join(one.id for one in known) or "none; `solvent monitor` opens one at an alarm"
        raise ConfigurationError(f"investigation {name or '(any)'}: there is none; there are: {there}")
    return found[-1]
