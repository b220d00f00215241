"""Landing files of Seattle's weather, by month, as if they arrived over time.

The data are from NOAA, which puts them into the public domain, as the package vega_datasets (MIT licence) distributes them:
seattle-weather.csv are the observations of each day from 2012 to 2015. seattle-temps.csv are averages of 30 years for each hour of the
year (NOAA's hourly normals of the station Seattle-Tacoma, https://github.com/vega/vega-datasets/blob/main/SOURCES.md), although the
package's description calls them temperatures of 2010: fit to tell what is usual, and nothing that could be forecast.
"""

from __future__ import annotations

import calendar
import os
from collections.abc import Sequence
from datetime import date
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

from solvent.errors import ConfigurationError

PACKAGE = "vega_datasets"
OBSERVATIONS, NORMALS = "seattle-weather.csv", "seattle-temps.csv"


def stage(landing: str, until: date) -> list[tuple[Path, int]]:
    """Writes the landing files that are not there yet: the normals, and each month that is over by a date.

    Args:
        landing: The environment's landing folder; files go to <landing>/temperatures/<source>/.
        until: The last date, included.

    Returns:
        Path and number of rows of each file written.

    Raises:
        ConfigurationError: If landing is no local folder, or the package is not installed.
    """
    if "://" in landing:
        raise ConfigurationError(f"landing: {landing} is not a local folder; stage into one, and copy its files there")
    folder, data = Path(landing) / "temperatures", package_data()
    files = {folder / "normals" / "normals.csv": lines_of(data / NORMALS)}
    header, *lines = lines_of(data / OBSERVATIONS)
    for (year, month), days in groupby(lines, key=lambda line: (int(line[:4]), int(line[5:7]))):
        if date(year, month, calendar.monthrange(year, month)[1]) <= until:
            files[folder / "days" / f"{year}-{month:02}.csv"] = [header, *days]
    wanted = {path: content for path, content in files.items() if not path.exists()}
    return [written(path, content) for path, content in wanted.items()]


def package_data() -> Path:
    """The package's folder of data, without importing it, because that imports pandas.

    Raises:
        ConfigurationError: If the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(f"the package {PACKAGE}, which holds the data, is not installed; run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "_data"


def lines_of(path: Path) -> list[str]:
    """The lines of a file with their ends."""
    return path.read_text(encoding="utf-8").splitlines(keepends=True)


def written(path: Path, lines: Sequence[str]) -> tuple[Path, int]:
    """Writes a file so that it is never seen half written; its rows are the lines after the header."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text("".join(lines), encoding="utf-8", newline="")
    partial.replace(path)
    return path, len(lines) - 1
