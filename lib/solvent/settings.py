"""What a run is given: a validated project in a validated environment. It is read and checked without Spark and without data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import SparkSession

from solvent.analysis import require_analysed
from solvent.coherence import require_buildable, require_measurable
from solvent.config.environment import Environment, load_environment
from solvent.config.project import Project, load_project
from solvent.errors import ConfigurationError, EvaluationError, FeatureError
from solvent.features import FeatureGroup, load_groups
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

    def analysed(self, spark: SparkSession) -> SparkSession:
        """A session in which all expressions of the project were looked at.

        Raises:
            ConfigurationError: If one is wrong.
        """
        require_analysed(spark, self.project, self.root / "conf" / self.project.project / "model.yml")
        return spark

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
        require_measurable(found)
        groups = load_groups(found.features)
        require_buildable(found, groups)
    except (EvaluationError, FeatureError) as error:
        raise ConfigurationError(f"{root / 'conf' / project / 'model.yml'}: {error}") from None
    return Settings(root, found, where, groups)
