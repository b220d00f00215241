"""What a run is given: a validated project in a validated environment. It is read and checked without Spark and without data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from solvent.config.base import closest
from solvent.config.environment import Environment, load_environment
from solvent.config.measures import Gate
from solvent.config.project import Project, load_project
from solvent.config.source import TIMES
from solvent.errors import ConfigurationError, EvaluationError, FeatureError
from solvent.evaluation import require_daily, require_known, require_paired
from solvent.evaluation.metrics import DESCRIPTIVE
from solvent.features import FeatureGroup, load_groups
from solvent.features.table import columns_of
from solvent.session import session
from solvent.tables.warehouse import Warehouse

if TYPE_CHECKING:
    from solvent.registry import Registry


@dataclass(frozen=True)
class Settings:
    """A validated project in a validated environment; made without Spark.

    Attributes:
        root: The folder that holds conf/.
        project: Its model.yml.
        environment: Where it runs.
        groups: Its feature groups.
    """

    root: Path
    project: Project
    environment: Environment
    groups: tuple[FeatureGroup, ...]

    @property
    def warehouse(self) -> Warehouse:
        """The project's tables, with a session once one is needed."""
        return Warehouse(partial(session, self.environment), self.environment.tables, self.project.project)

    @property
    def registry(self) -> Registry:
        """The project's models."""
        from solvent.registry import Registry

        return Registry(self.environment.mlflow, self.project.project)

    def within(self, folder: Path) -> Settings:
        """The same with all that is written below a folder of its own."""
        return replace(self, environment=self.environment.within(folder))


def load_settings(project: str, environment: str, root: Path) -> Settings:
    """Reads and checks all that can be checked without Spark and without data.

    Raises:
        ConfigurationError: If a file is wrong, or names features, sources, slices or metrics that are not there.
    """
    found, where = load_project(project, root), load_environment(environment, root)
    try:
        require_known(found.model.kind, found.evaluation.metrics)
        require_decisive(found)
        require_comparable(found.gates)
        require_watchable(found)
        groups = load_groups(found.features)
        columns_of(found, groups)
        require_sources(found, groups)
    except (EvaluationError, FeatureError) as error:
        raise ConfigurationError(f"{root / 'conf' / project / 'model.yml'}: {error}") from None
    return Settings(root, found, where, groups)


def require_decisive(project: Project) -> None:
    """Refuses searches by a metric that does not exist for the label, or of which no value is the better.

    Raises:
        EvaluationError: Naming the key.
    """
    for key, estimator in (("model", project.model), ("baseline", project.baseline)):
        if estimator.search is None:
            continue
        metric = estimator.search.decides(estimator.kind)
        try:
            require_known(estimator.kind, [metric])
        except EvaluationError as error:
            raise EvaluationError(f"{key}.search.metric: {error}") from None
        if metric in DESCRIPTIVE:
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
