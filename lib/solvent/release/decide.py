"""Decisions: which version is champion, and why.

A decision is first appended to the table decisions, then the aliases move. A run killed in between leaves a decision whose aliases are not
moved; the next run comes to the same decision, finds it as the last one, and moves them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pyspark.sql import functions as F

from solvent.config.base import digest_of
from solvent.config.expressions import Column
from solvent.errors import RefusedError
from solvent.registry import CHAMPION, PREVIOUS, ModelVersion, Registry
from solvent.release.gates import GateResult
from solvent.tables.warehouse import Warehouse

DECISIONS = "decisions"
COLUMNS = (
    Column("decision", "STRING"),
    Column("sequence", "BIGINT"),
    Column("kind", "STRING"),
    Column("model", "STRING"),
    Column("from_version", "BIGINT"),
    Column("to_version", "BIGINT"),
    Column("passed", "BOOLEAN"),
    Column("reason", "STRING"),
    Column(
        "gates",
        "ARRAY<STRUCT<rule:STRING,slice:STRING,slice_value:STRING,value:DOUBLE,required:DOUBLE,passed:BOOLEAN,reason:STRING>>",
    ),
    Column("decided_at", "TIMESTAMP"),
)


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

    def digest(self, previous: str | None) -> str:
        """Names the decision, as one that follows another."""
        gates = [[gate.rule, gate.slice_value, gate.passed, gate.reason] for gate in self.gates]
        return digest_of(
            [previous, self.kind, self.model, self.from_version, self.to_version, self.passed, self.reason, gates]
        )


def decisions(warehouse: Warehouse) -> list[Decision]:
    """All decisions, from the first."""
    return [decision_from(row) for row in decision_rows(warehouse)]


def decision_rows(warehouse: Warehouse) -> list[dict[str, Any]]:
    """The rows of the table, from the first; one for each release, so that they are few."""
    if not warehouse.exists(DECISIONS):
        return []
    rows = warehouse.read(DECISIONS).orderBy("sequence", F.col("decided_at")).collect()
    return [row.asDict(recursive=True) for row in rows]


def decisions_of_ledger(rows: Sequence[Mapping[str, Any]]) -> list[Decision]:
    """All decisions from the rows of the table, from the first."""
    return [decision_from(row) for row in sorted(rows, key=lambda row: (row["sequence"], row["decided_at"]))]


def decision_from(row: Mapping[str, Any]) -> Decision:
    """A decision as the table has it."""
    gates = tuple(GateResult(**gate) for gate in row["gates"])
    return Decision(
        row["kind"], row["model"], row["from_version"], row["to_version"], row["passed"], row["reason"], gates
    )


def release(
    warehouse: Warehouse,
    registry: Registry,
    challenger: ModelVersion,
    gates: Callable[[], Sequence[GateResult]],
    force: bool = False,
) -> Decision:
    """Makes the challenger champion if it passed every gate.

    Args:
        warehouse: The project's tables.
        registry: The project's models.
        challenger: The version to decide on.
        gates: Applies the gates; not called for a version that is champion already, or may not be released.
        force: Release also what was rolled back before.

    Returns:
        The decision; the challenger is champion now if it passed.

    Raises:
        IntegrityError: If the challenger's files are not what was registered.
        RefusedError: If it was made from a dirty working tree, or was rolled back before.
    """
    champion = registry.by_alias(challenger.name, CHAMPION)
    require_clean(registry, challenger)
    history = decisions(warehouse)
    if champion is not None and champion.version == challenger.version:
        return next(one for one in reversed(history) if one.passed and one.to_version == challenger.version)
    back = rolled_back(history, challenger)
    if back is not None and not force:
        raise RefusedError(
            f"{challenger} was rolled back ({back.reason}); it is not released again by itself: "
            f"`solvent promote --model {challenger.version}` does it by hand"
        )
    results = gates()
    failed = [gate for gate in results if not gate.passed]
    reason = (
        "; ".join(f"{gate.rule}{place(gate)}: {gate.reason}" for gate in failed)
        if failed
        else f"passed {len(results)} gates"
    )
    before = champion.version if champion is not None else None
    decided = Decision("release", challenger.name, before, challenger.version, not failed, reason, tuple(results))
    carry_out(warehouse, registry, challenger, decided)
    return decided


def rolled_back(history: Sequence[Decision], version: ModelVersion) -> Decision | None:
    """The rollback that a version was last taken out by; None if it was not, or came back since."""
    moves = [one for one in history if one.passed and version.version in (one.from_version, one.to_version)]
    last = moves[-1] if moves else None
    return last if last is not None and last.kind == "rollback" and last.from_version == version.version else None


def place(gate: GateResult) -> str:
    """Where a gate was applied, if not to all rows."""
    return "" if gate.slice == "all" else f" on {gate.slice} {gate.slice_value}"


def promote(warehouse: Warehouse, registry: Registry, version: ModelVersion, reason: str) -> Decision:
    """Makes a version champion by hand, past the gates.

    Raises:
        RefusedError: If it is champion, or was made from a dirty working tree.
        IntegrityError: If its files are not what was registered.
    """
    champion = registry.by_alias(version.name, CHAMPION)
    if champion is not None and champion.version == version.version:
        raise RefusedError(f"{version} is champion already")
    require_clean(registry, version)
    before = champion.version if champion is not None else None
    decided = Decision("promote", version.name, before, version.version, True, reason)
    carry_out(warehouse, registry, version, decided)
    return decided


def rollback(warehouse: Warehouse, registry: Registry, name: str, reason: str) -> Decision:
    """Makes the version champion that was before the present one was promoted.

    Raises:
        RefusedError: If there is no champion, or none before it.
        IntegrityError: If the earlier version's files are not what was registered.
    """
    champion = registry.by_alias(name, CHAMPION)
    if champion is None:
        raise RefusedError(f"model {name} has no champion to roll back")
    made = [
        one
        for one in decisions(warehouse)
        if one.passed and one.kind != "rollback" and one.to_version == champion.version
    ]
    if not made or made[-1].from_version is None:
        raise RefusedError(f"{champion} is the first champion; there is none to go back to")
    before = registry.find(name, str(made[-1].from_version))
    decided = Decision("rollback", name, champion.version, before.version, True, reason)
    carry_out(warehouse, registry, before, decided)
    return decided


def require_clean(registry: Registry, version: ModelVersion) -> None:
    """Refuses versions that no commit can make again."""
    if registry.manifest(version)["commit"]["dirty"]:
        raise RefusedError(
            f"{version} was made from a working tree with changes that no commit holds; commit them and train again"
        )


def carry_out(warehouse: Warehouse, registry: Registry, version: ModelVersion, decided: Decision) -> None:
    """Appends a decision, unless it is the last one made, and moves the aliases."""
    if decided.passed:
        registry.verify(version)
    warehouse.create(DECISIONS, COLUMNS)
    rows = decision_rows(warehouse)
    if not rows or decision_from(rows[-1]) != decided:
        name = decided.digest(rows[-1]["decision"] if rows else None)
        gates = [
            (gate.rule, gate.slice, gate.slice_value, gate.value, gate.required, gate.passed, gate.reason)
            for gate in decided.gates
        ]
        row = (
            *(name, len(rows) + 1, decided.kind, decided.model, decided.from_version, decided.to_version),
            *(decided.passed, decided.reason, gates, datetime.now(UTC)),
        )
        warehouse.append_rows(DECISIONS, [row], COLUMNS, name)
    if decided.passed:
        if decided.from_version is not None:
            registry.set_alias(decided.model, PREVIOUS, decided.from_version)
        registry.set_alias(decided.model, CHAMPION, decided.to_version)
