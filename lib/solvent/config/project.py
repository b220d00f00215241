"""What a project is: conf/<project>/model.yml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pydantic import field_validator, model_validator

from solvent.config.base import Frozen, Items, closest, digest_of, read_yaml, validated
from solvent.config.deploy import Deploy, require_branch
from solvent.config.environment import NAME
from solvent.config.estimator import Estimator
from solvent.config.measures import Gate, Measures
from solvent.config.monitoring import Monitoring, Retrain
from solvent.config.source import TIMES, Source, check
from solvent.config.windows import Windows
from solvent.errors import ConfigurationError

IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")


class Label(Frozen):
    """What is predicted: a name, a SQL value over the source, and when it could have been known (default: with the fact)."""

    name: str
    value: str
    available_time: str = "available_time"


class Prediction(Frozen):
    """The rows of the project: one for each fact of a source, as it is known at the prediction time.

    Attributes:
        source: The source whose facts are predicted.
        time: SQL expression: the moment a row is scored.
        known: The columns known at that time, all that feature functions are given of the row itself.
        label: What is predicted.
    """

    source: str
    time: str
    known: Items[str]
    label: Label

    @property
    def computed(self) -> dict[str, str]:
        """Key -> the expression that is computed of each row; the label as a number, as it is used."""
        return {
            "prediction.time": self.time,
            "prediction.label.value": f"CAST(({self.label.value}) AS DOUBLE)",
            "prediction.label.available_time": self.label.available_time,
        }


class Project(Frozen):
    """A validated model.yml."""

    project: str
    owner: str
    description: str
    sources: dict[str, Source]
    prediction: Prediction
    features: Items[str]
    windows: Windows
    model: Estimator
    baseline: Estimator
    evaluation: Measures
    gates: Items[Gate] = ()
    monitoring: Monitoring = Monitoring()
    retrain: Retrain = Retrain()
    deploy: Deploy = Deploy()

    @field_validator("project")
    @classmethod
    def plain_project(cls, name: str) -> str:
        """Refuses names that cannot be a Python package and a table prefix."""
        if not NAME.fullmatch(name):
            raise ValueError("use lower case letters, digits and _, starting with a letter")
        return name

    @model_validator(mode="after")
    def hangs_together(self) -> Self:
        """Refuses references to what is not declared."""
        problems = [
            *unknown_sources(self),
            *unknown_features(self),
            *unknown_measures(self),
        ]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    @property
    def predicted(self) -> Source:
        """The source whose facts are predicted."""
        return self.sources[self.prediction.source]

    def options(self, environment: str) -> str:
        """The options that name it and an environment, for a command that is shown."""
        return f"--project {self.project}" + ("" if environment == "local" else f" --environment {environment}")

    def digest(self, *sections: str) -> str:
        """SHA-256 of the canonical JSON of some sections (all without names), so that a changed gate does not retrain."""
        values = self.resolved()
        return digest_of({name: values[name] for name in sections} if sections else values)

    def resolved(self) -> dict[str, object]:
        """The whole configuration with its defaults, as JSON values."""
        return self.model_dump(mode="json", by_alias=True)


def unknown_sources(project: Project) -> Iterator[str]:
    """What prediction says about its source that is not so."""
    for name in project.sources:
        if not NAME.fullmatch(name):
            yield f"sources.{name}: use lower case letters, digits and _, starting with a letter"
    prediction = project.prediction
    if prediction.source not in project.sources:
        yield f"prediction.source: '{prediction.source}' is not a source; {closest(prediction.source, project.sources)}"
        return
    known = [*project.predicted.names, *TIMES]
    for key, expression in (
        ("time", prediction.time),
        ("label.value", prediction.label.value),
        ("label.available_time", prediction.label.available_time),
    ):
        try:
            check(f"prediction.{key}", expression, known)
        except ValueError as error:
            yield str(error)
    for name in prediction.known:
        if name not in project.predicted.names:
            yield f"prediction.known: '{name}' is not a column of {prediction.source}; {closest(name, project.predicted.names)}"
    yield from label_in_sight(project)
    for name in project.predicted.key:
        if name not in prediction.known:
            yield f"prediction.known: lacks '{name}' of the key of {prediction.source}"


def label_in_sight(project: Project) -> Iterator[str]:
    """Columns known at prediction time that tell the label."""
    source, known = project.predicted, project.prediction.known
    try:
        made_of = source.read_by(project.prediction.label.value)
    except ValueError:
        return
    later = made_of - set(known)
    if not later:
        yield "prediction.known: holds all that the label is made of, so that features could read it; leave out what comes later"
    for name in known:
        told = sorted(later & source.read_by(source.derive[name])) if name in source.derive else []
        if told:
            yield (
                f"prediction.known: '{name}' is derived from {', '.join(told)}, which the label is made of and which is not known "
                "then, so that features could read the label from it; leave it out"
            )


def unknown_features(project: Project) -> Iterator[str]:
    """Feature groups that cannot be imported."""
    for path in project.features:
        if not IMPORT_PATH.fullmatch(path):
            yield f"features: '{path}' is not the import path of a function in {project.project} or solvent"
    if not project.features:
        yield "features: names no feature group"


def unknown_measures(project: Project) -> Iterator[str]:
    """Gates on what is not measured, and a model and a baseline of different kinds."""
    metrics, slices = project.evaluation.metrics, project.evaluation.slices
    for number, gate in enumerate(project.gates):
        if gate.metric not in metrics:
            yield f"gates.{number}.metric: '{gate.metric}' is not measured; {closest(gate.metric, metrics)}"
        if gate.slice is not None and gate.slice not in slices:
            yield f"gates.{number}.slice: '{gate.slice}' is not a slice; {closest(gate.slice, slices)}"
    for name in (*project.monitoring.metrics, *project.monitoring.tolerances):
        if name not in metrics:
            yield f"monitoring: '{name}' is not measured; {closest(name, metrics)}"
    if project.model.kind != project.baseline.kind:
        yield f"baseline.estimator: is for {project.baseline.kind} labels, the model for {project.model.kind} ones"


def load_project(name: str, root: Path) -> Project:
    """The project of this name.

    Args:
        name: Name of a folder of conf/.
        root: The folder that holds conf/.

    Raises:
        ConfigurationError: If its model.yml is missing or wrong; the text names file, keys, what was found and what would be right.
    """
    path = root / "conf" / name / "model.yml"
    require_conf(root)
    known = projects_of(root)
    if not path.is_file():
        raise ConfigurationError(f"{path}: no such file; project '{name}': {closest(name, known)}")
    found = validated(Project, read_yaml(path), path)
    if found.project != name:
        raise ConfigurationError(
            f"{path}: project: found '{found.project}'; the name of its folder, '{name}', is expected"
        )
    try:
        require_branch(found.deploy.branch)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: deploy.branch: {error}") from None
    for test in found.deploy.tests:
        if test.startswith("-"):
            raise ConfigurationError(
                f"{path}: deploy.tests: '{test}' is an option of pytest; name files, folders or tests"
            )
    packages = [name, "solvent", *(other for other in known if other != name)]
    for feature in found.features:
        if feature.split(".")[0] not in packages:
            places = " or ".join([", ".join(packages[:-1]), packages[-1]])
            raise ConfigurationError(f"{path}: features: '{feature}' is not the import path of a function in {places}")
    return found


def require_conf(root: Path) -> None:
    """Refuses a folder without projects.

    Raises:
        ConfigurationError: Naming it.
    """
    if not (root / "conf").is_dir():
        raise ConfigurationError(f"{root}: no conf/ here or above; go to where it is, or give it as --root")


def projects_of(root: Path) -> list[str]:
    """The names of the projects of a folder that holds conf/."""
    return sorted(found.parent.name for found in (root / "conf").glob("*/model.yml"))
