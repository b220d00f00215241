"""Whether what a project declares fits together: its metrics, labels, gates, sources and feature groups."""

from __future__ import annotations

from collections.abc import Sequence

from solvent.config.base import closest
from solvent.config.measures import Gate
from solvent.config.project import Project
from solvent.config.source import TIMES
from solvent.errors import EvaluationError, FeatureError
from solvent.features import FeatureGroup
from solvent.features.columns import columns_of
from solvent.kinds import KINDS, descriptive, require_daily, require_known, require_paired


def require_measurable(project: Project) -> None:
    """Refuses kinds of label and metrics that are not there, or cannot do what they are named for.

    Raises:
        EvaluationError: Naming the key.
    """
    require_kinds(project)
    require_known(project.model.kind, project.evaluation.metrics)
    require_decisive(project)
    require_comparable(project.gates)
    require_watchable(project)


def require_buildable(project: Project, groups: Sequence[FeatureGroup]) -> None:
    """Refuses slices, sources and columns that are not there.

    Raises:
        FeatureError: Naming it.
    """
    columns_of(project, groups)
    require_sources(project, groups)


def require_kinds(project: Project) -> None:
    """Refuses kinds of label that there are not, estimators without their predictions, and bounds on decisions where there are none.

    Raises:
        EvaluationError: Naming the key.
    """
    for key, estimator in (("model", project.model), ("baseline", project.baseline)):
        if estimator.kind not in KINDS:
            what = f"'{estimator.kind}', the label_kind of {estimator.name}, is no kind of label"
            raise EvaluationError(f"{key}.estimator: {what}; {closest(estimator.kind, KINDS)}")
        kind = KINDS[estimator.kind]
        if not hasattr(estimator.type, f"{kind.column}Col"):
            what = f"gives no {kind.column_text}, which predictions and their metrics are"
            raise EvaluationError(f"{key}: estimator: {estimator.name} {what}")
    if project.deploy.canary.decides and KINDS[project.model.kind].flipped is None:
        raise EvaluationError(
            f"deploy.canary: a {project.model.kind} decides nothing that could be flipped; give moved"
        )


def require_decisive(project: Project) -> None:
    """Refuses searches by a metric that does not exist for the label, or of which no value is the better.

    Raises:
        EvaluationError: Naming the key.
    """
    for key, estimator in (("model", project.model), ("baseline", project.baseline)):
        if estimator.search is None:
            continue
        metric = estimator.search.metric or KINDS[estimator.kind].default_metric
        try:
            require_known(estimator.kind, [metric])
        except EvaluationError as error:
            raise EvaluationError(f"{key}.search.metric: {error}") from None
        if descriptive(metric):
            raise EvaluationError(
                f"{key}.search.metric: '{metric}' tells of the rows, and of no candidate that it is better"
            )


def require_comparable(gates: Sequence[Gate]) -> None:
    """Refuses gates with a confidence on metrics whose lead has no interval."""
    for number, gate in enumerate(gates):
        if gate.confidence is not None:
            try:
                require_paired(gate.metric)
            except EvaluationError as error:
                raise EvaluationError(f"gates.{number}.confidence: {error}") from None


def require_watchable(project: Project) -> None:
    """Refuses probation by a metric that has no value by day."""
    try:
        require_daily(project.model.kind, project.deploy.probation.metrics)
    except EvaluationError as error:
        raise EvaluationError(f"deploy.probation.metrics: {error}") from None


def require_sources(project: Project, groups: Sequence[FeatureGroup]) -> None:
    """Refuses groups that read sources or columns the project does not declare."""
    for group in groups:
        for source, columns in group.sources.items():
            if source not in project.sources:
                raise FeatureError(f"{group.name}: reads the source '{source}'; {closest(source, project.sources)}")
            known = (*project.sources[source].names, *TIMES)
            for column in columns:
                if column not in known:
                    raise FeatureError(
                        f"{group.name}: reads '{column}' of the source {source}; {closest(column, known)}"
                    )
