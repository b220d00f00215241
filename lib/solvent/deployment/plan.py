"""The plan of a deployment: what a commit would do to the champion, and why. It is made without a Spark session.

What is compared is what shapes the champion, by its manifest: configuration, functions, libraries. A challenger is trained on the
champion's own as-of and pins, so that it differs from it by what was changed and by nothing else; new data is for the policy of
retraining. A model that was trained from the same before is recognised, and not trained again. Versions and champion are those of the
tables manifests and decisions, which MLflow follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Any

from solvent.config.base import counted, digest_of
from solvent.deployment.differences import (
    Difference,
    configuration_differences,
    data_differences,
    function_differences,
    library_differences,
)
from solvent.deployment.ledger import CANARY, EVALUATED, RELEASED, TESTED, TRAINED, seconds_by_step
from solvent.features.columns import feature_types
from solvent.features.ledger import build_name, feature_code, find_build
from solvent.identity import Commit, Manifest, environment_facts, function_digests, java_here
from solvent.release import Decision, decisions, rolled_back, standing
from solvent.settings import Settings
from solvent.sources.pins import Pin, pins_of, source_pins
from solvent.training import learned_by, manifest_copies, training_key

NOTHING, TRAIN, RELEASE, HELD = "nothing", "train", "release", "held"
# Exit code of `solvent plan` when a deployment would do something.
CHANGES = 4
RUN, REUSE = "run", "reuse"


@dataclass(frozen=True)
class PlannedStep:
    """One step: whether it runs or is reused, why, and the seconds it took in earlier deployments, if there were any."""

    name: str
    does: str
    reason: str
    seconds: float | None


@dataclass(frozen=True)
class Plan:
    """What a deployment would do.

    Attributes:
        project: Whose.
        environment: Where.
        commit: What would be deployed; None outside of a repository.
        dirty: Whether the working tree differs from it.
        outcome: "nothing", "train", "release" (of a version trained before) or "held" (that version was refused or rolled back).
        reason: Why, in words.
        champion: Version now, None if there is none.
        version: Version that would be released, if it was trained before.
        as_of: The date that windows are relative to.
        pins: What features are built from.
        differences: From the champion.
        steps: In order; none if nothing is to be done.
        gates: The rules that will decide.
        forced: Whether also what was refused or rolled back before is released.
        changed: The files of the working tree that differ from the commit.
    """

    project: str
    environment: str
    commit: str | None
    dirty: bool
    outcome: str
    reason: str
    champion: int | None
    version: int | None
    as_of: date
    pins: tuple[Pin, ...]
    differences: tuple[Difference, ...]
    steps: tuple[PlannedStep, ...]
    gates: tuple[str, ...]
    forced: bool = False
    changed: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether a deployment would do something."""
        return self.outcome in (TRAIN, RELEASE)

    @property
    def trains(self) -> bool:
        """Whether it would train a challenger."""
        return self.outcome == TRAIN

    def document(self) -> dict[str, Any]:
        """The plan as JSON values."""
        return {**asdict(self), "as_of": self.as_of.isoformat()}


@dataclass(frozen=True)
class Trained:
    """A version that was trained, and what it was made from."""

    name: str
    version: int
    manifest: Manifest

    def __str__(self) -> str:
        """As people name it."""
        return f"{self.name} version {self.version}"


def trained_versions(settings: Settings) -> list[Trained]:
    """All versions of a project's model, from the first.

    Raises:
        IntegrityError: If a manifest was changed.
    """
    name = settings.project.project
    # All of them, as what each was trained from is in no column.
    manifests = manifest_copies(settings.warehouse, name)
    return [Trained(name, version, manifest) for version, manifest in manifests.items()]


def make_plan(settings: Settings, commit: Commit, today: date, as_of: date | None = None, force: bool = False) -> Plan:
    """Compares what is committed with the champion.

    Args:
        settings: The configuration and the feature groups, as committed.
        commit: Where the code comes from.
        today: The as-of of a first model.
        as_of: Another as-of than the champion's, with the sources as they are now.
        force: Release also what was refused or rolled back before.

    Raises:
        TableError: If nothing was ingested.
        IntegrityError: If a manifest was changed.
    """
    project, environment = settings.project, settings.environment
    history = decisions(settings.warehouse, model=project.project)
    versions = trained_versions(settings)
    number = standing(history, project.project)
    champion = next((one for one in versions if one.version == number), None)
    manifest = champion.manifest if champion is not None else None
    latest = source_pins(settings.warehouse, project)
    moves = manifest is None or (as_of is not None and as_of.isoformat() != manifest["as_of"])
    looks_from = as_of or (date.fromisoformat(manifest["as_of"]) if manifest is not None else today)
    pins = latest if moves or manifest is None else pins_of(manifest)
    made = Recipe.of(settings, looks_from, pins)
    differences = made.differences(manifest, latest) if manifest is not None else ()
    features = made.features(manifest)
    key = made.key(features) if features is not None else None
    version = next((one for one in versions if one.manifest["training"]["key"] == key), None)
    outcome, reason = decide(champion, version, history, tuple(gate.rule for gate in project.gates), force)
    return Plan(
        project.project,
        environment.name,
        commit.hash,
        commit.dirty,
        outcome,
        reason,
        champion.version if champion is not None else None,
        version.version if version is not None else None,
        looks_from,
        pins,
        tuple(differences),
        steps(settings, outcome, features is not None) if outcome in (TRAIN, RELEASE) else (),
        tuple(gate.rule + (f" on every {gate.slice}" if gate.slice else "") for gate in project.gates),
        force,
        commit.changed,
    )


