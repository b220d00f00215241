"""The laws the method rests on, exactly where they are exact; then what a user sees: what is found, what is not, and when."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import norm
from scipy.stats import t as student

from solvent.errors import EvaluationError
from solvent.monitoring.detector import (
    SHIFTS,
    VOLUME,
    change_point,
    conformal_log_e_values,
    detect,
    gather,
    last_before,
    ranks,
    serial_correlation,
)
from solvent.monitoring.deviation import Finding, adjusted, detect_deviations
from solvent.monitoring.expectation import expected
from solvent.monitoring.streams import Stream, against_whole, shares

AUC, LOG_LOSS, BIAS = Stream("auc"), Stream("log_loss"), Stream("prediction_bias")
REFERENCE, YEAR, CHANGE = 45, 365, 120


def days(seed: int, windows: int, mean: float = 0.5, spread: float = 0.05, correlation: float = 0.0) -> np.ndarray:
    """Days with skewed shocks that last."""
    shocks = np.random.default_rng(seed).gamma(2.0, 1.0, windows + 50) / math.sqrt(2) - math.sqrt(2)
    level = np.zeros(windows + 50)
    for day in range(1, len(level)):
        level[day] = correlation * level[day - 1] + math.sqrt(1 - correlation**2) * shocks[day]
    return mean + spread * level[50:]


def one(metric: Stream, series: np.ndarray, **options) -> Finding:
    """The finding on a series whose first days are the reference."""
    return detect_deviations(
        {metric: series[REFERENCE:].tolist()}, {metric: series[:REFERENCE].tolist()}, **options
    ).findings[0]


def shifted(series: np.ndarray, by: float, day: int = CHANGE) -> np.ndarray:
    return series + by * (np.arange(len(series)) >= REFERENCE + day)


# --- e-values -------------------------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 5), min_size=1, max_size=60))
def test_e_values_average_to_one_over_uniform_ranks_with_any_ties(ties):
    size = sum(ties)
    below = np.cumsum([0, *ties[:-1]])
    e = np.exp(conformal_log_e_values(below * 1.0, np.array(ties) * 1.0, np.full(len(ties), size * 1.0)))
    np.testing.assert_allclose((e * np.array(ties)[:, None]).sum(axis=0) / size, 1.0, rtol=1e-9)


def test_e_values_are_the_likelihood_ratio_of_a_shift_averaged_over_the_rank():
    rank, size = 38, 40
    u = np.linspace((rank - 1) / size, rank / size, 20_001)
    ratio = norm.pdf(norm.ppf(u)[:, None] - SHIFTS) / norm.pdf(norm.ppf(u))[:, None]
    found = np.exp(conformal_log_e_values(np.array([rank - 1.0]), np.array([1.0]), np.array([size * 1.0])))[0]
    np.testing.assert_allclose(found, ratio.mean(axis=0), rtol=1e-3)


def test_mean_of_the_detector_over_all_orders_is_the_number_of_windows():
    """R_t - t is a martingale: exact, over all 7! orders of 7 values, if correlation is known to be zero."""
    orders = np.array(list(itertools.permutations(range(7))), dtype=float)
    series = np.concatenate(
        [np.zeros((len(orders), 1)), orders], axis=1
    )  # one window to be the predecessor of the first
    none = np.zeros((len(orders), 5))
    e = conformal_log_e_values(*ranks(series, last_before(series), none, none))
    np.testing.assert_allclose(np.exp(detect(e)).mean(axis=0), [1, 2, 3, 4, 5], rtol=1e-9)


def test_detector_is_the_shiryaev_roberts_recursion():
    e = np.random.default_rng(1).normal(0, 1, (30, len(SHIFTS)))
    level, found = np.zeros(len(SHIFTS)), []
    for row in np.exp(e):
        level = (level + 1) * row
        found.append(level.mean())
    np.testing.assert_allclose(np.exp(detect(e)), found)


def test_ranks_are_those_of_whitened_values_less_the_margin():
    series = np.array([[5.0, 1.0, 4.0, 2.0, 3.0]])
    phi, margin = np.array([[0.5, 0.5]]), np.array([[0.0, 1.5]])
    # Whitened: -1.5, 3.5, 0, 2; the last is judged as 0.5.
    below, equal, size = ranks(series, last_before(series), phi, margin)
    assert (below.tolist(), equal.tolist(), size.tolist()) == ([[1, 2]], [[1, 1]], [[3, 4]])


def test_equal_values_are_counted_as_equal():
    series, none = np.array([[0.0, 2.0, 1.0, 2.0, 2.0]]), np.zeros((1, 1))
    below, equal, size = ranks(series, last_before(series), none, none)
    assert (below.item(), equal.item(), size.item()) == (1, 3, 4)


def test_the_window_before_is_the_last_one_with_a_value():
    series = np.array([[math.nan, 1.0, math.nan, math.nan, 4.0, 5.0]])
    np.testing.assert_array_equal(last_before(series), [[math.nan, math.nan, 1.0, 1.0, 1.0, 4.0]])


def test_correlation_is_found_and_erred_on_the_high_side():
    series = np.array([days(seed, 2_000, correlation=0.6) for seed in range(8)])
    found = serial_correlation(series, last_before(series), 1_990)[:, -1]
    assert 0.58 < found.mean() < 0.68
    assert (serial_correlation(series * 0 + 1, last_before(series * 0 + 1), 1_990) < 0.1).all()


# --- false alarms ----------------------------------------------------------------------------------------------------------------


def alarms(correlation: float, years: int, threshold: float) -> float:
    series = np.array([days(seed, REFERENCE + YEAR, correlation=correlation) for seed in range(years)])
    found = gather(["log_loss"] * years, series[:, :REFERENCE], series[:, REFERENCE:], {})
    return float(np.mean([evidence.detector.max() >= math.log(threshold) for evidence in found]))


def test_false_alarms_stay_within_the_rate_on_days_that_depend_on_each_other():
    for correlation in (0.0, 0.4):
        assert alarms(correlation, 200, YEAR / 0.05) <= 0.03


def test_weeks_keep_the_rate_and_show_a_change():
    before, weeks, turn = 52, 52, 10
    series = np.array([days(seed, 7 * (before + weeks), correlation=0.4) for seed in range(300)])
    series = series.reshape(len(series), -1, 7).mean(axis=2)
    worse = series + 2 * series.std() * (np.arange(before + weeks) >= before + turn)
    found = []
    for rows in (series, worse):
        gathered = gather(["log_loss"] * len(rows), rows[:, :before], rows[:, before:], {})
        found.append(np.array([evidence.detector >= math.log(weeks / 0.05) for evidence in gathered]))
    assert found[0].any(axis=1).mean() <= 0.03
    assert found[1].any(axis=1).mean() >= 0.95
    assert np.median(np.argmax(found[1], axis=1)) <= turn + 12


def test_without_whitening_storms_would_be_alarms(monkeypatch):
    monkeypatch.setattr("solvent.monitoring.detector.MOST_CORRELATION", 0.0)
    assert alarms(0.4, 60, YEAR / 0.05) > 0.3


def test_many_streams_of_one_storm_keep_the_rate_together():
    streams = [Stream("log_loss"), *(Stream("log_loss", "origin", str(value)) for value in range(7))]
    wrong = 0
    for seed in range(25):
        storm = days(seed, REFERENCE + YEAR, correlation=0.4)
        rows = {stream: storm + days(1_000 * seed + row, REFERENCE + YEAR, 0.0) for row, stream in enumerate(streams)}
        live = {stream: row[REFERENCE:].tolist() for stream, row in rows.items()}
        wrong += (
            detect_deviations(live, {stream: row[:REFERENCE].tolist() for stream, row in rows.items()}).alarm
            is not None
        )
    assert wrong <= 2


# --- what is found ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "by", "direction"),
    [(AUC, -0.1, "worse"), (LOG_LOSS, 0.1, "worse"), (BIAS, 0.1, "higher"), (BIAS, -0.1, "lower")],
)
def test_a_change_for_the_worse_is_found_with_its_day_and_size(stream, by, direction):
    found = one(stream, shifted(days(3, REFERENCE + YEAR, correlation=0.3), by))
    assert found.deviates
    assert found.direction == direction
    assert CHANGE <= found.alarm <= CHANGE + 30
    assert found.change.low <= CHANGE <= found.change.high
    assert abs(found.change.window - CHANGE) <= 5
    assert found.expected.low <= found.expected.mean <= found.expected.high
    assert found.observed - found.expected.mean == pytest.approx(by, abs=0.03)


@pytest.mark.parametrize(("stream", "by"), [(AUC, 0.1), (LOG_LOSS, -0.1)])
def test_a_change_for_the_better_is_not_a_deviation(stream, by):
    found = one(stream, shifted(days(3, REFERENCE + YEAR), by))
    assert (found.deviates, found.alarm, found.change) == (False, None, None)


def test_a_year_of_good_days_does_not_slow_detection():
    late = one(LOG_LOSS, shifted(days(5, REFERENCE + YEAR), 0.1, 300))
    early = one(LOG_LOSS, shifted(days(5, REFERENCE + YEAR), 0.1, 10))
    assert late.alarm - 300 <= early.alarm - 10


def test_the_alarm_is_where_the_weighted_e_value_reaches_one_over_the_rate():
    rows = {AUC: shifted(days(7, REFERENCE + YEAR), -0.08), Stream("auc", "origin", "JFK"): days(8, REFERENCE + YEAR)}
    live = {stream: row[REFERENCE:].tolist() for stream, row in rows.items()}
    before = {stream: row[:REFERENCE].tolist() for stream, row in rows.items()}
    for rate in (0.01, 0.05, 0.3):
        verdict = detect_deviations(live, before, rate)
        assert verdict.alarm == next(day for day, e in enumerate(verdict.e_values) if e >= 1 / rate)
        assert [found.deviates for found in verdict.findings] == [True, False]
        # The p-value is the rate at which the stream would just deviate, the e-value what is left of the evidence.
        assert verdict.findings[0].p_value <= rate < verdict.findings[1].p_value


def test_rows_that_stop_are_found_and_those_that_are_somewhat_fewer_are_not():
    rng = np.random.default_rng(11)
    weekly = np.where(np.arange(REFERENCE + YEAR) % 7 == 5, 700, 900)
    rows = rng.poisson(weekly) * np.where(rng.random(REFERENCE + YEAR) < 0.03, 0.6, 1.0)
    since = np.arange(REFERENCE + YEAR) >= REFERENCE + CHANGE
    fewer, stopped, half = (np.log(rows * np.where(since, part, 1.0) + 0.5) for part in (0.8, 0.0, 0.5))
    assert not one(Stream(VOLUME), fewer).deviates
    for series in (stopped, half):
        found = one(Stream(VOLUME), series)
        assert (found.deviates, found.direction) == (True, "lower")
        assert CHANGE <= found.alarm <= CHANGE + 12
        assert found.change.low <= CHANGE <= found.change.high
    assert not one(Stream(VOLUME), np.log(rows * np.where(since, 3.0, 1.0))).deviates


def test_a_tolerance_forgives_what_does_not_matter_and_nothing_more():
    series = shifted(days(9, REFERENCE + YEAR), 0.03)
    assert one(LOG_LOSS, series).deviates
    assert not one(LOG_LOSS, series, tolerances={"log_loss": 0.03}).deviates
    assert one(LOG_LOSS, shifted(series, 0.1, 200), tolerances={"log_loss": 0.03}).alarm >= 200
    bias = shifted(days(9, REFERENCE + YEAR), -0.03)
    assert one(BIAS, bias).direction == "lower"
    assert not one(BIAS, bias, tolerances={"prediction_bias": 0.03}).deviates


# --- laws ------------------------------------------------------------------------------------------------------------------------

some_days = st.lists(st.one_of(st.none(), st.floats(-1, 1, allow_subnormal=False)), min_size=1, max_size=25)


@settings(max_examples=25)
@given(some_days, st.integers(1, 24))
def test_later_days_never_change_what_was_said_of_earlier_ones(live, cut):
    before = days(1, 30).tolist()
    whole = detect_deviations({AUC: live, BIAS: live}, {AUC: before, BIAS: before})
    part = detect_deviations({AUC: live[:cut], BIAS: live[:cut]}, {AUC: before, BIAS: before})
    assert part.e_values == pytest.approx(whole.e_values[:cut])


@settings(max_examples=25)
@given(some_days, st.sampled_from([0.25, 2.0, 1024.0]))
def test_the_unit_of_a_metric_does_not_matter(live, unit):
    before = days(1, 30)
    one_unit = detect_deviations({LOG_LOSS: live}, {LOG_LOSS: before.tolist()})
    other = detect_deviations(
        {LOG_LOSS: [None if day is None else day * unit for day in live]}, {LOG_LOSS: (before * unit).tolist()}
    )
    assert other.e_values == pytest.approx(one_unit.e_values)


def test_badness_is_all_that_counts():
    series = shifted(days(4, REFERENCE + YEAR), 0.06)
    assert one(AUC, -series).alarm == one(LOG_LOSS, series).alarm


def test_a_signed_metric_splits_its_bets_between_both_sides():
    series = shifted(days(4, REFERENCE + 60), 0.06, 30)
    before, live = series[:REFERENCE].tolist(), series[REFERENCE:].tolist()
    higher, lower, both = (
        detect_deviations({stream: live}, {stream: before}).e_values for stream in (LOG_LOSS, AUC, BIAS)
    )
    assert both == pytest.approx(np.mean([higher, lower], axis=0))


def test_a_day_without_value_bets_nothing():
    series = shifted(days(2, REFERENCE + 100), 0.1, 60)
    before, live = series[:REFERENCE].tolist(), series[REFERENCE:].tolist()
    alone = detect_deviations({LOG_LOSS: [None] * 5}, {LOG_LOSS: before})
    # R grows by one per day: only the new start counts.
    assert alone.e_values == pytest.approx([day / YEAR for day in range(1, 6)])
    gaps = [None if day % 7 == 3 else value for day, value in enumerate(live)]
    found = detect_deviations({LOG_LOSS: gaps}, {LOG_LOSS: before}).findings[0]
    assert 60 <= found.alarm <= 85
    assert alone.findings[0].observed is None


def test_a_stream_that_never_varies_says_nothing_and_breaks_nothing():
    found = one(LOG_LOSS, np.full(REFERENCE + 50, 0.25))
    assert not found.deviates
    assert found.expected == expected([0.25] * REFERENCE)


def test_overwhelming_evidence_is_still_a_number():
    found = one(LOG_LOSS, shifted(days(2, 5 * YEAR), 5.0, 900))
    assert 1e10 < found.e_value < math.inf


# --- all streams together --------------------------------------------------------------------------------------------------------


def closed_testing(p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Adjusted p-values by weighted Bonferroni tests of every set of hypotheses."""
    result = np.zeros(len(p))
    for size in range(1, len(p) + 1):
        for chosen in itertools.combinations(range(len(p)), size):
            members = list(chosen)
            smallest = min(1.0, (p[members] * weights[members].sum() / weights[members]).min())
            result[members] = np.maximum(result[members], smallest)
    return result


