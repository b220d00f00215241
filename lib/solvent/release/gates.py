"""Gates: the rules of model.yml applied to evaluations on the same rows.

Whoever judges often enough lets one through by chance. So challengers share an error: the k-th of those judged against the same champion
on holdouts that overlap its own is given 6 / (pi k)^2 of what a gate's confidence allows. The shares of all k sum to one. So whatever
challengers have to do with one another (Bonferroni), of all whose holdouts have a day in common, the chance that any beyond a margin passes
is at most what the confidence allows for one. Each gate has that error of its own, and days that come later have it again.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from solvent.config.base import counted
from solvent.config.measures import BOUNDS, Gate
from solvent.evaluation import Evaluation, Measurement
from solvent.kinds import badness
from solvent.kinds.paired import DaySums, Lead, lead
from solvent.kinds.slices import ALL


@dataclass(frozen=True)
class Shared:
    """The challenger on those rows of its holdout only that the champion has not learned from.

    Attributes:
        evaluation: On these rows.
        rows: The days they are of, in words.
    """

    evaluation: Evaluation
    rows: str


SHARED = "shared"


@dataclass(frozen=True)
class Compared:
    """What gates look at: the challenger, and those it is compared with on the same rows.

    Attributes:
        challenger: Its evaluation.
        champion: That of the champion; None if there is none, or why it could not be evaluated.
        baseline: That of the baseline.
        days: Role ("challenger", "champion", "baseline", "shared") -> its sums per day of the same rows; of those roles only that gates
            with a confidence compare.
        looks: The number of the challenger among those judged against the same champion on holdouts that overlap.
        shared: The challenger on the rows of the champion's evaluation, where these are fewer than those of its own; with its sums per
            day as of the role "shared".
    """

    challenger: Evaluation
    champion: Evaluation | str | None
    baseline: Evaluation
    days: Mapping[str, DaySums] = field(default_factory=dict)
    looks: int = 1
    shared: Shared | None = None

    def beside(self, rival: str | None) -> Compared:
        """The same with the challenger on the rows that a rival was measured on."""
        if rival != "champion" or self.shared is None:
            return self
        days = {**self.days, "challenger": self.days[SHARED]} if SHARED in self.days else self.days
        return replace(self, challenger=self.shared.evaluation, days=days)


@dataclass(frozen=True)
class GateResult:
    """What one gate says of one slice value.

    Attributes:
        rule: The gate in words.
        slice: The slice column, or "all".
        slice_value: Its value, or "all".
        value: The challenger's.
        required: The bound it had to keep, None if there was none.
        passed: Whether it did.
        reason: In words.
    """

    rule: str
    slice: str
    slice_value: str
    value: float | None
    required: float | None
    passed: bool
    reason: str


def apply_gates(gates: Sequence[Gate], compared: Compared) -> list[GateResult]:
    """Every gate on every slice value it is for."""
    return [result for gate in gates for result in judged(gate, compared.beside(gate.rival))]


def judged(gate: Gate, compared: Compared) -> Iterator[GateResult]:
    """One gate on every slice value with enough rows; one that no slice value has enough rows for fails."""
    where = gate.slice or ALL
    found = [one for one in compared.challenger.measurements if one.metric == gate.metric and one.slice == where]
    judgeable = [one for one in found if one.n >= gate.min_rows]
    if not judgeable:
        reason = f"no value of {where} has {counted(gate.min_rows, 'row')}"
        yield GateResult(gate.rule, where, ALL, None, None, False, reason)
    for one in judgeable:
        yield judged_one(gate, one, compared)


def judged_one(gate: Gate, one: Measurement, compared: Compared) -> GateResult:
    """One gate on one slice value."""

    def result(required: float | None, passed: bool, reason: str) -> GateResult:
        return GateResult(gate.rule, one.slice, one.slice_value, one.value, required, passed, reason)

    if one.value is None:
        return result(None, False, f"{gate.metric} is {one.method}")
    if gate.bound is not None:
        key, bound = gate.bound
        holds, kept, broken = BOUNDS[key]
        passed = holds(one.value, bound)
        return result(bound, passed, f"{one.value:.4f} {kept if passed else broken} {bound:g}")
    other = compared.champion if gate.rival == "champion" else compared.baseline
    if other is None:
        return result(None, True, "there is no champion yet")
    if isinstance(other, str):
        return result(None, False, other)
    try:
        rival = other.measurement(gate.metric, one.slice, one.slice_value).value
    except KeyError:
        rival = None
    if rival is None:
        return result(None, False, f"{gate.metric} of the {gate.rival} is undefined here")
    if gate.confidence is None:
        ahead = badness(gate.metric, rival) - badness(gate.metric, one.value)
        passed, said = gate.clears(ahead), standing(ahead)
    else:
        days = compared.days["challenger"], compared.days[str(gate.rival)]
        level = level_of(gate.confidence, compared.looks)
        found = lead(gate.metric, *days, one.slice, one.slice_value, confidence=level)
        passed, said = found.low is not None and gate.clears(found.low), with_interval(found, level, compared.looks)
    rows = f"; on {compared.shared.rows}" if compared.shared is not None and gate.rival == "champion" else ""
    return result(rival, passed, f"{one.value:.4f}, {gate.rival} {rival:.4f}: {said}{rows}")


def standing(lead: float) -> str:
    """A lead in words."""
    return f"{'ahead' if round(lead, 12) >= 0 else 'behind'} by {abs(lead):.4f}"


def level_of(confidence: float, looks: int) -> float:
    """The confidence that a challenger is judged at, as the one with a number."""
    return 1 - (1 - confidence) * 6 / (math.pi * looks) ** 2


def with_interval(found: Lead, level: float, looks: int) -> str:
    """A lead in words, with its interval, the method, and how often these days were judged by."""
    if found.value is None:
        return f"the lead is {found.method}"
    if found.low is None or found.high is None:
        return f"{standing(found.value)}; the interval is {found.method}"
    # As many digits as tell it from certainty.
    digits = 1 - math.floor(math.log10(100 * (1 - level)))
    often = f", look {looks} at them" if looks > 1 else ""
    return (
        f"{standing(found.value)}; {100 * level:.{max(digits, 0)}f}% interval of the lead {found.low:.4f} to {found.high:.4f} "
        f"({found.method}, {counted(found.days, 'day')}{often})"
    )
