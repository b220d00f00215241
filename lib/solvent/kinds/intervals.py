"""Confidence intervals from sufficient statistics; each function names its source.

All are for one slice on its own: they are not simultaneous over slices.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri, stdtrit

Floats = NDArray[np.float64]

# Placement values are kept to 2**-52, so a DeLong component below this is rounding, not spread.
NO_SPREAD = 1e-14
FOLDED_NORMAL_DRAWS = 4_000
FOLDED_NORMAL_SEED = 20_130_731


@dataclass(frozen=True)
class Interval:
    """Confidence limits (None where undefined) and the name of the method that made them."""

    low: float | None
    high: float | None
    method: str


def undefined(reason: str) -> Interval:
    """The interval of a figure that has none, and why."""
    return Interval(None, None, f"undefined: {reason}")


def normal_quantile(confidence: float) -> float:
    """The two-sided standard normal quantile, 1.96 for 0.95."""
    return float(ndtri(0.5 + confidence / 2))


def t_quantile(confidence: float, degrees: int) -> float:
    """The two-sided quantile of Student's t."""
    return float(stdtrit(degrees, 0.5 + confidence / 2))


def wilson(successes: int, trials: int, confidence: float) -> Interval:
    """Wilson's score interval for a proportion.

    Source: Wilson (1927), JASA 22:209-212; Brown, Cai & DasGupta (2001), Statistical Science 16, eq. 4.

    Args:
        successes: Rows counted.
        trials: Rows that could have counted.
        confidence: Coverage, such as 0.95.

    Returns:
        Limits within [0, 1], undefined without trials.
    """
    if trials == 0:
        return undefined("no rows to count")
    z2 = normal_quantile(confidence) ** 2
    rate = successes / trials
    centre = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = math.sqrt(z2 * (rate * (1 - rate) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    # At 0 and 1 the limit is the rate itself, which rounding would miss by one bit.
    return Interval(min(max(centre - half, 0.0), rate), max(min(centre + half, 1.0), rate), "Wilson")


def wilson_f1(true_positives: int, false_positives: int, false_negatives: int, confidence: float) -> Interval:
    """Wilson's interval carried over to F1.

    Given the rows that are positive by label or by prediction, true positives are binomial with probability
    J = F1 / (2 - F1), and F1 = 2 J / (1 + J) is monotone in J.
    Source: Lam, Gopal & Qian (2023), "Confidence intervals for the F1 score", arXiv:2309.14621, "Wilson indirect".
    """
    jaccard = wilson(true_positives, true_positives + false_positives + false_negatives, confidence)
    if jaccard.low is None or jaccard.high is None:
        return undefined("no positive label and no positive prediction")
    return Interval(2 * jaccard.low / (1 + jaccard.low), 2 * jaccard.high / (1 + jaccard.high), "Wilson via Jaccard")


def student_t(mean: float, variance: float, n: int, confidence: float, lowest: float = -math.inf) -> Interval:
    """The interval of a mean by the central limit theorem, with Student's quantile for small samples.

    Args:
        mean: Sample mean.
        variance: Sample variance, divided by n - 1.
        n: Rows.
        confidence: Coverage.
        lowest: The least possible value of the mean, where the interval is cut.

    Returns:
        mean -/+ t(n - 1) sqrt(variance / n), undefined for fewer than two rows.
    """
    if n < 2:
        return undefined("one row")
    half = t_quantile(confidence, n - 1) * math.sqrt(max(variance, 0.0) / n)
    return Interval(min(max(mean - half, lowest), mean), mean + half, "Student t")


def delong(auc: float, positives: int, negatives: int, s10: float, s01: float, confidence: float) -> Interval:
    """DeLong's interval for the area under the ROC curve, made on the logit scale.

    Source: DeLong, DeLong & Clarke-Pearson (1988), Biometrics 44:837-845, eq. 4-6 (var = s10 / m + s01 / n); logit scale:
    Pepe (2003), "The statistical evaluation of medical tests", 5.2.5. Where the placement values have no spread
    (perfect separation, constant scores) or a class has one row, DeLong's variance says nothing and Newcombe's interval is used.

    Args:
        auc: The area.
        positives: Rows with label 1, m.
        negatives: Rows with label 0, n.
        s10: Sample variance of the positives' placement values (share of negatives below).
        s01: Sample variance of the negatives' placement values (share of positives above).
        confidence: Coverage.
    """
    if min(positives, negatives) < 2 or max(s10, s01) < NO_SPREAD or not 0.0 < auc < 1.0:
        return newcombe(auc, positives, negatives, confidence)
    error = math.sqrt(s10 / positives + s01 / negatives)
    half = normal_quantile(confidence) * error / (auc * (1 - auc))
    centre = logit(auc)
    return Interval(float(expit(centre - half)), float(expit(centre + half)), "DeLong (logit)")


def newcombe(auc: float, positives: int, negatives: int, confidence: float) -> Interval:
    """Newcombe's score-like interval for the area under the ROC curve, usable at 0 and 1.

    Source: Newcombe (2006), Statistics in Medicine 25:559-573, method 5: all areas A with (A - auc)^2 <= z^2 V(A), where V is
    Hanley & McNeil's (1982) variance with both class sizes of its numerator replaced by their mean.
    """
    # Imported only here: it takes a quarter of a second, and `solvent plan` needs none of it.
    from scipy.optimize import brentq

    z2 = normal_quantile(confidence) ** 2
    size = (positives + negatives) / 2 - 1

    def excess(area: float) -> float:
        spread = 1 + size * ((1 - area) / (2 - area) + area / (1 + area))
        return (area - auc) ** 2 - z2 * area * (1 - area) * spread / (positives * negatives)

    # excess has a second root at auc itself where auc is 0 or 1; the bracket stops short of it.
    low = 0.0 if auc <= 0.0 else min(brentq(excess, 0.0, auc - 1e-12 if auc >= 1.0 else auc), auc)
    high = 1.0 if auc >= 1.0 else max(brentq(excess, auc + 1e-12 if auc <= 0.0 else auc, 1.0), auc)
    return Interval(float(low), float(high), "Newcombe 5")


def average_precision_logit(average_precision: float, positives: int, confidence: float) -> Interval:
    """The logit interval of the area under the precision-recall curve.

    Source: Boyd, Eng & Page (2013), "Area under the precision-recall curve: point estimates and confidence intervals", ECML PKDD,
    eq. 5: logit(AP) -/+ z / sqrt(positives AP (1 - AP)). At AP = 1 it has no width; Wilson's limits of the same binomial are given.
    """
    if average_precision >= 1.0:
        return wilson(positives, positives, confidence)
    half = normal_quantile(confidence) / math.sqrt(positives * average_precision * (1 - average_precision))
    centre = logit(average_precision)
    return Interval(float(expit(centre - half)), float(expit(centre + half)), "logit")


@lru_cache(maxsize=4)
def standard_normals(bins: int) -> Floats:
    """Fixed draws, so that equal data gives equal limits."""
    return np.random.default_rng(FOLDED_NORMAL_SEED).standard_normal((FOLDED_NORMAL_DRAWS, bins))


def calibration_error_folded(differences: Floats, squares: Floats, n: int, confidence: float) -> Interval:
    """An interval for the binned calibration error that is honest about its upward bias.

    The error is T = sum_b |d_b|, d_b = (labels - predictions in bin b) / n. Each |d_b| counts noise as error, so T is too large on
    average, and a bootstrap around T would be doubly so. With d_b = delta_b + e_b and theta = sum_b |delta_b|:

    - upper limit: T >= sum_b sign(delta_b) d_b whatever the signs, and this sum is normal around theta with variance
      (brier - theta^2) / n, so theta <= T + z sqrt((brier - T^2) / n);
    - lower limit: T - theta <= sum_b |e_b|, whose quantile is taken by simulation of independent normals. In bins where
      |d_b| exceeds sqrt(log n) standard errors the sign is settled and e_b stands for |e_b| (moment selection: Andrews & Soares
      (2010), Econometrica 78:119-157, section 4.1).

    It covers at least at its level for large n, and more than that for well calibrated models. theta is the error of these bins, which is
    never above the calibration error without bins (Kumar, Liang & Ma (2019), NeurIPS, proposition 3.3).

    Args:
        differences: Sum of label minus prediction, per bin.
        squares: Sum of the squares of label minus prediction, per bin.
        n: Rows.
        confidence: Coverage.
    """
    if n < 2:
        return undefined("one row")
    offsets, errors = np.abs(differences) / n, np.sqrt(squares) / n
    value, brier = math.fsum(offsets), math.fsum(squares) / n
    settled = offsets > math.sqrt(math.log(n)) * errors
    draws = standard_normals(len(offsets))
    noise = np.where(settled, draws, np.abs(draws)) @ errors
    low = value - float(np.quantile(noise, 0.5 + confidence / 2))
    high = value + normal_quantile(confidence) * math.sqrt(max(brier - value**2, 0.0) / n)
    return Interval(min(max(low, 0.0), value), min(high, max(value, 1.0)), "folded normal")


def log_jackknife(statistic: Callable[[int | None], float], groups: int, confidence: float) -> tuple[float, float]:
    """Limits of the log of a positive statistic by the delete-a-group jackknife.

    Source: Kott (2001), "The delete-a-group jackknife", Journal of Official Statistics 17:521-526; variance
    (G - 1) / G sum_g (t_g - t)^2 with Student's quantile on G - 1 degrees of freedom. Groups are blocks of the rows' key hash, so
    that they depend neither on the order nor on the partitions of the rows, and rows with one key stay together.

    Args:
        statistic: The statistic without group g, or of all rows for None. Positive.
        groups: Number of non-empty groups, at least 2.
        confidence: Coverage.

    Returns:
        The factors by which the statistic may be lower and higher.
    """
    centre = math.log(statistic(None))
    without = [math.log(statistic(group)) for group in range(groups)]
    variance = (groups - 1) / groups * math.fsum((value - centre) ** 2 for value in without)
    half = t_quantile(confidence, groups - 1) * math.sqrt(variance)
    return math.exp(-half), math.exp(half)