@given(st.lists(st.tuples(st.floats(1e-6, 1), st.floats(0.05, 1)), min_size=1, max_size=6))
def test_holm_with_weights_is_closed_testing(pairs):
    p, weights = np.array(pairs).T
    weights = weights / weights.sum()
    np.testing.assert_allclose(
        np.exp(adjusted(np.log(p)[:, None], weights))[:, 0], closed_testing(p, weights), rtol=1e-9
    )


def test_the_overall_slice_has_half_of_the_weight():
    streams = [AUC, LOG_LOSS, *(Stream("auc", "origin", value) for value in ("EWR", "JFK", "LGA", "ISP"))]
    assert shares(streams).tolist() == [0.25, 0.25, 0.125, 0.125, 0.125, 0.125]
    assert shares(streams[:2]).tolist() == shares(streams[2:4]).tolist() == [0.5, 0.5]
    features = [Stream("concentration", "feature", name) for name in ("temperature", "wind")]
    assert shares([AUC, *streams[2:4], *features]) == pytest.approx([1 / 3, *[1 / 6] * 4])


def test_a_slice_that_does_not_go_along_with_the_whole_is_found_though_its_values_are_usual():
    storm, part = days(1, REFERENCE + YEAR, spread=0.2), Stream("log_loss", "carrier", "UA")
    rows = {LOG_LOSS: storm, part: shifted(storm + days(2, REFERENCE + YEAR, 0.1, 0.03), 0.05)}
    live = {stream: row[REFERENCE:].tolist() for stream, row in rows.items()}
    before = {stream: row[:REFERENCE].tolist() for stream, row in rows.items()}
    assert not detect_deviations({part: live[part]}, {part: before[part]}).findings[0].deviates
    whole, own = detect_deviations(live, before).findings
    assert (whole.deviates, own.deviates) == (False, True)
    assert CHANGE <= own.alarm <= CHANGE + 20
    assert (own.expected.mean, own.observed) == (pytest.approx(0.1, abs=0.02), pytest.approx(0.15, abs=0.02))


