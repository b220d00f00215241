"""The registry of models: what MLflow keeps, addressed by name and version, verified by digest whenever it is loaded."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import mlflow
from mlflow.entities import RunStatus
from mlflow.entities.model_registry import ModelVersionSearch
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from pyspark.ml import PipelineModel

from solvent.config.environment import MLflow
from solvent.errors import IntegrityError, RegistryError
from solvent.estimators.learned import model_digest
from solvent.identity import Manifest, parse_manifest
from solvent.registry import storage
from solvent.registry.server import ABSENT, THERE, missing, reachable, set_defaults, unreachable
from solvent.registry.version import ModelVersion

# Tags of runs and versions. Unity Catalog refuses a dot in the name of a tag (https://github.com/mlflow/recipes-examples/issues/58).
TRAINING, MODEL, MANIFEST = "solvent_training", "solvent_model_digest", "solvent_manifest_digest"
PAGE = 1_000
MANIFEST_FILE = "manifest.json"


class Registry:
    """The models of one project in MLflow."""

    def __init__(self, settings: MLflow, project: str) -> None:
        """Connects to the tracking server and the registry of an environment.

        Raises:
            RegistryError: If they cannot be reached.
        """
        set_defaults()
        database = settings.tracking_uri.removeprefix("sqlite:///")
        if database != settings.tracking_uri:
            Path(database).parent.mkdir(parents=True, exist_ok=True)
            if Path(database).is_dir():
                # MLflow would try it again for two minutes.
                raise RegistryError(f"MLflow at {settings.tracking_uri}: is a folder, where a file is expected")
        self.settings, self.project = settings, project
        mlflow.set_tracking_uri(settings.tracking_uri)
        if settings.registry_uri is not None:
            mlflow.set_registry_uri(settings.registry_uri)
        with reachable(settings.tracking_uri):
            self.client = mlflow.MlflowClient(settings.tracking_uri, settings.registry_uri)
            self.experiment = self.experiment_id()

    def experiment_id(self) -> str:
        """The project's experiment, which is made if there is none."""
        name = f"{self.settings.experiments or ''}{self.project}"
        found = self.client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        folder = self.settings.artifacts
        location = f"{folder}/{self.project}" if folder is not None else None
        try:
            return str(self.client.create_experiment(name, artifact_location=location))
        except MlflowException as error:
            # Another client has made it since.
            if error.error_code not in THERE or (found := self.client.get_experiment_by_name(name)) is None:
                raise
            return str(found.experiment_id)

    def registered(self, name: str) -> str:
        """The name under which a model is registered; everywhere else it has the name that model.yml gives it."""
        return name if self.settings.models is None else f"{self.settings.models}.{name}"

    def versions(self, name: str) -> list[ModelVersion]:
        """All versions of a model that Solvent made, from the first."""
        found = (version_from(one) for one in self.with_tags(name) if tag_of(one, MODEL))
        return sorted(found, key=lambda one: one.version)

    def with_tags(self, name: str) -> list[Any]:
        """All versions of a model as MLflow tells them; none if there is no such model."""
        full = self.registered(name)
        query = f"name = '{full}'"
        try:
            page = self.client.search_model_versions(query, max_results=PAGE)
            found = [*page]
            while page.token:
                page = self.client.search_model_versions(query, max_results=PAGE, page_token=page.token)
                found.extend(page)
            # Unity Catalog tells the tags of one version only, and searches by name only.
            return [
                self.client.get_model_version(full, one.version) if isinstance(one, ModelVersionSearch) else one
                for one in found
            ]
        except MlflowException as error:
            if error.error_code in ABSENT:
                return []
            raise unreachable(error, self.settings.tracking_uri) from None

    def by_alias(self, name: str, alias: str) -> ModelVersion | None:
        """The version an alias points to, if any."""
        try:
            return version_from(self.client.get_model_version_by_alias(self.registered(name), alias))
        except MlflowException as error:
            if missing(error):
                return None
            raise unreachable(error, self.settings.tracking_uri) from None

    def find(self, name: str, which: str) -> ModelVersion:
        """A version by its number or by an alias.

        Raises:
            RegistryError: If there is none, naming those there are.
        """
        if which.isdigit():
            for found in self.versions(name):
                if found.version == int(which):
                    return found
        else:
            aliased = self.by_alias(name, which)
            if aliased is not None:
                return aliased
        known = ", ".join(str(one.version) for one in self.versions(name)) or "none"
        raise RegistryError(f"model {name}: has no version '{which}'; versions there are: {known}")

    def by_training(self, name: str, training: str) -> ModelVersion | None:
        """The version that a training with this key made, if any."""
        found = (version_from(one) for one in self.with_tags(name) if tag_of(one, TRAINING) == training)
        return min(found, key=lambda one: one.version, default=None)

    @contextmanager
    def run(self, name: str, training: str) -> Iterator[str]:
        """A run under the project's experiment; what a killed run of the same training left is marked as killed."""
        with reachable(self.settings.tracking_uri):
            query = f"tags.`{TRAINING}` = '{training}' AND attributes.status = 'RUNNING'"
            for left in self.client.search_runs([self.experiment], query):
                self.client.set_terminated(left.info.run_id, RunStatus.to_string(RunStatus.KILLED))
            # MLflow names the user and the file it runs from in tags; neither shapes a model.
            with mlflow.start_run(experiment_id=self.experiment, run_name=name, tags={TRAINING: training}) as active:
                yield active.info.run_id

    def log_model(self, model: PipelineModel, signature: ModelSignature, requirements: list[str]) -> tuple[str, str]:
        """Stores a model with the run.

        Returns:
            Where it is, and the digest of what was stored.
        """
        logged = Model.log(
            artifact_path=None,
            name="model",
            flavor=storage,
            flavor_name="spark",
            model=model,
            scratch=self.settings.scratch,
            signature=signature,
            requirements=requirements,
        )
        return str(logged.model_uri), self.stored_digest(str(logged.model_uri))

    def digest(self, model: PipelineModel) -> str:
        """The digest that a model would be stored with."""
        with tempfile.TemporaryDirectory(prefix="solvent-") as scratch:
            folder = Path(scratch) / storage.SPARKML
            storage.write(model, folder, self.settings.scratch)
            return model_digest(folder)

    def register(
        self,
        name: str,
        source: str,
        run_id: str,
        training: str,
        digest: str,
        manifest: Manifest,
        description: str,
        once: bool = False,
    ) -> ModelVersion:
        """Makes a version of a stored model.

        Args:
            name: The model.
            source: Where it is stored.
            run_id: The run that stored it.
            training: Names the training.
            digest: Of the model.
            manifest: Of the model.
            description: For people.
            once: Give the version that another run of the same training has made meanwhile, if one has, and make no second.
        """
        with reachable(self.settings.tracking_uri):
            full = self.registered(name)
            try:
                self.client.create_registered_model(full)
            except MlflowException as error:
                if error.error_code not in THERE:
                    raise
            tags = {TRAINING: training, MODEL: digest, MANIFEST: manifest.digest}
            # A server believes a source only together with the logged model that it is of.
            logged = source.removeprefix("models:/") if source.startswith("models:/m-") else None
            self.client.create_model_version(full, source, run_id, tags=tags, description=description, model_id=logged)
            # A request whose answer was lost is made again by MLflow, and has then made two.
            found = [
                one
                for one in self.with_tags(name)
                if one.run_id == run_id or (once and tag_of(one, TRAINING) == training)
            ]
            # Versions are numbered in the order they are made, so that all runs keep the same one.
            made, *again = sorted(found, key=lambda one: int(one.version))
            for one in again:
                if one.run_id == run_id:
                    self.client.delete_model_version(full, one.version)
        return version_from(made)

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Points an alias to a version."""
        with reachable(self.settings.tracking_uri):
            self.client.set_registered_model_alias(self.registered(name), alias, str(version))

    def manifest(self, version: ModelVersion) -> Manifest:
        """The manifest of a version, verified.

        Raises:
            IntegrityError: If its text was changed.
        """
        # MLflow leaves what it downloads in a folder of its own, unless it is given one.
        with tempfile.TemporaryDirectory(prefix="solvent-") as folder, reachable(self.settings.tracking_uri):
            path = mlflow.artifacts.download_artifacts(
                run_id=version.run_id,
                artifact_path=MANIFEST_FILE,
                dst_path=folder,
                tracking_uri=self.settings.tracking_uri,
            )
            text = Path(path).read_text(encoding="utf-8")
        return parse_manifest(text, version.manifest_digest, str(version))

    def stored_digest(self, source: str) -> str:
        """The digest of a stored model, from its files."""
        with self.stored(source) as folder:
            return model_digest(folder)

    @contextmanager
    def stored(self, source: str) -> Iterator[Path]:
        """The files of a stored model, on this machine.

        Raises:
            IntegrityError: If they are not there.
        """
        with tempfile.TemporaryDirectory(prefix="solvent-") as folder:
            try:
                with reachable(self.settings.tracking_uri):
                    found = mlflow.artifacts.download_artifacts(
                        source, dst_path=folder, tracking_uri=self.settings.tracking_uri
                    )
            except OSError as error:
                raise IntegrityError(f"{source}: its files cannot be read: {error}") from None
            yield Path(found) / storage.SPARKML

    def verify(self, version: ModelVersion) -> None:
        """Refuses a version whose files are not what was registered.

        Raises:
            IntegrityError: Naming both digests.
        """
        with self.verified(version):
            pass

    @contextmanager
    def verified(self, version: ModelVersion) -> Iterator[Path]:
        """The files of a version, on this machine, once it is known that they are what was registered."""
        with self.stored(version.source) as folder:
            try:
                found = model_digest(folder)
            except (ValueError, OSError) as error:
                raise IntegrityError(f"{version}: its files cannot be read: {error}") from None
            require_digest(version, found)
            yield folder

    def load(self, version: ModelVersion) -> PipelineModel:
        """The model of a version, verified.

        Raises:
            IntegrityError: If its files are not what was registered.
        """
        with ExitStack() as places:
            folder = places.enter_context(self.verified(version))
            return storage.kept_for(storage.read(folder, self.settings.scratch), places)


def require_digest(version: ModelVersion, found: str) -> None:
    """Refuses files that are not what was registered.

    Raises:
        IntegrityError: Naming both digests.
    """
    if found != version.digest:
        raise IntegrityError(
            f"{version}: the digest of its files is {found[:12]}, registered was {version.digest[:12]}; the files were changed: "
            f"do not use it; `solvent reproduce --model {version.version}` makes the model again"
        )


def version_from(found: Any) -> ModelVersion:
    """A version as MLflow gives it, under the name that model.yml gives the model."""
    name = str(found.name).rsplit(".", 1)[-1]
    return ModelVersion(
        name, int(found.version), found.run_id, found.source, tag_of(found, MODEL), tag_of(found, MANIFEST)
    )


def tag_of(found: Any, name: str) -> str:
    """A tag of a version; empty if it has none. Versions from before Unity Catalog was met have a dot in it."""
    tags: Mapping[str, str] = found.tags
    return tags.get(name, tags.get(name.replace("_", ".", 1), ""))
