"""What a project is: conf/<project>/model.yml."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from solvent.config.base import Duration, Frozen, Items, closest, digest_of, midnight, read_yaml, validated
from solvent.config.environment import NAME
from solvent.config.estimator import Estimator
from solvent.config.expressions import Column, check_expression, columns_used, parse_columns, require_name, taken_by
from solvent.config.landing import Landing
from solvent.errors import ConfigurationError

IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
# Facts without a time of their own, such as a register of planes, count as always known.
ALWAYS_KNOWN = "TIMESTAMP '1970-01-01 00:00:00'"
TIMES = ("event_time", "available_time")


class Source(Frozen):
    """An append-only Delta table, fed by ingest from a landing folder.

    Attributes:
        landing: How its files are read.
        ddl: (key "schema") The columns of a file, as Spark SQL declarations of primitive types.
        key: The columns that name a row; never null.
        derive: Further columns as SQL expressions over the columns before them, computed whenever the source is read.
        event_time: SQL expression: when it happened.
        available_time: SQL expression: when it could have been known, or `always`; where it is not declared, when it happened.
        expect: Named SQL conditions; a row for which one is false goes to quarantine.
    """

    landing: Landing = Landing()
    ddl: str = Field(alias="schema")
    key: Items[str]
    derive: dict[str, str] = {}
    event_time: str = ALWAYS_KNOWN
    available_time: str = Field(default_factory=lambda declared: declared.get("event_time", ALWAYS_KNOWN))
    expect: dict[str, str] = {}

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The declared columns; those of the key are never null."""
        return tuple(
            Column(column.name, column.type, column.nullable and column.name not in self.key)
            for column in parse_columns(self.ddl)
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns a reader sees: declared and derived."""
        return (*(column.name for column in self.columns), *self.derive)

    @field_validator("available_time")
    @classmethod
    def may_be_always(cls, expression: str) -> str:
        """Puts the time from which on a fact is always known for the word."""
        return ALWAYS_KNOWN if expression.strip().lower() == "always" else expression

    def read_by(self, expression: str) -> frozenset[str]:
        """The declared columns that an expression is made of, through derived columns and times."""
        computed = {**self.derive, **{name: getattr(self, name) for name in TIMES}}
        used = columns_used(expression)
        return frozenset(used - set(computed)).union(*(self.read_by(computed[name]) for name in used & set(computed)))

    @field_validator("ddl")
    @classmethod
    def parses(cls, ddl: str) -> str:
        """Refuses a declaration that does not parse, and names kept for Solvent."""
        names = [column.name for column in parse_columns(ddl)]
        taken = [name for name in names if name.startswith("_") or taken_by(name, TIMES)]
        if taken:
            raise ValueError(
                f"column {taken[0]}: names that start with _, and {' and '.join(TIMES)}, are kept for Solvent"
            )
        return ddl

    @model_validator(mode="after")
    def knows_its_columns(self) -> Self:
        """Refuses keys and expressions over columns that do not exist."""
        known = [column.name for column in self.columns]
        if not self.key:
            raise ValueError("key: names no column")
        for name in self.key:
            if name not in known:
                raise ValueError(f"key: '{name}' is not a declared column; {closest(name, known)}")
        for name, condition in self.expect.items():
            check(f"expect.{name}", condition, known)
        for name, expression in self.derive.items():
            try:
                require_name(name)
            except ValueError as error:
                raise ValueError(f"derive: {error}") from None
            if taken_by(name, [*known, *TIMES]) or name.startswith("_"):
                raise ValueError(f"derive.{name}: this name is taken")
            check(f"derive.{name}", expression, known)
            known.append(name)
        check("event_time", self.event_time, known)
        check("available_time", self.available_time, known)
        return self


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


class Windows(Frozen):
    """Where rows come from, back from as-of less maturity: first the holdout, before it the training rows."""

    train: Duration
    holdout: Duration
    maturity: Duration = timedelta(0)

    @model_validator(mode="after")
    def not_empty(self) -> Self:
        """Refuses windows without a length."""
        if not self.train or not self.holdout:
            raise ValueError("train and holdout need a length above zero")
        return self

    def at(self, as_of: date) -> Intervals:
        """The windows seen from a date, which starts at midnight UTC."""
        end = midnight(as_of) - self.maturity
        return Intervals(train_start=end - self.holdout - self.train, holdout_start=end - self.holdout, holdout_end=end)


class Intervals(Frozen):
    """Windows resolved: training rows in [train_start, holdout_start), holdout rows in [holdout_start, holdout_end), UTC."""

    train_start: datetime
    holdout_start: datetime
    holdout_end: datetime


class Measures(Frozen):
    """What is measured on the holdout, on which slices, and at which threshold and confidence."""

    metrics: Items[str]
    slices: Items[str] = ()
    threshold: float = Field(default=0.5, gt=0, lt=1)
    confidence: float = Field(default=0.95, gt=0, lt=1)


class Gate(Frozen):
    """A rule a challenger must pass: one bound on one metric, overall or on every value of a slice.

    Attributes:
        metric: The metric, which must be measured.
        at_least: The least value allowed.
        at_most: The largest value allowed.
        better_than: "baseline" or "champion", which must be beaten by more than `by`.
        not_worse_than: "baseline" or "champion", from which the challenger may fall behind by at most `by`.
        by: The margin, in the metric's own unit.
        confidence: With it, the whole confidence interval of the lead must keep to the margin: superiority by more than `by` for
            better_than, non-inferiority by `by` for not_worse_than. The interval is two-sided, and one limit decides: a challenger
            that in truth is beyond the margin passes in (1 - confidence) / 2 of cases, a share that is spread over all challengers
            judged against one champion on the same days (lib/solvent/release/gates.py).
        slice: A slice, each value of which must pass.
        min_rows: Slice values with fewer rows are passed over.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    better_than: Literal["baseline", "champion"] | None = None
    not_worse_than: Literal["baseline", "champion"] | None = None
    by: float = Field(default=0.0, ge=0)
    confidence: float | None = Field(default=None, ge=0.5, lt=1)
    slice: str | None = None
    min_rows: int = Field(default=0, ge=0)

    @model_validator(mode="after")
    def one_rule(self) -> Self:
        """Refuses no rule, and two in one."""
        rules = [self.at_least, self.at_most, self.better_than, self.not_worse_than]
        if sum(rule is not None for rule in rules) != 1:
            raise ValueError("give exactly one of at_least, at_most, better_than and not_worse_than")
        if self.by and self.rival is None:
            raise ValueError("by belongs to better_than or not_worse_than")
        if self.confidence is not None and self.rival is None:
            raise ValueError(
                "confidence belongs to better_than or not_worse_than: it is that of the lead over another model"
            )
        return self

    @property
    def rival(self) -> Literal["baseline", "champion"] | None:
        """Whom the challenger is compared with, None for a bound."""
        return self.better_than or self.not_worse_than

    @property
    def rule(self) -> str:
        """The gate in words."""
        margin = f" by {self.by:g}" if self.by else ""
        if self.confidence is not None:
            margin += f" with {100 * self.confidence:g}% confidence"
        if self.at_least is not None:
            return f"{self.metric} at least {self.at_least:g}"
        if self.at_most is not None:
            return f"{self.metric} at most {self.at_most:g}"
        if self.better_than is not None:
            return f"{self.metric} better than the {self.better_than}{margin}"
        return f"{self.metric} not worse than the {self.not_worse_than}{margin}"


# Windows of the holdout that monitoring judges by, at least.
LEAST_REFERENCE = 21


class Monitoring(Frozen):
    """How the life of a released model is watched, window by window.

    Attributes:
        window: What has one figure of each metric and slice value, and is judged as one: a day or a week, in UTC, a week from Monday.
        metrics: Those judged, of those measured; all if none is named.
        false_alarm_rate: The probability of any false alarm within a year, over all metrics and slices together.
        min_rows: A window's figure of a slice value with fewer labels is not judged.
        look_back: How long after its maturity a window is measured again, as late labels come.
        tolerances: Metric -> worse by less than this does not matter, in the metric's own unit.
    """

    window: Literal["day", "week"] = "day"
    metrics: Items[str] = ()
    false_alarm_rate: float = Field(default=0.05, gt=0, lt=1)
    min_rows: int = Field(default=50, ge=1)
    look_back: Duration = timedelta(days=14)
    tolerances: dict[str, float] = {}

    @property
    def length(self) -> timedelta:
        """How long a window is."""
        return timedelta(days=7 if self.window == "week" else 1)

    @property
    def windows_per_year(self) -> int:
        """How many windows a year has."""
        return 365 // self.length.days

    def window_of(self, moment: datetime) -> date:
        """The window that a time is in, by its first day."""
        return moment.date() - timedelta(days=moment.weekday() if self.window == "week" else 0)

    def windows(self, first: date, end: date) -> list[date]:
        """The windows from one to the last that is over at the first day of another."""
        return [first + n * self.length for n in range((end - first) // self.length)]

    def whole_windows(self, since: datetime, until: datetime) -> tuple[datetime, datetime]:
        """The part of a span that is whole windows: of a part of one, figures would be taken for those of all of it."""
        first = midnight(self.window_of(since))
        return first if first == since else first + self.length, midnight(self.window_of(until))

    def judged(self, measured: Sequence[str]) -> tuple[str, ...]:
        """The metrics judged, of those measured."""
        return self.metrics or tuple(measured)


class Retrain(Frozen):
    """When a challenger is trained without being asked for; what it must show to replace the champion is in the gates.

    Attributes:
        every: When the as-of of the last training is so long ago, be it the champion's or that of a challenger it refused.
        new_labels: When so many labels of its predictions have matured since the last training.
        on_alarm: When it deviates; once for each alarm of a metric and slice, whatever becomes of the challenger.
    """

    every: Duration | None = None
    new_labels: int | None = Field(default=None, ge=1)
    on_alarm: bool = False


class Canary(Frozen):
    """How a challenger is tried beside the champion before it replaces it, on rows that neither has learned from.

    Attributes:
        days: The latest days of prediction times that both score.
        flipped: The largest share of decisions at the threshold that may differ, of all rows; for binary labels.
        moved: The largest mean absolute change of a prediction, in the label's unit.
        flipped_in_slice: The same as flipped, of the rows of every slice value.
        min_rows: Slice values with fewer rows are told, but decide nothing.
    """

    days: int = Field(default=7, ge=1)
    flipped: float | None = Field(default=None, ge=0, le=1)
    moved: float | None = Field(default=None, ge=0)
    flipped_in_slice: float | None = Field(default=None, ge=0, le=1)
    min_rows: int = Field(default=50, ge=1)

    @property
    def decides(self) -> bool:
        """Whether it bounds decisions."""
        return self.flipped is not None or self.flipped_in_slice is not None


class Probation(Frozen):
    """How long a new champion is watched beside the one it replaced, and at which risk it is taken back for nothing.

    Attributes:
        days: With matured labels; then it is confirmed.
        labels: Matured labels after which it is confirmed, if that is earlier.
        metrics: Those compared day by day; log_loss if none is named, rmse for a regression.
        risk: The probability that a champion no worse than the old one is rolled back, however often one looks.
    """

    days: int = Field(default=28, ge=7)
    labels: int | None = Field(default=None, ge=1)
    metrics: Items[str] = ()
    risk: float = Field(default=0.05, gt=0, lt=1)


RELEASE_BRANCH = "main"


class Deploy(Frozen):
    """How a commit becomes a release.

    Attributes:
        branch: Only commits on it are deployed.
        tests: What pytest is given, from the root of the repository; nothing is tested if nothing is named.
        canary: How the challenger is tried first.
        probation: How it is watched afterwards.
    """

    branch: str = RELEASE_BRANCH
    tests: Items[str] = ()
    canary: Canary = Canary()
    probation: Probation = Probation()


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

    def digest(self, *sections: str) -> str:
        """SHA-256 of the canonical JSON of some sections (all without names), so that a changed gate does not retrain."""
        values = self.resolved()
        return digest_of({name: values[name] for name in sections} if sections else values)

    def resolved(self) -> dict[str, object]:
        """The whole configuration with its defaults, as JSON values."""
        return self.model_dump(mode="json", by_alias=True)


def check(key: str, expression: str, known: list[str]) -> None:
    """Refuses an expression, naming its key."""
    try:
        check_expression(expression, known)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


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
    if project.model.kind != "binary" and project.deploy.canary.decides:
        yield "deploy.canary: a regression decides nothing that could be flipped; give moved"
    if project.model.kind != project.baseline.kind:
        yield f"baseline.estimator: is for {project.baseline.kind} labels, the model for {project.model.kind} ones"


def require_branch(name: str) -> None:
    """Refuses what is no name of a branch by the rules of `git check-ref-format --branch`.

    Raises:
        ConfigurationError: If it is none.
    """
    parts = name.split("/")
    if (
        not all(parts)
        or name.startswith("-")
        or name.endswith(".")
        or any(part.startswith(".") or part.endswith(".lock") for part in parts)
        or any(word in name for word in ("..", "@{", "\\"))
        or re.search(r"[\x00-\x20\x7f~^:?*\[]", name)
        or name == "HEAD"
    ):
        raise ConfigurationError(f"'{name}' is no name of a branch")


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
