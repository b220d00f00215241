"""A past played through as if it came now: data arrives, is scored, matures, is monitored, and the model is retrained by its policy.

Beside the champion, which lives by the policy, two others are followed for comparison: the first champion, never retrained, and a model
retrained at the start of every month, whatever it shows. Each predicts the same rows, none of which it was trained on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date, datetime
from functools import reduce
from itertools import pairwise
from pathlib import Path

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import midnight
from solvent.config.expressions import Column
from solvent.errors import ConfigurationError, RefusedError
from solvent.evaluation import ALL, DaySums, Evaluation, day_sums, evaluate, lead
from solvent.evaluation.metrics import DESCRIPTIVE, UNPAIRED
from solvent.monitoring import Monitored
from solvent.monitoring.findings import append_once
from solvent.monitoring.labels import MATURED, with_labels
from solvent.monitoring.monitor import labels_of
from solvent.pipeline import Run, write_page
from solvent.report.replay import Mark, ReplayPage, Versus, Way, replay_page
from solvent.session import kept
from solvent.settings import Settings
from solvent.tables.warehouse import Warehouse

NEVER, POLICY, MONTHLY = "never", "policy", "monthly"
WAYS = {POLICY: "retrained by policy", NEVER: "never retrained", MONTHLY: "retrained every month"}
ROLES = {POLICY: "challenger", NEVER: "baseline", MONTHLY: "champion"}
CHARTED = ("log_loss", "prediction_bias", "positive_rate", "rmse", "bias")
WEEK = "_week"
STEPS = "replay_steps"
STEP_COLUMNS = (
    Column("as_of", "DATE"),
    Column("champion", "BIGINT"),
    Column("deviating", "ARRAY<STRING>"),
    Column("retrained", "BIGINT"),
    Column("promoted", "BOOLEAN"),
    Column("reason", "STRING"),
    Column("champion_after", "BIGINT"),
    Column("monthly_after", "BIGINT"),
    Column("score_seconds", "DOUBLE"),
    Column("monitor_seconds", "DOUBLE"),
)


@dataclass(frozen=True)
class Step:
    """One look at the model.

    Attributes:
        as_of: When.
        champion: The version that predicted until then; 0 on the first date.
        deviating: What deviates, in words.
        retrained: The version that a retraining made; None without one.
        promoted: Whether it became champion.
        reason: What triggered it, and what was decided.
        champion_after: The version that predicts from then on.
        monthly_after: The same of the model retrained every month.
        score_seconds: How long scoring took; 0 on the first date.
        monitor_seconds: Likewise monitoring.
    """

    as_of: date
    champion: int
    deviating: Sequence[str]
    retrained: int | None
    promoted: bool
    reason: str
    champion_after: int
    monthly_after: int
    score_seconds: float
    monitor_seconds: float


@dataclass(frozen=True)
class Reign:
    """The span of prediction times, [since, until), in which a version predicts."""

    version: int
    since: datetime
    until: datetime


def replay(
    settings: Settings,
    environment: str,
    arrive: Callable[[date], object],
    dates: Sequence[date],
    say: Callable[[str], None],
    compare: bool = True,
) -> list[Step]:
    """Plays dates one after the other; on the first a model is trained and released. Steps that were played before are passed over.

    Args:
        settings: What and where.
        environment: As the user named it.
        arrive: Told of a date, lands what has arrived before it.
        dates: The as-of dates, in order.
        say: Told of progress, line by line.
        compare: Whether to train the model of every month.

    Returns:
        All steps.

    Raises:
        RefusedError: If the first model is refused by a gate.
    """
    require_dates(dates)
    warehouse = Run(settings, dates[0], say).warehouse
    warehouse.create(STEPS, STEP_COLUMNS)
    steps = played(warehouse)
    for as_of in dates[len(steps) :]:
        say(f"as of {as_of}")
        arrive(as_of)
        step = played_step(Run(settings, as_of, say), environment, steps[-1] if steps else None, compare)
        append_once(warehouse, STEPS, STEP_COLUMNS, [astuple(step)])
        steps.append(step)
    return steps


def require_dates(dates: Sequence[date]) -> None:
    """Refuses what is no past to play."""
    if len(dates) < 2 or list(dates) != sorted(set(dates)):
        raise ConfigurationError(
            "a replay needs at least two dates, in order: on the first, a model is trained for the second"
        )


def played(warehouse: Warehouse) -> list[Step]:
    """The steps that were played, from the first."""
    return [Step(**row) for row in sorted(warehouse.rows(STEPS), key=lambda row: row["as_of"])]


def played_step(run: Run, environment: str, before: Step | None, compare: bool) -> Step:
    """Ingests, scores, monitors and retrains at an as-of."""
    run.ingest()
    name, deviating, moments = run.project.project, list[str](), [0.0, 0.0, 0.0]
    if before is not None:
        version = run.registry.find(name, str(before.champion_after))
        moments[0] = time.monotonic()
        run.score(version, end_of(run, before.as_of), end_of(run, run.as_of))
        moments[1] = time.monotonic()
        deviating = said(run.monitor(version))
        moments[2] = time.monotonic()
    made = run.retrain(environment)
    champion = run.champion()
    if champion is None:
        raise RefusedError(f"{name}: the first model was refused: {made.reason if made else 'there is none'}")
    monthly = before.monthly_after if before is not None else champion.version
    if compare and before is not None and before.as_of.month != run.as_of.month:
        monthly = run.train()[0].version
    return Step(
        run.as_of,
        before.champion_after if before is not None else 0,
        deviating,
        made.version if made else None,
        made.promoted if made else False,
        f"{'; '.join(made.triggers)}: {made.reason}" if made else "",
        champion.version,
        monthly,
        *(round(after - start, 2) for start, after in pairwise(moments)),
    )


def end_of(run: Run, as_of: date) -> datetime:
    """The end of the prediction times whose labels have had their time to mature at a date."""
    return run.project.windows.at(as_of).holdout_end


def said(found: Monitored) -> list[str]:
    """What deviates, in words."""
    return [
        f"{one.stream.metric} of {one.stream.rows}: {one.observed:.4f} since "
        f"{found.life[one.change.window]}, expected {one.expected.low:.4f} to {one.expected.high:.4f}; alarm {found.life[one.alarm]}"
        for one in found.verdict.findings
        if one.deviates and one.change is not None and one.alarm is not None
    ]


def reigns_of(run: Run, steps: Sequence[Step]) -> dict[str, list[Reign]]:
    """Who predicts when, by way of retraining."""
    spans = [(end_of(run, one.as_of), end_of(run, after.as_of)) for one, after in pairwise(steps)]
    versions = {
        NEVER: [steps[0].champion_after for _ in spans],
        POLICY: [one.champion_after for one in steps[:-1]],
        MONTHLY: [one.monthly_after for one in steps[:-1]],
    }
    return {
        way: [Reign(version, *span) for version, span in zip(which, spans, strict=True)]
        for way, which in versions.items()
    }


def joined(reigns: Sequence[Reign]) -> list[Reign]:
    """Neighbouring reigns of one version as one."""
    found: list[Reign] = []
    for one in reigns:
        if found and found[-1].version == one.version:
            found[-1] = Reign(one.version, found[-1].since, one.until)
        else:
            found.append(one)
    return found


def labelled_predictions(run: Run, reigns: Sequence[Reign]) -> DataFrame:
    """What the versions of reigns predicted, each in its time, with the labels that have matured; scores what was not scored.

    Returns:
        Key, slices, prediction_time, prediction, label.
    """
    parts = []
    for one in joined(reigns):
        version = run.registry.find(run.project.project, str(one.version))
        run.score(version, one.since, one.until)
        parts.append(run.predictions(version, one.since, one.until))
    predictions = reduce(DataFrame.unionByName, parts)
    since, until = reigns[0].since, midnight(run.as_of)
    labels = labels_of(run.warehouse, run.project, run.pins, since, until)
    labelled = with_labels(predictions, labels, run.project.predicted.key, until)
    return labelled.where(F.col("label_state") == MATURED)


def by_week(run: Run, labelled: DataFrame) -> Evaluation:
    """The metrics of every week (from Monday, UTC) as values of a slice, and of all weeks together."""
    rows = labelled.withColumn(WEEK, F.date_format(F.date_trunc("week", "prediction_time"), "yyyy-MM-dd"))
    measures = run.project.evaluation.model_copy(update={"slices": (WEEK,)})
    return evaluate(rows, run.project.model.kind, measures, run.project.predicted.key)


def way_of(run: Run, role: str, name: str, reigns: Sequence[Reign]) -> tuple[Way, DaySums]:
    """The metrics of a way of retraining, over all weeks and in each; and its sums by day, to compare it with others."""
    measures = run.project.evaluation
    with kept(labelled_predictions(run, reigns)) as labelled:
        found = by_week(run, labelled).measurements
        sums = day_sums(labelled, kind=run.project.model.kind, threshold=measures.threshold)
    weeks = {
        metric: [
            (date.fromisoformat(one.slice_value), one) for one in found if (one.slice, one.metric) == (WEEK, metric)
        ]
        for metric in measures.metrics
    }
    return Way(role, name, {one.metric: one for one in found if one.slice == ALL}, weeks), sums


def leads(run: Run, sums: Mapping[str, DaySums]) -> list[Versus]:
    """How far ahead of never retraining the others are, by each metric that can be compared."""
    confidence = run.project.evaluation.confidence
    return [
        Versus(metric, WAYS[ours], WAYS[NEVER], lead(metric, sums[ours], sums[NEVER], confidence=confidence))
        for metric in run.project.evaluation.metrics
        if metric not in UNPAIRED and metric not in DESCRIPTIVE
        for ours in (POLICY, MONTHLY)
    ]


def marks_of(steps: Sequence[Step]) -> list[Mark]:
    """Alarms, each when it was first raised for a champion, and decisions."""
    marks: list[Mark] = []
    alarmed: set[int] = set()
    for step in steps:
        if step.deviating and step.champion not in alarmed:
            alarmed.add(step.champion)
            marks.append(Mark(step.as_of, "alarm", f"version {step.champion}: {'; '.join(step.deviating)}"))
        if step.retrained is not None:
            kind = "release" if step.promoted else "refusal"
            marks.append(Mark(step.as_of, kind, f"version {step.retrained}, because {step.reason}"))
    return marks


def report(settings: Settings, steps: Sequence[Step], say: Callable[[str], None]) -> Path:
    """Writes the page of the steps played; scores what the compared ways would have predicted, where that was not done yet."""
    run = Run(settings, steps[-1].as_of, say)
    reigns = reigns_of(run, steps)
    metrics = settings.project.evaluation.metrics
    ways = {way: way_of(run, ROLES[way], words, reigns[way]) for way, words in WAYS.items()}
    page = ReplayPage(
        settings.project.project,
        settings.project.description,
        steps[0].as_of,
        steps[-1].as_of,
        metrics,
        [metric for metric in metrics if metric in (metrics[0], *CHARTED)],
        [way for way, _ in ways.values()],
        leads(run, {name: sums for name, (_, sums) in ways.items()}),
        marks_of(steps),
    )
    path = Path(settings.environment.reports) / "replay.html"
    write_page(path, replay_page(page))
    return path
