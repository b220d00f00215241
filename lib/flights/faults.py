"""Faults to plant into staged data, to see whether monitoring finds and explains them.

Each takes the lines of a source by local date, as they were, and gives the lines as a broken feed would have delivered them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

BEGINS = date(2013, 9, 9)
Lines = Mapping[date, list[str]]
FROZEN = timedelta(days=21)
CARRIER = "UA"


@dataclass(frozen=True)
class Fault:
    """A fault of one source: what it does, from a day on.

    Attributes:
        source: Whose lines it changes.
        spoil: (header, lines by date, first date) -> the lines delivered.
    """

    source: str
    spoil: Callable[[list[str], Lines, date], Lines]


def frozen(header: list[str], lines: Lines, since: date) -> Lines:
    """For three weeks a station repeats the last values it measured, under new times."""
    origin, hour = header.index("origin"), header.index("hour")
    measured = slice(hour + 1, header.index("time_hour"))
    last = {fields[origin]: fields[measured] for fields in map(split, lines[since - timedelta(days=1)])}

    def repeated(line: str) -> str:
        fields = split(line)
        fields[measured] = last[fields[origin]]
        return ",".join(fields)

    return {day: [repeated(line) for line in of] if since <= day < since + FROZEN else of for day, of in lines.items()}


def stopped(_: list[str], lines: Lines, since: date) -> Lines:
    """Nothing arrives any more."""
    return {day: of for day, of in lines.items() if day < since}


def in_hours(header: list[str], lines: Lines, since: date) -> Lines:
    """One carrier gives delays in hours."""
    carrier, delays = header.index("carrier"), [header.index(name) for name in ("dep_delay", "arr_delay")]

    def hours(line: str) -> str:
        fields = split(line)
        if fields[carrier] == CARRIER:
            for place in delays:
                fields[place] = fields[place] if fields[place] == "NA" else str(round(int(fields[place]) / 60))
        return ",".join(fields)

    return {day: [hours(line) for line in of] if day >= since else of for day, of in lines.items()}


def an_hour_late(header: list[str], lines: Lines, since: date) -> Lines:
    """Times of departure are those of another time zone, an hour later; a flight after eleven at night keeps its time."""
    scheduled, departed, hour = (header.index(name) for name in ("sched_dep_time", "dep_time", "hour"))

    def later(line: str) -> str:
        fields = split(line)
        if int(fields[scheduled]) < 2300:
            fields[scheduled] = str(int(fields[scheduled]) + 100)
            fields[hour] = str(int(fields[hour]) + 1)
            if fields[departed] != "NA":
                fields[departed] = str((int(fields[departed]) + 100) % 2400 or 2400)
        return ",".join(fields)

    return {day: [later(line) for line in of] if day >= since else of for day, of in lines.items()}


def split(line: str) -> list[str]:
    """The fields of a line, the last with the end of the line; no value of these files holds a comma."""
    return line.split(",")


FAULTS = {
    "weather-frozen": Fault("weather", frozen),
    "weather-stopped": Fault("weather", stopped),
    "delays-in-hours": Fault("flights", in_hours),
    "hour-late": Fault("flights", an_hour_late),
}