def test_a_label_rate_is_judged_on_slices_in_both_directions_and_never_of_the_whole():
    whole, part = Stream("log_label_rate"), Stream("log_label_rate", "carrier", "UA")
    for by in (-1.0, 1.0):
        season = shifted(days(1, REFERENCE + YEAR, -2.0, 0.3), by)
        rows = {whole: season, part: shifted(season + days(2, REFERENCE + YEAR, 0.0, 0.4), by, 200)}
        live = {stream: row[REFERENCE:].tolist() for stream, row in rows.items()}
        (found,) = detect_deviations(live, {stream: row[:REFERENCE].tolist() for stream, row in rows.items()}).findings
        assert found.stream == part
        assert found.direction == ("higher" if by > 0 else "lower")
        assert 200 <= found.alarm <= 212


def test_a_feature_that_freezes_is_found_and_a_small_trend_is_not():
    frozen, trend = (Stream("concentration", "feature", name) for name in ("frozen", "trend"))
    after = np.arange(REFERENCE + 60) >= REFERENCE + 30
    rows = {
        frozen: np.where(after, 0.6, days(1, REFERENCE + 60, 0.2, 0.02)),
        trend: days(2, REFERENCE + 60, 0.2, 0.005) + 0.1 * after,
    }
    live = {stream: row[REFERENCE:].tolist() for stream, row in rows.items()}
    found, small = detect_deviations(live, {stream: row[:REFERENCE].tolist() for stream, row in rows.items()}).findings
    assert (found.deviates, small.deviates) == (True, False)
    assert 30 <= found.alarm <= 42
    assert (found.change.window, found.direction) == (30, "higher")
    # It is sure, and does not matter.
    assert small.p_value < 0.05


