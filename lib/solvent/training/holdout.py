"""A model on the holdout of a training: its predictions, its evaluation, and their digest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.ml import PipelineModel
from pyspark.sql import DataFrame

from solvent.errors import EvaluationError
from solvent.estimators.spark_ml import predict
from solvent.evaluation import Evaluation, evaluate_by_day
from solvent.evaluation.table import append_evaluation, find_evaluation
from solvent.identity import Manifest
from solvent.kinds.paired import DaySums
from solvent.registry import ModelVersion
from solvent.session import kept
from solvent.tables import Warehouse, content_of, declarations
from solvent.training.training import Training

if TYPE_CHECKING:
    from solvent.registry import Registry


@dataclass(frozen=True)
class Scored:
    """A fitted model on the holdout: its evaluation, its sums by day, and the digest of its predictions."""

    evaluation: Evaluation
    days: DaySums
    predictions_digest: str


def score_holdout(training: Training, model: PipelineModel) -> Scored:
    """Scores the holdout once; measures and digests the predictions."""
    kind, key, measures = training.estimator.kind, training.project.predicted.key, training.project.evaluation
    carried = [*dict.fromkeys([*training.carried, "prediction_time"])]
    with kept(predict(model, training.holdout_rows, kind, carried)) as scored:
        found, days = evaluate_by_day(scored, kind, measures, key)
        names = [*key, "prediction"]
        digest = content_of(scored, names).digest(declarations(scored, names))
    return Scored(found, days, digest)


def predict_holdout(training: Training, model: PipelineModel, features: Sequence[str] = ()) -> DataFrame:
    """What a model predicts on the holdout of a training: key, slices, label, prediction_time, and the features asked for."""
    carried = [*dict.fromkeys([*training.carried, *features, "prediction_time"])]
    return predict(model, training.holdout_rows, training.estimator.kind, carried)


def evaluation_of(
    warehouse: Warehouse,
    registry: Registry,
    training: Training,
    version: ModelVersion,
    load: Callable[[ModelVersion], PipelineModel],
    force: bool = False,
) -> tuple[Evaluation, bool]:
    """The evaluation of any registered model on the holdout of a training, and whether it was made now.

    Args:
        warehouse: The project's tables.
        registry: The project's models.
        training: Whose holdout.
        version: What is evaluated.
        load: Gives the model of a version, verified.
        force: Measure it even if it was measured before.

    Raises:
        EvaluationError: If the model needs a column that the build does not have.
        IntegrityError: If the model's files are not what was registered.
    """
    measures = training.project.evaluation
    subject = training.subject(version.version, version.digest, version.name)
    found = None if force else find_evaluation(warehouse, subject, measures)
    if found is not None:
        return found, False
    require_inputs(version, registry.manifest(version), training.rows.columns)
    scored = score_holdout(training, load(version))
    append_evaluation(warehouse, subject, measures, scored.evaluation, scored.days)
    return scored.evaluation, True


def require_inputs(version: ModelVersion, manifest: Manifest, columns: Sequence[str]) -> None:
    """Refuses a model that needs a feature which is not there any more.

    Raises:
        EvaluationError: Naming the feature.
    """
    lacking = [name for name in manifest["estimator"]["inputs"] if name not in columns]
    if lacking:
        raise EvaluationError(
            f"{version} needs the feature {lacking[0]}, which the feature groups of model.yml do not give; train a model on "
            "the present features, or go back to the code of its commit"
        )
