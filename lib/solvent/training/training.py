"""A training: all that determines a model and its evaluation, and the rows it learns from and is measured on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from solvent.config.base import counted, digest_of, midnight
from solvent.config.estimator import Estimator
from solvent.config.project import Project
from solvent.config.windows import Intervals
from solvent.errors import EvaluationError, TrainingError
from solvent.estimators.spark_ml import Inputs
from solvent.evaluation.table import Subject
from solvent.identity import Commit
from solvent.kinds import KINDS
from solvent.sources.pins import Pin

# What takes rows to a model, and what searches its parameters; the windows are a part of the key themselves.
LEARNED_BY = ("solvent.estimators.spark_ml.fit", "solvent.training.training.Training.train_rows")
SEARCHED_BY = "solvent.training.search.search"
# What takes a model and the rows of a holdout to its figures.
MEASURED_BY = ("solvent.training.holdout.score_holdout", "solvent.training.training.Training.holdout_rows")


def learned_by(estimator: Estimator) -> tuple[str, ...]:
    """The functions that take the rows of a build to the model."""
    searched = () if estimator.search is None else (SEARCHED_BY,)
    own = () if estimator.estimator.startswith("pyspark.") else (estimator.estimator,)
    return (*LEARNED_BY, *searched, *own)


def training_key(
    project: Project,
    name: str,
    estimator: Estimator,
    features: str,
    types: Mapping[str, str],
    as_of: date,
    windows: Intervals,
    functions: Mapping[str, str],
    environment: Mapping[str, str],
) -> str:
    """The digest of what a training is made from; it needs neither Spark nor rows.

    Args:
        project: The configuration.
        name: The registered model's name.
        estimator: What is learned.
        features: Digest of the content of the feature build.
        types: Feature column -> type.
        as_of: The date the windows are relative to.
        windows: The windows.
        functions: Import path -> digest of functions, those of learned_by among them.
        environment: What it runs with.
    """
    # Metrics at a threshold decide between candidates, but do not shape a model without a search.
    threshold = {"threshold": project.evaluation.threshold} if estimator.search is not None else {}
    return digest_of(
        {
            **threshold,
            "name": name,
            "estimator": estimator.model_dump(mode="json"),
            "features": features,
            "inputs": list(Inputs.of(types).names),
            "as_of": as_of.isoformat(),
            "windows": windows.model_dump(mode="json"),
            "code": {path: functions[path] for path in learned_by(estimator)},
            "environment": dict(environment),
        }
    )


@dataclass(frozen=True)
class Training:
    """All that determines a model and its evaluation.

    Attributes:
        project: The configuration.
        name: The registered model's name.
        estimator: What is learned.
        inputs: The feature columns.
        types: Feature column -> type.
        rows: The feature build: key, slices, prediction_time, label, label_available_time, features.
        build: The build as JSON values.
        pins: What it was built from.
        as_of: The date the windows are relative to.
        windows: Where its rows come from.
        code: Digest of the code.
        functions: Import path -> digest of the functions that shape the model, those of its features included.
        measuring: Digest of the functions of MEASURED_BY.
        commit: Where the code came from.
        environment: What it runs with.
        measured_from: Rows of the holdout count that are predicted from then on; all if None.
    """

    project: Project
    name: str
    estimator: Estimator
    inputs: Inputs
    types: Mapping[str, str]
    rows: DataFrame
    build: Mapping[str, Any]
    pins: Sequence[Pin]
    as_of: date
    windows: Intervals
    code: str
    functions: Mapping[str, str]
    measuring: str
    commit: Commit
    environment: Mapping[str, str]
    measured_from: datetime | None = None

    @property
    def section(self) -> Literal["model", "baseline"]:
        """The key of model.yml that declares what is learned."""
        return "model" if self.name == self.project.project else "baseline"

    @property
    def seen_from(self) -> datetime:
        """The moment of the as-of."""
        return midnight(self.as_of)

    @property
    def key(self) -> str:
        """The digest that names the training."""
        return training_key(
            self.project,
            self.name,
            self.estimator,
            str(self.build["digest"]),
            self.types,
            self.as_of,
            self.windows,
            self.functions,
            self.environment,
        )

    @property
    def train_rows(self) -> DataFrame:
        """Rows whose label was available before the holdout starts."""
        windows = self.windows
        return self.rows.where(
            (F.col("prediction_time") >= F.lit(windows.train_start))
            & (F.col("prediction_time") < F.lit(windows.holdout_start))
            & F.col("label").isNotNull()
            & (F.col("label_available_time") < F.lit(windows.holdout_start))
        )

    @property
    def in_holdout(self) -> DataFrame:
        """All rows of the holdout that count, with a label or without."""
        since, until = self.measured
        return self.rows.where((F.col("prediction_time") >= F.lit(since)) & (F.col("prediction_time") < F.lit(until)))

    @property
    def measured(self) -> tuple[datetime, datetime]:
        """The prediction times that models are measured on, [since, until)."""
        return max(filter(None, [self.windows.holdout_start, self.measured_from])), self.windows.holdout_end

    @property
    def holdout_rows(self) -> DataFrame:
        """Rows of the holdout whose label was available before the as-of."""
        known = F.col("label").isNotNull() & (F.col("label_available_time") < F.lit(self.seen_from))
        return self.in_holdout.where(known)

    @property
    def carried(self) -> list[str]:
        """What predictions carry: key, slices and label.

        Raises:
            EvaluationError: If the build has no column for a slice of model.yml.
        """
        lacking = [name for name in self.project.evaluation.slices if name not in self.rows.columns]
        if lacking:
            raise EvaluationError(
                f"evaluation.slices: '{lacking[0]}' is not among the features that {self.name} was trained on as of {self.as_of}; "
                "train it again, or take the slice out of model.yml"
            )
        return list(dict.fromkeys([*self.project.predicted.key, *self.project.evaluation.slices, "label"]))

    def subject(self, version: int, model_digest: str, name: str | None = None) -> Subject:
        """The evaluation of a model on this training's holdout."""
        pins = [pin.document() for pin in self.pins]
        return Subject(
            name or self.name,
            version,
            model_digest,
            *self.measured,
            self.seen_from,
            self.build["digest"],
            pins,
            self.measuring,
            self.environment,
        )


