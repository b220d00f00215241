"""Observation of a release: shadow scores of the champion it replaced, the verdict of probation, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import counted, midnight
from solvent.config.project import Project
from solvent.deployment.ledger import PROBATION, RELEASED, DeploymentStep, append_step, deployment_steps
from solvent.deployment.probation import ROLLED_BACK, WATCHED, Watch, judge_probation
from solvent.errors import SolventError
from solvent.evaluation import DaySums, daily, day_sums
from solvent.monitoring import Monitored
from solvent.monitoring.detector import ChangePoint
from solvent.monitoring.deviation import Finding, Verdict
from solvent.monitoring.expectation import expectations
from solvent.monitoring.labels import MATURED, with_labels
from solvent.monitoring.monitor import labels_of
from solvent.monitoring.streams import Stream, aligned
from solvent.pipeline import Run
from solvent.registry import ModelVersion
from solvent.release import Decision, decisions, rollback
from solvent.scoring import batches


@dataclass(frozen=True)
class Release:
    """A champion on probation.

    Attributes:
        version: The champion.
        before: The one it replaced.
        since: Prediction times from then on count.
        commit: That it was made from.
    """

    version: ModelVersion
    before: ModelVersion
    since: datetime
    commit: str


def on_probation(run: Run) -> Release | None:
    """The champion, if it replaced another one and that is not settled."""
    champion = run.champion()
    made = [one for one in decisions(run.warehouse) if one.passed]
    if champion is None or not made or made[-1].kind == "rollback" or made[-1].from_version is None:
        return None
    steps = deployment_steps(run.warehouse, version=champion.version)
    pair = (champion.version, made[-1].from_version)
    moves = [one for one in made if one.kind != "rollback" and (one.to_version, one.from_version) == pair]
    settled = [one for one in steps if one.step == PROBATION and (one.version, one.champion_version) == pair]
    # A version may replace the same one again, and is then on probation again.
    if len(settled) >= len(moves):
        return None
    manifest = run.registry.manifest(champion)
    released = [one.detail["since"] for one in steps if one.step == RELEASED and one.outcome == "released"]
    before = run.registry.find(champion.name, str(made[-1].from_version))
    since = datetime.fromisoformat(released[-1] if released else manifest["windows"]["holdout_end"])
    # Whoever goes back to an older model by hand compares it with one that was trained later.
    since = max(since, learned_until(run, before))
    return Release(champion, before, since, str(manifest["commit"]["hash"]))


def observe(run: Run) -> tuple[Release, Watch] | None:
    """Scores what has come with both champions, compares them on what has matured, and confirms the new one or takes it back.

    Returns:
        Whose probation it is, and what is known; None if no champion is on probation.

    Raises:
        IntegrityError: If the files of the old champion are not what was registered.
    """
    release = on_probation(run)
    if release is None:
        return None
    for version in (release.version, release.before):
        score_since(run, version, release.since)
    with run.step("observe") as say:
        sums = compared(run, release)
        before = holdout_sums(run, release)
        settings = run.project.deploy.probation
        watch = judge_probation(settings, metrics_of(run.project), *sums, before)
        say(f"{release.version}, against {release.before}: {in_words(watch, settings.risk)}")
    if watch.outcome == ROLLED_BACK:
        open_investigation(run, release, watch, before[0], sums[0])
        take_back(run, release, watch)
    if watch.outcome != WATCHED:
        settle(run, release, watch)
    return release, watch


def metrics_of(project: Project) -> tuple[str, ...]:
    """The metrics that are compared."""
    named = project.deploy.probation.metrics
    return tuple(named) or (("log_loss",) if project.model.kind == "binary" else ("rmse",))


def score_since(run: Run, version: ModelVersion, since: datetime) -> None:
    """Scores what a version has not scored since its probation began."""
    ends = [one.until for one in batches(run.warehouse, version.digest) if one.since >= since or one.until >= since]
    start, end = max([since, *ends]), midnight(run.as_of)
    if start < end:
        run.score(version, start, end)


def compared(run: Run, release: Release) -> tuple[DaySums, DaySums]:
    """Sums by day of the new and the old champion on the same matured rows."""
    end = midnight(run.as_of)
    ripe = end - run.project.windows.maturity
    key = list(run.project.predicted.key)
    labels = labels_of(run.warehouse, run.project, run.pins, release.since, end)
    both = [run.predictions(one, release.since, ripe) for one in (release.version, release.before)]

    def sums(mine: DataFrame, other: DataFrame) -> DaySums:
        shared = with_labels(mine.join(other.select(*key), key, "left_semi"), labels, key, end)
        return day_sums(shared.where(F.col("label_state") == MATURED), kind=run.project.model.kind)

    return sums(both[0], both[1]), sums(both[1], both[0])


def holdout_sums(run: Run, release: Release) -> tuple[DaySums, DaySums]:
    """The same on the holdout of that which was trained later, from which neither has learned."""
    both = [release.version, release.before]
    training = run.trained_before(max(both, key=lambda one: learned_until(run, one)))
    new, old = (day_sums(run.scored_on(training, one), kind=training.estimator.kind) for one in both)
    return new, old


def learned_until(run: Run, version: ModelVersion) -> datetime:
    """The end of the prediction times that a model has learned from."""
    return run.registry.manifest(version).windows.holdout_start


def in_words(watch: Watch, risk: float) -> str:
    """What is known, in a line."""
    apart = ", ".join(
        f"{metric} {'worse' if by > 0 else 'better'} by {abs(by):.4f}" for metric, by in watch.worse.items()
    )
    last = watch.e_values[-1] if watch.e_values else 1.0
    return (
        f"{watch.outcome}; {counted(len(watch.days), 'day')} with labels: {apart or 'nothing to compare'}; "
        f"evidence that it is worse {last:.2f}, {1 / risk:.0f} takes it back"
    )


def take_back(run: Run, release: Release, watch: Watch) -> Decision:
    """Makes the old champion champion again."""
    reason = f"on probation since {release.since:%Y-%m-%d}: {in_words(watch, run.project.deploy.probation.risk)}"
    with run.step("rollback") as say:
        decided = rollback(run.warehouse, run.registry, release.version.name, reason, release.version)
        say(f"{release.version.name} version {decided.to_version} is champion again")
    return decided


def open_investigation(run: Run, release: Release, watch: Watch, before: DaySums, since: DaySums) -> None:
    """Opens the investigation of a release that is taken back; what hinders it does not hinder the way back."""
    metric = max(watch.worse, key=lambda name: watch.worse[name])
    try:
        # What monitoring knows of the days is a part of the investigation, and it may have raised an alarm of its own.
        run.monitor(release.version)
        run.investigate(as_alarm(release, watch, metric, daily(metric, before), daily(metric, since)))
    except SolventError as error:
        run.say(f"{'open':<10} no investigation could be made: {error}")


def as_alarm(
    release: Release, watch: Watch, metric: str, before: dict[date, float], since: dict[date, float]
) -> Monitored:
    """The verdict of probation as monitoring would tell it: worse since the release, found on the day that decided."""
    alarm = watch.days.index(watch.decided) if watch.decided is not None else len(watch.days) - 1
    found = Finding(
        Stream(metric),
        deviates=True,
        alarm=alarm,
        p_value=min(1.0, 1 / max(watch.e_values)),
        e_value=max(watch.e_values),
        direction="worse",
        expected=expectations(aligned([list(before.values())]))[0],
        observed=sum(since.values()) / len(since) if since else None,
        change=ChangePoint(0, 0, alarm),
    )
    verdict = Verdict(0.0, alarm, watch.e_values, (found,), {})
    return Monitored(release.version, (), (), (), (), verdict, watch.days)


def settle(run: Run, release: Release, watch: Watch) -> None:
    """Enters how a probation ended."""
    detail = {
        "since": release.since.isoformat(),
        "days": [day.isoformat() for day in watch.days],
        "e_values": [round(e, 6) for e in watch.e_values],
        "worse": dict(watch.worse),
    }
    append_step(
        run.warehouse,
        DeploymentStep(
            *(release.commit, PROBATION, release.version.name, release.version.version, release.before.version),
            *(watch.outcome, detail, 0.0),
        ),
    )
