"""Deviation from expected performance, with a false-alarm rate that holds over all metrics and slices, and at any time.

Method. Each stream (one metric on one slice) gives one value per window (a day or a week); windows, never rows, are the unit. detector.py
turns the windows of a stream into an e-detector R, from ranks of whitened values: if nothing changes, P(R reaches c within N windows) <=
N / c. Then p = windows_per_year / max R is a p-value at any time, and Holm's step-down with weights adjusts it over the streams under any
dependence between them (Holm (1979), Scand. J. Statist. 6:65-70). So the probability that any stream is wrongly found to deviate within
the first N windows is at most false_alarm_rate N / windows_per_year: the stated rate in the first year, and for as long as monitoring
goes on.

- The overall slice, the other slices, and the features (their concentration, see drift.py) have an equal share of the weight each, so that
  more slices or features do not blunt it.
- Any other slice is judged by its difference from the whole on the same day: a storm or a season moves both, and what is left is its own.
  So a slice is found that should have gone along with the whole and did not, though no value of it is unusual in itself.
- The concentration of a feature has to change by much as well as surely (`material`): many rows make the smallest trend sure.
- Beside metrics and features, the number of labelled rows is judged, in logarithms: a source that stops leaves nothing else to judge. A
  third of them has to be gone, as business has seasons, too.
- Beside the metrics of the model, the label rate of every other slice is judged, in logarithms, as a ratio to that of all rows. Where
  labels go wrong (all of a carrier's become 0), ranking metrics have no value, and the others look better than ever.
- Why not the mean of the streams' e-values, or e-BH, which could gather more: each stream's e-process lives in the filtration of its own
  ranks, and e-processes of different filtrations must not be averaged (Choe & Ramdas (2024), arXiv:2402.09698). p-values may be adjusted.

Assumption. While nothing changes, the whitened windows of a stream are exchangeable. With their serial correlation known the rate then is a
theorem; with it estimated, and with weekdays and a mild season, it is measured in bench/deviation.py. A tolerance weakens "nothing
changes" to "worse than the earlier windows by at most this, and not at once".

Limits.
- A season or trend of the base rate moves log loss, Brier score, bias and calibration error although rows are ranked as well as ever. A
  strong one is found to be the deviation it is (predictions are off by it), unless a tolerance allows for it. AUC hardly moves with it.
- Whitening is of first order. Storms of two or three days keep the rate; where they last a week (autocorrelation 0.8 from day to day), or a
  season moves the base rate of calm days by two points either way, the bench finds several times the stated rate.
- The reference must be windows the model was neither fitted nor chosen on. Its season is not the whole year's.
- All windows count alike, so one with far fewer rows than usual belongs left out (None).
- What gets worse little by little is found late: all earlier windows are the yardstick, and a new level becomes part of it with time.
- After an alarm has been dealt with, monitoring starts anew: with a new model, or, once its investigation is resolved, with all days before
  as reference. Those that deviated are among them, so the same trouble is then found later than the first time, and each start anew has a
  false-alarm rate of its own.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from solvent.errors import EvaluationError
from solvent.kinds import descriptive
from solvent.monitoring.detector import (
    CONCENTRATION,
    VOLUME,
    ChangePoint,
    Evidence,
    Floats,
    change_point,
    directions,
    gather,
)
from solvent.monitoring.expectation import Expectation, expectations, too_little
from solvent.monitoring.streams import Stream, Values, against_whole, aligned, shares, without_descriptive

# The mean of so many last windows has to be so much worse than that of the reference. Of a concentration: seasons and the calendar move it
# by less than a tenth (flights, July to September 2013), a frozen feed by a third. Of the logarithm of rows: a week of flights has at most
# 17 % fewer than the month of reference (2013).
RECENT = 7
MATERIAL: Mapping[str, float] = MappingProxyType({CONCENTRATION: 0.2, VOLUME: math.log(1.5)})
NO_TOLERANCE: Mapping[str, float] = MappingProxyType({})


@dataclass(frozen=True)
class Finding:
    """What is known about one stream; `expected` and `observed` of a slice are differences from the whole.

    Attributes:
        stream: Which.
        deviates: Whether it does, adjusted for all streams and all looks.
        alarm: The window in which it was first found to deviate, or None.
        p_value: The smallest false-alarm rate per year at which it would deviate; adjusted like `deviates`.
        e_value: Evidence as of the last window, R_t / windows_per_year; unadjusted.
        direction: Where the evidence points: "worse", or "higher" or "lower" where the value is not better or worse in itself.
        expected: From the reference.
        observed: Mean since the change point, or of all windows without one; None if no window has a value.
        change: The change point as seen at the alarm, if it deviates.
    """

    stream: Stream
    deviates: bool
    alarm: int | None
    p_value: float
    e_value: float
    direction: str
    expected: Expectation
    observed: float | None
    change: ChangePoint | None


@dataclass(frozen=True)
class Verdict:
    """What is known about all streams together.

    Attributes:
        false_alarm_rate: The stated one, per year.
        alarm: The first window in which any stream deviates, or None.
        e_values: Per window, the largest weighted e-value of a stream; an alarm is raised when it reaches 1 / false_alarm_rate.
        findings: One per judged stream, in the order given.
        unjudged: Streams without enough reference, and why.
    """

    false_alarm_rate: float
    alarm: int | None
    e_values: tuple[float, ...]
    findings: tuple[Finding, ...]
    unjudged: Mapping[Stream, str]


def detect_deviations(
    streams: Mapping[Stream, Values],
    references: Mapping[Stream, Values],
    false_alarm_rate: float = 0.05,
    windows_per_year: int = 365,
    tolerances: Mapping[str, float] = NO_TOLERANCE,
) -> Verdict:
    """Whether any stream deviates from its reference, and which; see the module for method, sources and assumptions.

    It keeps no state: given one window more, it says the same of all earlier windows.

    Args:
        streams: Per stream, one value per monitored window in order of time; None where there is none (no matured labels, too few rows).
        references: Per stream, its values in the windows before, in order of time.
        false_alarm_rate: The probability of any false alarm within a year.
        windows_per_year: 365 for days, 52 for weeks.
        tolerances: Per metric, in its unit: worse by less than this does not matter.

    Returns:
        The verdict after the last window.

    Raises:
        EvaluationError: If a value, rate or tolerance cannot be used, or streams differ in length.
    """
    require_usable(streams, references, false_alarm_rate, tolerances)
    streams, references = without_descriptive(against_whole(streams)), against_whole(references)
    unjudged = {stream: reason for stream in streams if (reason := too_little(references.get(stream, ())))}
    judged = [stream for stream in streams if stream not in unjudged]
    windows = max(map(len, streams.values()), default=0)
    if not judged or not windows:
        return Verdict(false_alarm_rate, None, (), (), unjudged)
    before, after = aligned([references[stream] for stream in judged]), aligned([streams[stream] for stream in judged])
    evidence = gather([stream.metric for stream in judged], before, after, tolerances)
    weights = shares(judged)
    log_e = np.array([one.detector for one in evidence]) - math.log(windows_per_year)
    log_p = adjusted(-np.maximum.accumulate(log_e, axis=1), weights)
    deviates = (log_p <= math.log(false_alarm_rate)) & material(judged, before, after)
    rows = zip(judged, expectations(before), after, evidence, log_e, log_p, deviates, strict=True)
    findings = tuple(finding(*row) for row in rows)
    alarm = min((one.alarm for one in findings if one.alarm is not None), default=None)
    largest = np.max(log_e + np.log(weights)[:, None], axis=0)
    return Verdict(false_alarm_rate, alarm, tuple(map(bounded_exp, largest)), findings, unjudged)


def require_usable(
    streams: Mapping[Stream, Values],
    references: Mapping[Stream, Values],
    false_alarm_rate: float,
    tolerances: Mapping[str, float],
) -> None:
    """Refuses what cannot be judged."""
    if not 0.0 < false_alarm_rate < 1.0:
        raise EvaluationError(
            f"false_alarm_rate is {false_alarm_rate:g}; it is a probability between 0 and 1, such as 0.05"
        )
    if any(len(set(map(len, values.values()))) > 1 for values in (streams, references)):
        raise EvaluationError("the streams have different numbers of windows; give None for a window without a value")
    for metric, tolerance in tolerances.items():
        if not 0.0 <= tolerance < math.inf:
            raise EvaluationError(
                f"the tolerance of {metric} is {tolerance:g}; it is 0 or more, in the unit of the metric"
            )
    for values in (streams, references):
        for stream, found in values.items():
            if descriptive(stream.metric):
                raise EvaluationError(
                    f"{stream.metric} describes the rows, not the model: it cannot be better or worse; monitor other metrics"
                )
            if not all(value is None or math.isfinite(value) for value in found):
                raise EvaluationError(
                    f"{stream.metric} of {stream.slice}={stream.slice_value} has a value that is not a finite number; give None"
                )


def adjusted(log_p: Floats, weights: Floats) -> Floats:
    """Log p-values adjusted by Holm's step-down with weights, for each column.

    Source: Holm (1979), Scand. J. Statist. 6:65-70: in order of p / weight, each is multiplied by the weight of all not yet rejected.
    """
    ratio = log_p - np.log(weights)[:, None]
    order = np.argsort(ratio, axis=0, kind="stable")
    remaining = np.cumsum(weights[order][::-1], axis=0)[::-1]
    # The first one's remaining weight is one but for rounding, which must not part the alarm from the e-values.
    remaining[:1] = 1.0
    stepped = np.maximum.accumulate(np.take_along_axis(ratio, order, axis=0) + np.log(remaining), axis=0)
    result = np.empty_like(stepped)
    np.put_along_axis(result, order, np.minimum(stepped, 0.0), axis=0)
    return result


def finding(
    stream: Stream,
    expectation: Expectation,
    after: Floats,
    evidence: Evidence,
    log_e: Floats,
    log_p: Floats,
    deviates: NDArray[np.bool_],
) -> Finding:
    """What is known about one stream after its last window.

    Args:
        stream: Which.
        expectation: From its reference.
        after: Its values per monitored window.
        evidence: Against "no change".
        log_e: Log e-value per monitored window.
        log_p: Log of the adjusted p-value, likewise.
        deviates: Whether it deviates, likewise.
    """
    alarm = int(np.argmax(deviates)) if deviates.any() else None
    # At the alarm the change is seen most sharply.
    seen = len(after) if alarm is None else alarm + 1
    strongest = int(np.argmax(evidence.side_detectors[:, seen - 1]))
    change = None if alarm is None else change_point(evidence.e_values[strongest, :seen])
    since = after[change.window if change else 0 :]
    return Finding(
        stream,
        deviates=alarm is not None,
        alarm=alarm,
        p_value=math.exp(log_p[-1]),
        e_value=bounded_exp(log_e[-1]),
        direction=direction_of(stream, strongest, len(evidence.e_values)),
        expected=expectation,
        observed=float(np.nanmean(since)) if np.isfinite(since).any() else None,
        change=change,
    )


def direction_of(stream: Stream, strongest: int, sides: int) -> str:
    """Where the evidence points, in a word."""
    if sides > 1:
        return ("higher", "lower")[strongest]
    return "higher" if stream.of_feature else "lower" if stream.of_volume else "worse"


def material(streams: Sequence[Stream], before: Floats, after: Floats) -> NDArray[np.bool_]:
    """Whether a stream is far enough from its reference to matter, for each monitored window; a smaller change raises no alarm.

    So the false-alarm rate can only fall. A tolerance would not do for a stream that stays at a new value, as frozen ones do: later windows
    are ranked among those values, too.
    """
    least = np.array([[MATERIAL.get(stream.metric, -math.inf)] for stream in streams])
    worse = np.array([[directions(stream.metric)[0]] for stream in streams])
    known = np.isfinite(after)
    total, count = (np.cumsum(values, axis=1) for values in (np.where(known, after, 0.0), known))
    total[:, RECENT:], count[:, RECENT:] = (
        total[:, RECENT:] - total[:, :-RECENT],
        count[:, RECENT:] - count[:, :-RECENT],
    )
    recent = np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)
    return np.asarray((worse * (recent - np.nanmean(before, axis=1, keepdims=True)) >= least) | np.isneginf(least))


def bounded_exp(log_value: float) -> float:
    """The exponential, at most 1e300, so that overwhelming evidence is still a number."""
    return math.exp(min(log_value, 300 * math.log(10)))
