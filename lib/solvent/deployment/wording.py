"""A plan, and what differs between two models, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from solvent.deployment.differences import Difference
from solvent.deployment.plan import HELD, NOTHING, RUN, Plan
from solvent.identity import Commit

KINDS = {"configuration": "model.yml", "function": "Functions", "library": "Environment", "data": "Data"}


def headline(plan: Plan) -> str:
    """What a deployment would do, in a line."""
    champion = "no champion" if plan.champion is None else f"champion version {plan.champion}"
    does = {NOTHING: "nothing to do", HELD: "held: nothing is done", "train": "a challenger is trained"}.get(
        plan.outcome, f"version {plan.version} is proposed again, without training"
    )
    return f"{plan.project} in {plan.environment}, {champion}: {does}; {plan.reason}"


def plan_text(plan: Plan) -> str:
    """A plan for a terminal."""
    changed = f"; the working tree {Commit(plan.commit, None, True, plan.changed).lacks}" if plan.dirty else ""
    lines = [headline(plan), f"commit {plan.commit or 'none'}{changed}"]
    lines += differences_text(plan.differences)
    if plan.steps:
        lines.append(f"\nWhat a deployment does (as of {plan.as_of})")
        for step in plan.steps:
            cost = f"  about {step.seconds:.0f} s" if step.seconds is not None else ""
            lines.append(f"  {'+' if step.does == RUN else '='} {step.name:<9} {step.does:<6} {step.reason}{cost}")
        lines.append("\nWhat decides")
        lines += [f"  {gate}" for gate in plan.gates]
        known = [step.seconds for step in plan.steps if step.seconds is not None]
        lines.append(f"\nExpected: {sum(known):.0f} s" if known else "\nExpected: not known, nothing was deployed yet")
    return "\n".join(lines)


def differences_text(differences: Sequence[Difference]) -> list[str]:
    """What differs, by kind."""
    lines = []
    for kind, some in by_kind(differences):
        lines.append(f"\n{kind}")
        for one in some:
            lines.append(f"  ~ {one.name}: {one.before} -> {one.after}" + (f"  ({one.effect})" if one.effect else ""))
    return lines


def by_kind(differences: Sequence[Difference]) -> Iterator[tuple[str, list[Difference]]]:
    """Differences in the order of KINDS."""
    for kind, words in KINDS.items():
        some = [one for one in differences if one.kind == kind]
        if some:
            yield words, some


def plan_markdown(plan: Plan) -> str:
    """A plan as a comment on a pull request."""
    lines = [f"### Solvent plan: {plan.project}", "", headline(plan) + "."]
    for kind, some in by_kind(plan.differences):
        lines += ["", f"**{kind}**", "", "| | before | after | effect |", "|---|---|---|---|"]
        lines += [f"| `{one.name}` | {cell(one.before)} | {cell(one.after)} | {one.effect} |" for one in some]
    if plan.steps:
        lines += ["", f"**Steps** (as of {plan.as_of})", "", "| step | | why | seconds |", "|---|---|---|---|"]
        for step in plan.steps:
            cost = "" if step.seconds is None else f"{step.seconds:.0f}"
            lines.append(f"| {step.name} | {step.does} | {cell(step.reason)} | {cost} |")
        lines += ["", "**Gates**", "", *(f"- {gate}" for gate in plan.gates)]
    return "\n".join([*lines, ""])


def cell(text: str) -> str:
    """A text within a cell of a table."""
    return text.replace("|", "\\|").replace("\n", " ")


def metrics_text(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The metrics of two versions, each with its interval."""
    lines = ["\nMetrics, each on its own holdout"]
    for name in dict.fromkeys([*before, *after]):
        lines.append(f"  {name:<18} {figure(before.get(name))} -> {figure(after.get(name))}")
    return lines


def figure(row: Mapping[str, Any] | None) -> str:
    """A value with its interval."""
    if row is None or row["value"] is None:
        return "none"
    interval = f" [{row['low']:.4f}, {row['high']:.4f}]" if row["low"] is not None and row["high"] is not None else ""
    return f"{row['value']:.4f}{interval}"
