"""The page of a replay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from solvent.jobs.context import Context
from solvent.kinds import KINDS, paired_metrics
from solvent.kinds.paired import DaySums, lead
from solvent.replay.steps import Step
from solvent.replay.ways import MONTHLY, NEVER, POLICY, ROLES, WAYS, reigns_of, way_of
from solvent.report import write_page
from solvent.report.replay import Difference, Mark, ReplayPage, replay_page
from solvent.settings import Settings


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


def leads_over_never(context: Context, sums: Mapping[str, DaySums]) -> list[Difference]:
    """How far ahead of never retraining the others are, by each metric that can be compared."""
    confidence = context.project.evaluation.confidence
    return [
        Difference(metric, WAYS[ours], WAYS[NEVER], lead(metric, sums[ours], sums[NEVER], confidence=confidence))
        for metric in paired_metrics(context.project.evaluation.metrics)
        for ours in (POLICY, MONTHLY)
    ]


def write_replay(settings: Settings, steps: Sequence[Step], say: Callable[[str], None]) -> Path:
    """Writes the page of the steps played; scores what the compared ways would have predicted, where that was not done yet."""
    context = Context(settings, steps[-1].as_of, say)
    reigns = reigns_of(context, steps)
    metrics = settings.project.evaluation.metrics
    ways = {way: way_of(context, ROLES[way], words, reigns[way]) for way, words in WAYS.items()}
    page = ReplayPage(
        settings.project.project,
        settings.project.description,
        steps[0].as_of,
        steps[-1].as_of,
        metrics,
        [metric for metric in metrics if metric in (metrics[0], *KINDS[settings.project.model.kind].charted)],
        [way for way, _ in ways.values()],
        leads_over_never(context, {name: sums for name, (_, sums) in ways.items()}),
        marks_of(steps),
    )
    path = Path(settings.environment.reports) / "replay.html"
    write_page(path, replay_page(page))
    return path
