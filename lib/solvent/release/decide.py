"""Decisions: which version is champion, and why.

The table decisions is the truth. The aliases champion and previous_champion are its copy in the registry, for whoever loads a model. Every
decision, by whichever client, goes these steps:

1. Settle: read the table; where the aliases are not what its last move says, move them.
2. Decide on the champion that the table names.
3. Append the decision with its number as its turn. Delta lets one writer only have a turn: of two clients that decide at the same time, one
   wins, and the other is refused and has changed nothing.
4. Settle again, until the aliases are found to be what the table says. A slow client that moved an alias after a faster one had decided
   once more finds that decision when it reads again, and moves the alias to where it belongs.

A client killed before 3 leaves nothing. One killed, or cut off from the registry, after 3 leaves a decision that is made; whoever asks next
for the champion settles it, to decide or to use it. An alias moved by other means is put back then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from solvent.config.base import counted, digest_of
from solvent.config.windows import Intervals
from solvent.errors import RefusedError, TurnError
from solvent.registry import CHAMPION, PREVIOUS, ModelVersion
from solvent.release.gates import GateResult
from solvent.tables import Ledger, Warehouse

if TYPE_CHECKING:
    from solvent.registry import Registry


@dataclass(frozen=True)
class Decision:
    """A decision on the champion.

    Attributes:
        kind: "release" (by gates), "promote" or "rollback" (by hand).
        model: The registered model.
        from_version: The champion before, None if there was none.
        to_version: The version decided on.
        passed: Whether it became champion.
        reason: In words.
        gates: What each gate said; empty for decisions by hand.
    """

    kind: str
    model: str
    from_version: int | None
    to_version: int
    passed: bool
    reason: str
    gates: tuple[GateResult, ...] = ()

    def digest(self, turn: int) -> str:
        """Names the decision, as the one with a number."""
        gates = [[gate.rule, gate.slice_value, gate.passed, gate.reason] for gate in self.gates]
        return digest_of(
            [turn, self.kind, self.model, self.from_version, self.to_version, self.passed, self.reason, gates]
        )


@dataclass(frozen=True)
class DecisionRow:
    """A decision as its table has it: its digest, its number, and when it was made."""

    decision: str
    sequence: int
    decided: Decision
    decided_at: datetime


DECISIONS = Ledger("decisions", DecisionRow)


def decisions(warehouse: Warehouse, **where: Any) -> list[Decision]:
    """The decisions with given values, or all, from the first."""
    rows = sorted(DECISIONS.rows(warehouse, **where), key=attrgetter("sequence", "decided_at"))
    return [row.decided for row in rows]


def release(
    warehouse: Warehouse,
    registry: Registry,
    challenger: ModelVersion,
    gates: Callable[[], Sequence[GateResult]],
    rival: ModelVersion | None,
    force: bool = False,
    remark: str | None = None,
) -> Decision:
    """Makes the challenger champion if it passed every gate.

    Args:
        warehouse: The project's tables.
        registry: The project's models.
        challenger: The version to decide on.
        gates: Applies the gates; not called for a version that is champion already, or may not be released.
        rival: The champion that the gates compare with; None if there was none.
        force: Release also what was rolled back before.
        remark: What else is to be known, told after the reason.

    Returns:
        The decision; the challenger is champion now if it passed.

    Raises:
        IntegrityError: If the challenger's files are not what was registered.
        RefusedError: If it was made from a dirty working tree, was rolled back before, was compared with another than the present
            champion, or another decision was made at the same time.
    """
    history, champion = settled(warehouse, registry, challenger.name)
    require_clean(registry, challenger)
    if champion is not None and champion.version == challenger.version:
        return next(one for one in reversed(history) if one.passed and one.to_version == challenger.version)
    back = rolled_back(history, challenger.version)
    if back is not None and not force:
        raise RefusedError(
            f"{challenger} was rolled back ({back.reason}); it is not released again by itself: "
            f"`solvent promote --model {challenger.version}` does it by hand"
        )
    if (champion and champion.version) != (rival and rival.version):
        raise RefusedError(
            f"{challenger} was compared with {rival or 'no champion'}, and {champion or 'none'} is champion by now; nothing was changed: "
            "run the same again, which compares it with that"
        )
    results = gates()
    failed = [gate for gate in results if not gate.passed]
    reason = "; ".join(f"{gate.rule}{place(gate)}: {gate.reason}" for gate in failed) if failed else passed(results)
    reason = reason if remark is None else f"{reason}; {remark}"
    before = champion.version if champion is not None else None
    decided = Decision("release", challenger.name, before, challenger.version, not failed, reason, tuple(results))
    carry_out(warehouse, registry, challenger, decided, history)
    return decided


def looks_of(history: Sequence[Decision], version: int, rival: int | None, windows: Mapping[int, Intervals]) -> int:
    """The number of a version among the challengers that gates have judged against a champion on holdouts that overlap its own.

    Args:
        history: All decisions, from the first.
        version: The challenger, decided on or not.
        rival: The champion; None if there was none.
        windows: Version -> its windows; one that is not known counts as one whose holdout overlaps.
    """
    judged = [one.to_version for one in history if one.kind == "release" and one.gates and one.from_version == rival]
    before = {*judged[: judged.index(version)]} if version in judged else {*judged}
    mine = windows[version]

    def overlaps(other: Intervals) -> bool:
        return other.holdout_start < mine.holdout_end and mine.holdout_start < other.holdout_end

    return 1 + sum(one not in windows or overlaps(windows[one]) for one in before)


def rolled_back(history: Sequence[Decision], version: int) -> Decision | None:
    """The rollback that a version was last taken out by; None if it was not, or came back since."""
    moves = [one for one in history if one.passed and version in (one.from_version, one.to_version)]
    last = moves[-1] if moves else None
    return last if last is not None and last.kind == "rollback" and last.from_version == version else None


def standing(history: Sequence[Decision], name: str) -> int | None:
    """The version of a model that decisions made champion, whatever an alias says meanwhile; None if none did."""
    last = last_move(history, name)
    return last.to_version if last is not None else None


def last_move(history: Sequence[Decision], name: str) -> Decision | None:
    """The decision that last moved the champion of a model."""
    return next((one for one in reversed(history) if one.passed and one.model == name), None)


def passed(results: Sequence[GateResult]) -> str:
    """How many gates were passed, and in how many decisions, as some are for each value of a slice."""
    gates = len({one.rule for one in results})
    return f"passed {counted(gates, 'gate')}" + (
        f", {len(results)} decisions by slice value" if gates < len(results) else ""
    )


def place(gate: GateResult) -> str:
    """Where a gate was applied, if not to all rows."""
    return "" if gate.slice == "all" else f" on {gate.slice} {gate.slice_value}"


def promote(warehouse: Warehouse, registry: Registry, version: ModelVersion, reason: str) -> Decision:
    """Makes a version champion by hand, past the gates.

    Raises:
        RefusedError: If it is champion, was made from a dirty working tree, or another decision was made at the same time.
        IntegrityError: If its files are not what was registered.
    """
    history, champion = settled(warehouse, registry, version.name)
    if champion is not None and champion.version == version.version:
        raise RefusedError(f"{version} is champion already")
    require_clean(registry, version)
    before = champion.version if champion is not None else None
    decided = Decision("promote", version.name, before, version.version, True, reason)
    carry_out(warehouse, registry, version, decided, history)
    return decided


def rollback(
    warehouse: Warehouse, registry: Registry, name: str, reason: str, version: ModelVersion | None = None
) -> Decision:
    """Makes the version champion that was before the present one was promoted.

    Args:
        warehouse: The project's tables.
        registry: The project's models.
        name: The registered model.
        reason: Why, for the table.
        version: The champion that disappoints; whichever there is if None.

    Raises:
        RefusedError: If there is no champion, none before it, another one than the version, or another decision was made at the same time.
        IntegrityError: If the earlier version's files are not what was registered.
    """
    history, champion = settled(warehouse, registry, name)
    if champion is None:
        raise RefusedError(f"model {name} has no champion to roll back")
    if version is not None and version.version != champion.version:
        raise RefusedError(f"{version} is not rolled back, as {champion} is champion by now; nothing was changed")
    made = [one for one in history if one.passed and one.kind != "rollback" and one.to_version == champion.version]
    if not made or made[-1].from_version is None:
        raise RefusedError(f"{champion} is the first champion; there is none to go back to")
    before = registry.find(name, str(made[-1].from_version))
    decided = Decision("rollback", name, champion.version, before.version, True, reason)
    carry_out(warehouse, registry, before, decided, history)
    return decided


def champion_of(warehouse: Warehouse, registry: Registry, name: str) -> ModelVersion | None:
    """The champion that was decided on, to which the aliases point from now on; None if there is none."""

    def last() -> Decision | None:
        row = DECISIONS.last(warehouse, "sequence", model=name, passed=True)
        return row.decided if row is not None else None

    return settle(registry, name, last)


def find_version(warehouse: Warehouse, registry: Registry, name: str, which: str) -> ModelVersion:
    """A version by its number or by an alias, which points to what was decided from now on.

    Raises:
        RegistryError: If there is none, naming those there are.
    """
    if which in (CHAMPION, PREVIOUS):
        champion_of(warehouse, registry, name)
    return registry.find(name, which)


def require_clean(registry: Registry, version: ModelVersion) -> None:
    """Refuses versions that no commit can make again."""
    if registry.manifest(version)["commit"]["dirty"]:
        raise RefusedError(
            f"{version} was made from a working tree with changes that no commit holds; commit them and train again"
        )


def settled(warehouse: Warehouse, registry: Registry, name: str) -> tuple[list[Decision], ModelVersion | None]:
    """All decisions, from the first, which whoever makes the next one has to know; and the champion, see settle."""
    history: list[Decision] = []

    def last() -> Decision | None:
        history[:] = decisions(warehouse)
        return last_move(history, name)

    champion = settle(registry, name, last)
    return history, champion


def settle(registry: Registry, name: str, last: Callable[[], Decision | None]) -> ModelVersion | None:
    """Moves the aliases to where the last move puts them, read again until they are there.

    Returns:
        The champion; it is the registry's where there is no move.
    """
    while True:
        move = last()
        champion, previous = (registry.by_alias(name, alias) for alias in (CHAMPION, PREVIOUS))
        if move is None:
            return champion
        meant = {PREVIOUS: (previous, move.from_version), CHAMPION: (champion, move.to_version)}
        moved = {alias: to for alias, (at, to) in meant.items() if to is not None and (at is None or at.version != to)}
        if not moved:
            return champion
        for alias, version in moved.items():
            registry.set_alias(name, alias, version)


def carry_out(
    warehouse: Warehouse,
    registry: Registry,
    version: ModelVersion,
    decided: Decision,
    history: Sequence[Decision],
) -> None:
    """Appends a decision that follows others, unless it is the last of them, and moves the aliases.

    Raises:
        IntegrityError: If the version's files are not what was registered.
        RefusedError: If another decision was made since.
    """
    if decided.passed:
        registry.verify(version)
    if not history or history[-1] != decided:
        turn = len(history) + 1
        name = decided.digest(turn)
        row = DecisionRow(name, turn, decided, datetime.now(UTC))
        try:
            DECISIONS.append(warehouse, [row], name, turn)
        except TurnError:
            raise RefusedError(
                f"{version}: another decision on the champion was made at the same time, and this one was not; nothing was changed: "
                "see `solvent history`, and decide again"
            ) from None
    if decided.passed:
        champion_of(warehouse, registry, decided.model)