def test_a_day_on_which_the_whole_has_no_value_has_none_for_its_slices():
    part = Stream("auc", "origin", "JFK")
    found = against_whole(
        {AUC: [0.5, None, 0.75], part: [0.25, 0.5, None], Stream("brier", "origin", "JFK"): [1.0] * 3}
    )
    assert list(found.values()) == [[0.5, None, 0.75], [-0.25, None, None], [1.0] * 3]


def test_a_stream_without_reference_is_named_and_takes_no_weight():
    series, new = shifted(days(6, REFERENCE + YEAR), 0.1), Stream("log_loss", "carrier", "new")
    before = {LOG_LOSS: series[:REFERENCE].tolist()}
    verdict = detect_deviations({LOG_LOSS: series[REFERENCE:].tolist(), new: [0.5] * YEAR}, before)
    assert verdict.unjudged == {new: "0 reference windows have a value; 21 are needed"}
    assert verdict.findings == detect_deviations({LOG_LOSS: series[REFERENCE:].tolist()}, before).findings


def test_nothing_to_judge_is_no_alarm():
    assert detect_deviations({}, {}).alarm is None
    assert detect_deviations({AUC: []}, {AUC: [0.7] * 30}).findings == ()


# --- change point and expectation --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("seed", "start", "by"), [(3, 12, 0.8), (4, 18, 1.5), (5, 19, 0.5), (6, 0, 0.3), (7, 17, 0.3)])
def test_change_point_is_the_posterior_of_the_start(seed, start, by):
    e = np.random.default_rng(seed).normal(-0.1, 0.3, (20, len(SHIFTS)))
    e[start:] += by
    log_share = np.array([logsumexp(e[first:].sum(axis=0)) for first in range(20)])
    share = np.exp(log_share - logsumexp(log_share))
    intervals = [(low, high) for low in range(20) for high in range(low, 20) if share[low : high + 1].sum() >= 0.95]
    found = change_point(e)
    assert found.window == np.argmax(share)
    assert (found.low, found.high) == min(intervals, key=lambda limits: limits[1] - limits[0])


