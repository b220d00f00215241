"""The e-detector of a stream: evidence that its windows got worse, without knowing their distribution, their mean or when.

A window is a day (or a week) with one value of a metric. Rows of one day share its storms; they are never taken as independent.

1. *Whitening.* d_i = x_i - phi x_(i-1) takes out the serial correlation of storms that last. phi is estimated from the windows up to
   two weeks before the judged one, or from the reference, and raised by 1.5 standard errors; it comes from the variogram, which a change
   of level or a season inflates far less than the autocorrelation. Source: Cochrane & Orcutt (1949), JASA 44:32-61; for control charts:
   Alwan & Roberts (1988), JBES 6:87-95.
2. *Conformal e-values.* If the d are exchangeable, the rank of d_t among d_1..d_t is uniform on 1..t and independent of earlier ranks,
   whatever the distribution. So for any density f on (0, 1), t times the integral of f over ((rank - 1) / t, rank / t) is an e-value
   given the earlier ranks. Here f is the likelihood ratio of a shift by theta standard deviations in normal scores z,
   exp(theta z - theta^2 / 2), and the integral is Phi(z_r - theta) - Phi(z_(r-1) - theta) with z_r = Phi^-1(r / t). Nothing has to be
   known of mean, variance or bounds; how little the reference tells is part of the rank; one outlier is one rank.
   Source: Vovk, Petej, Nouretdinov, Ahlberg, Carlsson & Gammerman (2021), "Retrain or not retrain: conformal test martingales for
   change-point detection", PMLR 152:191-210. From sequential ranks: Gordon & Pollak (1994), Ann. Statist. 22:763-804.
3. *Unknown start.* R_t = (R_(t-1) + 1) e_t sums, over all start windows, the product of the e-values since then; it is averaged over
   theta. R_t - t is a supermartingale, so P(R reaches c within N windows) <= N / c, and the mean time to a false alarm is at least c.
   Source: Shin, Ramdas & Rinaldo (2023), "E-detectors: a nonparametric framework for sequential change detection", NEJSDS 2:229-260
   (there the e-SR procedure). Good behaviour in the past never has to be made up for.

Why not bets on the mean of a bounded variable (Waudby-Smith & Ramdas (2024), JRSS-B 86:1-27): the mean is unknown and would have to be
bet on too, and one window multiplies the wealth at most by (its distance to the bound) / (the mean's), a small number for a metric that
moves in a small part of its range; a rank among t multiplies it by up to t.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtr, ndtri

from solvent.kinds import metrics_by_name
from solvent.kinds.metric import LABEL_RATE, SIGNED

Floats = NDArray[np.float64]

# Of a feature: no metric of the model either, but of what it is given.
CONCENTRATION = "concentration"
# Log of the labelled rows of a window: where there are none, nothing else has a value.
VOLUME = "log_rows"
# What is judged beside metrics -> the signs that turn it into badness; either side of a label rate is bad.
OWN_SIGNS = {LABEL_RATE: (1.0, -1.0), CONCENTRATION: (1.0,), VOLUME: (-1.0,)}
# Shifts bet on, in standard deviations of a whitened window.
SHIFTS = np.array([0.5, 1.0, 1.5, 2.0, 3.0])
# Windows so far apart share no storm: half of their mean squared difference is the variance.
DISTANT = range(7, 15)
MOST_CORRELATION = 0.9
# Too low a correlation makes a storm look like a change, too high a one costs delay; bench/deviation.py shows what this buys.
CAUTION = 1.5
# A change of level among the windows that correlation is estimated from looks like correlation, and whitening would then take it away:
# so the last ones are left out, and what changed is found before it enters.
SETTLING = 14
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Evidence:
    """What the windows of one stream say against "no change", in logarithms. A signed metric has two sides, any other has one.

    Attributes:
        detector: The e-detector R per monitored window, averaged over the sides.
        side_detectors: Sides by monitored windows.
        e_values: What these are made of, sides by monitored windows by shifts.
    """

    detector: Floats
    side_detectors: Floats
    e_values: Floats


@dataclass(frozen=True)
class ChangePoint:
    """When a deviation started, as window numbers: the most probable, and the shortest interval with 95% of the evidence."""

    window: int
    low: int
    high: int


def directions(metric: str) -> tuple[float, ...]:
    """The signs that turn a metric into badness: both for a signed metric, of which either side is bad."""
    if metric in OWN_SIGNS:
        return OWN_SIGNS[metric]
    entry = metrics_by_name()[metric]
    return (1.0, -1.0) if entry.better == SIGNED else (entry.badness(1.0),)


def gather(metrics: Sequence[str], before: Floats, after: Floats, tolerances: Mapping[str, float]) -> list[Evidence]:
    """The evidence that each stream got worse after its reference.

    Args:
        metrics: Of the streams.
        before: Streams by reference windows; not a number where there is no value.
        after: Streams by monitored windows, likewise.
        tolerances: Per metric, in its unit.
    """
    sides = [
        (row, sign, tolerances.get(metric, 0.0)) for row, metric in enumerate(metrics) for sign in directions(metric)
    ]
    owners = np.array([row for row, _, _ in sides], dtype=np.int64)
    signs, allowed = np.array([side[1:] for side in sides]).T[:, :, None]
    series = np.concatenate([before, after], axis=1)[owners] * signs
    previous = last_before(series)
    phi = serial_correlation(series, previous, before.shape[1])
    e_values = conformal_log_e_values(*ranks(series, previous, phi, allowed * (1 - phi)))
    detectors = detect(e_values)
    owned = [slice(*np.searchsorted(owners, [row, row + 1])) for row in range(len(metrics))]
    return [Evidence(averaged(detectors[own]), detectors[own], e_values[own]) for own in owned]


def averaged(detectors: Floats) -> Floats:
    """The log of the mean of detectors given by their logs."""
    return np.asarray(np.logaddexp.reduce(detectors, axis=0) - math.log(len(detectors)))


def last_before(series: Floats) -> Floats:
    """For each window the value of the last window before it that has one; not a number where none has."""
    windows = np.arange(series.shape[1])
    latest = np.maximum.accumulate(np.where(np.isnan(series), 0, windows), axis=1)
    return lagged(np.take_along_axis(series, latest, axis=1), 1)


def lagged(series: Floats, lag: int) -> Floats:
    """The values of so many windows ago; not a number in the first ones."""
    result = np.full_like(series, np.nan)
    result[:, lag:] = series[:, :-lag]
    return result


def serial_correlation(series: Floats, previous: Floats, first: int) -> Floats:
    """The correlation of neighbouring windows as known before each window from `first` on, raised by CAUTION standard errors.

    One minus the semivariance of neighbours over that of windows one to two weeks apart; on semivariances see Cressie (1993),
    "Statistics for spatial data", section 2.4. The standard error is Bartlett's, 1 / sqrt(windows). Of the windows from `first` on, the
    last SETTLING ones are left out.
    """
    neighbours = np.square(series - previous)
    distant = np.square(series - np.array([lagged(series, lag) for lag in DISTANT]))
    counted = (np.isfinite(neighbours), np.isfinite(distant).sum(axis=0), np.isfinite(series))
    pairs, distant_pairs, windows = (np.maximum(sum_before(values, first, SETTLING), 1) for values in counted)
    near = sum_before(neighbours, first, SETTLING) / pairs
    far = sum_before(np.nansum(distant, axis=0), first, SETTLING) / distant_pairs
    error = CAUTION / np.sqrt(windows)
    return np.clip(1 - np.divide(near, far, out=np.ones_like(near), where=far > 0) + error, 0, MOST_CORRELATION)


def sum_before(values: NDArray[Any], first: int, settling: int = 0) -> Floats:
    """The sum of all windows before each window from `first` on, but for so many of the last ones, and always of those before `first`."""
    until = np.maximum(np.arange(first, values.shape[1]) - settling, first)
    return np.asarray(np.nancumsum(values, axis=1)[:, until - 1], dtype=np.float64)


def ranks(series: Floats, previous: Floats, phi: Floats, margin: Floats) -> tuple[Floats, Floats, Floats]:
    """How each of the last windows, whitened and lowered by its margin, ranks among itself and all whitened windows before.

    Returns:
        Per window: how many are below; how many are equal, counting itself; how many there are. A window without value equals all.
    """
    first = series.shape[1] - phi.shape[1]
    # Windows come first here, because sums over rows of an array are three times as fast as sums over its columns.
    values, values_before = np.ascontiguousarray(series.T), np.ascontiguousarray(previous.T)
    below, up_to = np.zeros(phi.T.shape), np.zeros(phi.T.shape)
    for window, (correlation, allowed) in enumerate(zip(phi.T, margin.T, strict=True)):
        until = first + window + 1
        whitened = values[:until] - correlation * values_before[:until]
        judged = whitened[-1] - allowed
        below[window] = np.sum(whitened[:-1] < judged, axis=0, dtype=np.int32)
        up_to[window] = np.sum(whitened[:-1] <= judged, axis=0, dtype=np.int32)
    whitenable = np.isfinite(series) & np.isfinite(previous)
    size = sum_before(whitenable, first) + 1
    return below.T, np.where(whitenable[:, first:], (up_to - below).T + 1, size), size


def conformal_log_e_values(below: Floats, equal: Floats, size: Floats) -> Floats:
    """Log of the e-values of ranks, for each shift, in a last dimension. Equal values share the integral over their ranks.

    Source: step 2 above. For any shift, the mean over the ranks 1..size is one.
    """
    low, high = ndtri(below / size)[..., None], ndtri((below + equal) / size)[..., None]
    return np.asarray(np.log(ndtr(high - SHIFTS) - ndtr(low - SHIFTS)) - np.log(equal / size)[..., None])


def detect(e_values: Floats) -> Floats:
    """Log of the Shiryaev-Roberts e-detector R_t = (R_(t-1) + 1) e_t along the windows, averaged over the shifts in the last dimension."""
    wealth = np.cumsum(e_values, axis=-2)
    started = np.logaddexp.accumulate(e_values - wealth, axis=-2)
    return np.asarray(logsumexp(wealth + started, axis=-1) - math.log(e_values.shape[-1]))


def change_point(e_values: Floats) -> ChangePoint:
    """When the change came, from the share that each start window has of the e-detector.

    This is the posterior of the start under a uniform prior and the shifts of the e-values: Shiryaev (1963), Theory Probab. Appl. 8:22-46.
    That it is looked at because of an alarm is not allowed for; its coverage at the alarm is measured in bench/deviation.py. Later windows
    blur it, since a new level becomes part of what they are ranked among.

    Args:
        e_values: Monitored windows by shifts, in logarithms.
    """
    since = logsumexp(np.cumsum(e_values[::-1], axis=0)[::-1], axis=1)
    share = np.exp(since - logsumexp(since))
    total = np.concatenate([[0.0], np.cumsum(share)])
    # The first end at which each start has its 95%; starts too late to have them are left out.
    starts = np.flatnonzero(total[-1] - total[:-1] >= CONFIDENCE)
    ends = np.searchsorted(total, total[starts] + CONFIDENCE)
    shortest = int(np.argmin(ends - starts))
    # Of equal ones the last: what did not change is no part of a change.
    likeliest = len(share) - 1 - int(np.argmax(share[::-1]))
    return ChangePoint(likeliest, int(starts[shortest]), int(min(ends[shortest], len(share))) - 1)
