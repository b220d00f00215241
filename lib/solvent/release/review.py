"""A version beside those it is compared with: which champion it stands against, and how its gates judge it."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from solvent.config.project import Project
from solvent.evaluation.table import Subject, find_days
from solvent.kinds import paired_metrics
from solvent.kinds.paired import DaySums, Lead, lead
from solvent.registry import CHALLENGER, CHAMPION, ModelVersion
from solvent.release.decide import champion_of, decisions, looks_of
from solvent.release.gates import SHARED, Compared, GateResult, apply_gates
from solvent.tables.warehouse import Warehouse
from solvent.training import BASELINE, Training, manifest_copies

if TYPE_CHECKING:
    from solvent.registry import Registry


@dataclass(frozen=True)
class Review:
    """A version and those it is compared with.

    Attributes:
        version: The challenger.
        baseline: That was trained on the same rows.
        champion: That it stands against; None if there is none.
        compared: What they are measured at.
        training: Of the challenger, on whose holdout they are.
        shared: The same with those rows of the holdout only that the champion has not learned from; None if the champion is not measured.
        days: Sums by day that were read so far, by whose and from which day.
    """

    version: ModelVersion
    baseline: ModelVersion
    champion: ModelVersion | None
    compared: Compared
    training: Training
    shared: Training | None
    days: dict[tuple[object, ...], DaySums] = field(default_factory=dict)

    def subjects(self, rivals: Set[str | None]) -> dict[str, Subject]:
        """Role -> what is compared with an interval, if that is done with some rivals: a model on rows of the holdout."""
        found: dict[str, tuple[Training, ModelVersion]] = {}
        if BASELINE in rivals:
            found[BASELINE] = self.training, self.baseline
        if CHAMPION in rivals and self.champion is not None and self.shared is not None:
            found[CHAMPION] = self.shared, self.champion
            found[CHALLENGER if self.shared.measured_from is None else SHARED] = self.shared, self.version
        if BASELINE in found:
            found[CHALLENGER] = self.training, self.version
        return {role: rows.subject(one.version, one.digest, one.name) for role, (rows, one) in found.items()}

    def unread(self, rivals: Set[str | None]) -> dict[str, Subject]:
        """Those of the subjects whose sums by day were not read yet."""
        return {role: one for role, one in self.subjects(rivals).items() if named(one) not in self.days}

    def read_days(self, warehouse: Warehouse, project: Project, subjects: Mapping[str, Subject]) -> None:
        """Reads the sums by day of subjects."""
        kind = self.training.estimator.kind
        for one in subjects.values():
            self.days[named(one)] = find_days(warehouse, one, project.evaluation, kind)

    def days_by_role(self, rivals: Set[str | None]) -> dict[str, DaySums]:
        """Role -> sums by day, of subjects that were read."""
        return {role: self.days[named(one)] for role, one in self.subjects(rivals).items()}


def named(subject: Subject) -> tuple[object, ...]:
    """What tells the subjects of a review apart."""
    return subject.model, subject.version, subject.rows_from


def rival_of(
    warehouse: Warehouse, registry: Registry, version: ModelVersion, looking_back: bool
) -> ModelVersion | None:
    """The champion that a version stands against: the present one; for the champion itself the one before."""
    champion = champion_of(warehouse, registry, registry.project)
    if not looking_back and champion is not None and champion.version != version.version:
        return champion
    decided = decisions(warehouse, kind="release", to_version=version.version, passed=True)
    if decided:
        before = decided[-1].from_version
        return registry.find(version.name, str(before)) if before is not None else None
    return champion if champion is not None and champion.version != version.version else None


def judge_review(
    warehouse: Warehouse, registry: Registry, project: Project, review: Review, days: Mapping[str, DaySums]
) -> list[GateResult]:
    """The gates of model.yml applied to a review.

    Args:
        warehouse: The project's tables.
        registry: The project's models.
        project: Declares the gates.
        review: The version and what it is compared with.
        days: Role -> sums by day, of those that gates compare with an interval.
    """
    looks = count_looks(warehouse, registry, review) if days else 1
    return apply_gates(project.gates, replace(review.compared, days=days, looks=looks))


def rivals_by_day(project: Project) -> set[str | None]:
    """The rivals that gates compare with an interval."""
    return {gate.rival for gate in project.gates if gate.confidence is not None}


def count_looks(warehouse: Warehouse, registry: Registry, review: Review) -> int:
    """The number of a version among the challengers judged against its rival on holdouts that overlap its own."""
    name, rival = review.version.name, review.champion.version if review.champion is not None else None
    history = decisions(warehouse, model=name, kind="release")
    judged = tuple({one.to_version for one in history if one.from_version == rival})
    manifests = manifest_copies(warehouse, name, version=judged) if judged else {}
    windows = {version: manifest.windows for version, manifest in manifests.items()}
    windows[review.version.version] = registry.manifest(review.version).windows
    return looks_of(history, review.version.version, rival, windows)


def leads_of(project: Project, review: Review, days: Mapping[str, DaySums]) -> dict[str, dict[str, Lead]]:
    """How far a version is ahead of the baseline, and of the champion, by each metric whose lead has an interval.

    Args:
        project: Declares metrics and confidence.
        review: The version and what it is compared with.
        days: Role -> sums by day.
    """
    measures = project.evaluation
    metrics = [*paired_metrics(measures.metrics)]
    compared = replace(review.compared, days=days)
    return {
        rival: {name: lead(name, sides[CHALLENGER], sides[rival], confidence=measures.confidence) for name in metrics}
        for rival in (CHAMPION, BASELINE)
        if rival in days
        for sides in [compared.beside(rival).days]
    }