@dataclass(frozen=True)
class Counts:
    """Rows by use, positive labels (0 for a regression), and the rows in which a feature is NaN, where there are any."""

    not_numbers: Mapping[str, int]
    train: int
    train_positives: int
    holdout: int
    holdout_positives: int
    never_labelled: int
    not_yet_labelled: int


def counts_of(training: Training) -> Counts:
    """Counts the rows of a training in one pass.

    Raises:
        TrainingError: If there is nothing to learn from, or a label or a feature cannot be.
        EvaluationError: If there is nothing to measure.
    """
    windows, label = training.windows, F.col("label")
    in_train = F.col("prediction_time") < F.lit(windows.holdout_start)
    there = label.isNotNull()
    usable = in_train & there & (F.col("label_available_time") < F.lit(windows.holdout_start))
    due = F.col("label_available_time") < F.lit(training.seen_from)
    doubles = [name for name, kind in training.types.items() if kind == "double"]
    row = training.rows.agg(
        F.count_if(usable),
        F.count_if(usable & (label == 1)),
        F.count_if(~in_train & there & due),
        F.count_if(~in_train & there & due & (label == 1)),
        F.count_if(~in_train & ~there & due),
        F.count_if(~in_train & ~due),
        *impossible_labels(training.estimator.kind),
        *(F.count_if(F.abs(f"`{name}`") == float("inf")) for name in doubles),
        *(F.count_if(F.isnan(f"`{name}`")) for name in doubles),
    ).collect()[0]
    used, (wrong, least, most), each = row[:6], row[6:9], row[9:]
    require_labels(training, there=used[0] + used[2], wrong=wrong, least=least, most=most)
    require_finite(dict(zip(doubles, each[: len(doubles)], strict=True)))
    not_numbers = {name: rows for name, rows in zip(doubles, each[len(doubles) :], strict=True) if rows}
    counts = Counts(not_numbers, *(int(rows) for rows in used))
    require_classes(training, counts)
    return counts


def impossible_labels(kind: str) -> tuple[Column, Column, Column]:
    """How many labels an estimator of a kind cannot learn, and the least and the greatest of them."""
    label = F.col("label")
    wrong = label.isNotNull() & ~KINDS[kind].valid_label(label)
    return F.count_if(wrong), F.min(F.when(wrong, label)), F.max(F.when(wrong, label))


def require_labels(training: Training, there: int, wrong: int, least: float, most: float) -> None:
    """Refuses labels that the estimator cannot learn."""
    if not wrong:
        return
    name, estimator = training.project.prediction.label.name, training.estimator
    found = " to ".join(dict.fromkeys([f"{least:g}", f"{most:g}"]))
    what = KINDS[estimator.kind].label_advice.format(estimator=estimator.name)
    raise TrainingError(f"label {name}: is {found} in {wrong:,} of {counted(there, 'row')} with a label: {what}")


def require_finite(infinite: Mapping[str, int]) -> None:
    """Refuses features that are infinite anywhere: sums over them say nothing."""
    found = [f"{name} in {counted(rows, 'row')}" for name, rows in infinite.items() if rows]
    if found:
        raise TrainingError(
            f"feature {', '.join(found)}: is infinite; look at its function for a logarithm or a division, and make it null there"
        )


def require_classes(training: Training, counts: Counts) -> None:
    """Refuses windows without labels, and with one class only."""
    windows = training.windows
    spans = (
        ("train", windows.train_start, windows.holdout_start, counts.train, counts.train_positives, TrainingError),
        (
            "holdout",
            windows.holdout_start,
            windows.holdout_end,
            counts.holdout,
            counts.holdout_positives,
            EvaluationError,
        ),
    )
    for window, start, end, rows, positives, error in spans:
        where = f"the {window} window, {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC,"
        if not rows:
            raise error(f"{where} has no row with a label known in time; choose another --as-of, or ingest more data")
        only = KINDS[training.estimator.kind].only_label(rows, positives)
        if only is not None:
            raise error(
                f"{where} has {counted(rows, 'label')}, all of them {only:g}: with one class there is nothing to tell apart; look at "
                "prediction.label in model.yml, or choose another --as-of"
            )
