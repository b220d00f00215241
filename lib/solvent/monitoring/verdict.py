"""The verdict over a model's life: which of its streams deviate from what its holdout lets expect.

What deviates is decided by `detect_deviations` over all windows of the life; here are its streams, and the table of its findings.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from solvent.config.monitoring import Monitoring
from solvent.config.project import Project
from solvent.kinds import LABEL_RATE, descriptive, metrics_by_name
from solvent.kinds.slices import ALL
from solvent.monitoring.detector import CONCENTRATION, VOLUME
from solvent.monitoring.deviation import Finding, Verdict, detect_deviations
from solvent.monitoring.performance import LIFE, REFERENCE, Figure, Position
from solvent.monitoring.streams import Stream
from solvent.registry import ModelKey, ModelVersion
from solvent.tables import Ledger, Warehouse

FEATURE = "feature"


@dataclass(frozen=True)
class Deviation:
    """What was found of a stream, with windows as dates.

    Attributes:
        metric: Of the stream.
        slice: Its slice column, or "all".
        slice_value: Its value, or "all".
        deviates: Whether it is not as expected.
        alarm: The window that raised an alarm.
        p_value: The smallest false-alarm rate per year at which it would deviate.
        e_value: Evidence as of the last window.
        direction: "worse", or "higher" or "lower" where the value is not better or worse in itself.
        expected: Mean of what was expected.
        expected_low: Start of its interval.
        expected_high: Its end.
        observed: Mean since the change, or of all windows.
        change: The most probable first window of what deviates.
        change_low: Start of the interval of that window.
        change_high: Its end.
    """

    metric: str
    slice: str
    slice_value: str
    deviates: bool
    alarm: date | None
    p_value: float
    e_value: float
    direction: str
    expected: float
    expected_low: float
    expected_high: float
    observed: float | None
    change: date | None
    change_low: date | None
    change_high: date | None


@dataclass(frozen=True)
class DeviationRow:
    """What was found of a stream of a model at an as-of."""

    whose: ModelKey
    as_of: date
    deviation: Deviation


DEVIATIONS = Ledger("deviations", DeviationRow)


def verdict_over_life(
    project: Project,
    measured: Mapping[Position, Figure],
    inputs: Mapping[tuple[date, str], tuple[int, float]],
    last: date,
    judged_from: date | None = None,
) -> tuple[Verdict, list[date]]:
    """The verdict over a model's life, and the windows it is over: every one from the first with a measurement to the last.

    Where monitoring started anew, windows before that date are part of what the later ones are judged against.
    """
    settings = project.monitoring
    reference: dict[tuple[Stream, date], float | None] = {}
    life: dict[tuple[Stream, date], float | None] = {}
    for (phase, window, slice, value, metric), latest in measured.items():
        if metric not in settings.judged(project.evaluation.metrics):
            continue
        stream = stream_of(metric, slice, value)
        if not descriptive(stream.metric):
            usable = value_of(stream, latest) if latest.n >= settings.min_rows else None
            settled = phase == REFERENCE or (judged_from is not None and window < judged_from)
            (reference if settled else life)[stream, window] = usable
    windows = windows_between(life, last, settings)
    before = windows_between(reference, None, settings)
    rows = volumes(measured)
    life |= {(Stream(VOLUME), window): rows.get(window, volume(0)) for window in windows}
    reference |= {(Stream(VOLUME), window): rows[window] for window in before if window in rows}
    began = min((window for phase, window, *_ in measured if phase == LIFE), default=last)
    for (window, feature), (n, concentration) in inputs.items():
        settled = window < max(began, judged_from or began)
        usable = concentration if n >= settings.min_rows else None
        if window < last:
            (reference if settled else life)[Stream(CONCENTRATION, FEATURE, feature), window] = usable
    # The streams are those of the reference, so that their weights stay the same through the model's life.
    streams = sorted({stream for stream, _ in reference}, key=lambda one: (one.slice, one.slice_value, one.metric))
    verdict = detect_deviations(
        {stream: [life.get((stream, window)) for window in windows] for stream in streams},
        {stream: [reference.get((stream, window)) for window in before] for stream in streams},
        settings.false_alarm_rate,
        settings.windows_per_year,
        settings.tolerances,
    )
    return verdict, windows


def volumes(measured: Mapping[Position, Figure]) -> dict[date, float]:
    """The volume of every window in which anything was measured."""
    return {window: volume(latest.n) for (_, window, slice, *_), latest in measured.items() if slice == ALL}


def volume(rows: int) -> float:
    """A number of labelled rows as it is judged; half a row is added, so that none is a number, too."""
    return math.log(rows + 0.5)


def stream_of(metric: str, slice: str, slice_value: str) -> Stream:
    """The stream that a measurement is a value of."""
    return Stream(metrics_by_name()[metric].judged_as or metric, slice, slice_value)


def value_of(stream: Stream, figure: Figure) -> float | None:
    """The value of a stream; half a row of either label is added to a label rate, so that none is infinite."""
    if stream.metric != LABEL_RATE or figure.value is None:
        return figure.value
    return math.log((figure.value * figure.n + 0.5) / (figure.n + 1))


def windows_between(
    values: Mapping[tuple[Stream, date], float | None], last: date | None, settings: Monitoring
) -> list[date]:
    """Every window from the first with a value to the last, or to the last before a date."""
    if not values:
        return []
    valued = [window for _, window in values]
    end = max(valued) + settings.length
    return settings.windows(min(valued), end if last is None else max(end, last))


def append_deviations(
    warehouse: Warehouse, version: ModelVersion, as_of: date, verdict: Verdict, life: Sequence[date]
) -> None:
    """Appends what was found of every stream at an as-of, once."""
    rows = [DeviationRow(version.key, as_of, deviation_of(one, life)) for one in verdict.findings]
    DEVIATIONS.append(warehouse, rows)


def deviation_of(one: Finding, life: Sequence[date]) -> Deviation:
    """A finding over the windows of a life."""
    change = one.change
    when = (change.window, change.low, change.high) if change is not None else ()
    first, low, high = (life[window] for window in when) if when else (None, None, None)
    return Deviation(
        metric=one.stream.metric,
        slice=one.stream.slice,
        slice_value=one.stream.slice_value,
        deviates=one.deviates,
        alarm=None if one.alarm is None else life[one.alarm],
        p_value=one.p_value,
        e_value=one.e_value,
        direction=one.direction,
        expected=one.expected.mean,
        expected_low=one.expected.low,
        expected_high=one.expected.high,
        observed=one.observed,
        change=first,
        change_low=low,
        change_high=high,
    )