@dataclass(frozen=True)
class Recipe:
    """What is committed, as a manifest would tell it."""

    settings: Settings
    as_of: date
    pins: tuple[Pin, ...]
    shaping: Mapping[str, str]
    learning: Mapping[str, str]
    environment: Mapping[str, str]

    @classmethod
    def of(cls, settings: Settings, as_of: date, pins: tuple[Pin, ...]) -> Recipe:
        """The recipe of the code that is imported here."""
        learning = function_digests(learned_by(settings.project.model))
        facts = environment_facts(java_here(), settings.root)
        return cls(settings, as_of, pins, feature_code(settings.groups), learning, facts)

    def differences(self, manifest: Manifest, latest: Sequence[Pin]) -> list[Difference]:
        """What is not as the champion was made."""
        known = {name: manifest.functions[name] for name in manifest.functions if name in self.functions_of(manifest)}
        groups = [group.name for group in self.settings.groups]
        return [
            *configuration_differences(manifest["configuration"]["resolved"], self.settings.project.resolved()),
            *function_differences(
                known, {**self.shaping, **self.learning}, [*groups, *manifest["configuration"]["resolved"]["features"]]
            ),
            *library_differences(manifest["environment"], self.environment),
            *data_differences(pins_of(manifest), latest),
        ]

    def functions_of(self, manifest: Manifest) -> set[str]:
        """The functions that shaped a model; its manifest tells of those of the baseline as well."""
        return {*self.shaping, *self.learning, *manifest["configuration"]["resolved"]["features"]}

    def features(self, manifest: Manifest | None) -> str | None:
        """The digest of the features, if they are built."""
        project = self.settings.project
        name = build_name(project, self.pins, self.as_of, digest_of(self.shaping), self.environment)
        if manifest is not None and manifest["features"]["build"] == name:
            return str(manifest["features"]["digest"])
        built = find_build(self.settings.warehouse, name)
        return built.digest if built is not None else None

    def key(self, features: str) -> str:
        """The name of the training."""
        project = self.settings.project
        types = feature_types(self.settings.groups)
        windows = project.windows.at(self.as_of)
        return training_key(
            project,
            project.project,
            project.model,
            features,
            types,
            self.as_of,
            windows,
            self.learning,
            self.environment,
        )


def decide(
    champion: Trained | None,
    version: Trained | None,
    history: Sequence[Decision],
    rules: Sequence[str],
    force: bool,
) -> tuple[str, str]:
    """What a deployment would come to, and why."""
    if version is None:
        return TRAIN, "there is no champion yet" if champion is None else "no model was trained from this before"
    if champion is not None and version.version == champion.version:
        return NOTHING, f"{champion} is what this commit makes"
    back = rolled_back(history, version.version)
    if back is not None and not force:
        return HELD, f"{version} is what this commit makes, and was rolled back: {back.reason}; --force releases it"
    refused = [one for one in history if one.to_version == version.version]
    if not force and refused and not refused[-1].passed and {gate.rule for gate in refused[-1].gates} >= set(rules):
        return HELD, f"{version} is what this commit makes, and was refused: {refused[-1].reason}"
    return RELEASE, f"{version} was trained from the same before"


def steps(settings: Settings, outcome: str, built: bool) -> tuple[PlannedStep, ...]:
    """The steps of a deployment that does something."""
    spent = seconds_by_step(settings.warehouse)
    deploy = settings.project.deploy
    trains = outcome == TRAIN
    planned = [
        (
            TESTED,
            RUN if deploy.tests else REUSE,
            f"pytest {' '.join(deploy.tests)}" if deploy.tests else "model.yml names no tests",
        ),
        (
            "features",
            REUSE if built or not trains else RUN,
            "built before from the same" if built or not trains else "not built yet from this",
        ),
        (TRAINED, RUN if trains else REUSE, "not trained yet from this" if trains else "trained before from the same"),
        (EVALUATED, RUN, "challenger, champion and baseline on the same holdout"),
        (CANARY, RUN, f"challenger and champion score the latest {counted(deploy.canary.days, 'day')}"),
        (
            RELEASED,
            RUN,
            f"{counted(len(settings.project.gates), 'gate')}; then {counted(deploy.probation.days, 'day')} of probation",
        ),
    ]
    return tuple(PlannedStep(*one, spent.get(one[0]) if one[1] == RUN else None) for one in planned)
