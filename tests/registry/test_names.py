"""Names of models and experiments where registry and workspace want longer ones, on a real MLflow registry that takes any."""

from __future__ import annotations

import pytest
from mlflow import MlflowClient

from solvent.config.environment import MLflow
from solvent.identity import Manifest
from solvent.registry import CHAMPION, ModelVersion, Registry
from solvent.registry import registry as module

MODELS, EXPERIMENTS = "main.solvent", "/Shared/solvent_"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> MLflow:
    """An MLflow whose models are in a schema of a catalog."""
    folder = tmp_path_factory.mktemp("mlflow")
    return MLflow(
        tracking_uri=f"sqlite:///{folder}/mlflow.db",
        artifacts=str(folder / "artifacts"),
        models=MODELS,
        experiments=EXPERIMENTS,
    )


@pytest.fixture
def registry(settings: MLflow, request: pytest.FixtureRequest) -> Registry:
    """The registry of a project of the test's own."""
    return Registry(settings, request.node.name.removeprefix("test_")[:12])


def version(registry: Registry, name: str, training: str) -> ModelVersion:
    with registry.run(name, training) as run_id:
        source = registry.client.get_run(run_id).info.artifact_uri
    return registry.register(name, source, run_id, training, f"digest of {training}", Manifest({"format": 1}), "")


def test_models_have_three_names_in_the_registry_and_their_own_everywhere_else(registry: Registry) -> None:
    shop = registry.project
    made = [
        version(registry, name, training) for name, training in ((shop, "a"), (shop, "b"), (f"{shop}_baseline", "a"))
    ]
    assert [(one.name, one.version) for one in made] == [(shop, 1), (shop, 2), (f"{shop}_baseline", 1)]
    known = {one.name for one in registry.client.search_registered_models()}
    assert known >= {f"{MODELS}.{shop}", f"{MODELS}.{shop}_baseline"}
    assert registry.versions(shop) == made[:2]
    assert registry.versions("never_made") == []
    assert registry.find(shop, "2") == registry.by_training(shop, "b") == made[1]
    assert registry.by_training(f"{shop}_baseline", "b") is None
    registry.set_alias(shop, CHAMPION, 1)
    assert registry.by_alias(shop, CHAMPION) == registry.find(shop, CHAMPION) == made[0]
    assert registry.by_alias(f"{shop}_baseline", CHAMPION) is None


def test_experiments_are_below_a_folder_of_the_workspace(registry: Registry) -> None:
    shop = registry.project
    found = registry.client.get_experiment_by_name(f"{EXPERIMENTS}{shop}")
    assert found is not None
    assert found.experiment_id == registry.experiment == Registry(registry.settings, shop).experiment


def test_all_versions_are_found_however_few_come_at_once(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = registry.project
    made = [version(registry, shop, training) for training in "abc"]
    monkeypatch.setattr(module, "PAGE", 1)
    assert registry.versions(shop) == made
    assert registry.by_training(shop, "c") == made[2]


def test_versions_that_were_tagged_with_dots_are_still_known(registry: Registry) -> None:
    shop = registry.project
    new = version(registry, shop, "new")
    tags = {"solvent.training": "old", "solvent.model_digest": "d", "solvent.manifest_digest": "m"}
    client: MlflowClient = registry.client
    client.create_model_version(f"{MODELS}.{shop}", new.source, new.run_id, tags=tags)
    client.create_model_version(f"{MODELS}.{shop}", new.source, new.run_id, tags={"by": "somebody else"})
    old = registry.by_training(shop, "old")
    assert old is not None
    assert (old.version, old.digest, old.manifest_digest) == (2, "d", "m")
    assert registry.versions(shop) == [new, old]