def test_expected_limits_are_students_on_fewer_days_than_there_are():
    series = days(1, 400, correlation=0.5)
    found = expected(series.tolist())
    apart = student.ppf(0.975, 399) * series.std(ddof=1) / 20
    assert found.mean == pytest.approx(series.mean())
    assert found.windows == 400
    assert 1.6 < (found.high - found.mean) / apart < 2.1  # sqrt((1 + phi) / (1 - phi)) is 1.73 for 0.5, 2.0 for 0.6


# --- errors ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("live", "options", "message"),
    [
        ({AUC: [0.7]}, {"false_alarm_rate": 5}, "false_alarm_rate is 5"),
        ({AUC: [0.7], LOG_LOSS: [0.5, 0.5]}, {}, "different numbers of windows"),
        ({AUC: [0.7]}, {"tolerances": {"auc": -0.01}}, "tolerance of auc is -0.01"),
        ({AUC: [math.nan]}, {}, "auc of all=all has a value that is not a finite number"),
        ({Stream("positive_rate"): [0.2]}, {}, "positive_rate describes the rows"),
    ],
)
def test_what_cannot_be_judged_is_refused(live, options, message):
    with pytest.raises(EvaluationError, match=message):
        detect_deviations(live, {stream: [0.7] * 30 for stream in live}, **options)


def test_too_short_a_reference_is_refused():
    with pytest.raises(EvaluationError, match="20 reference windows have a value; 21 are needed"):
        expected([0.7] * 20 + [None])
