"""Models on an MLflow server with PostgreSQL: what holds when it is gone, slow, or asked by two clients at once."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import mlflow
import pytest
import yaml
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, DataType, Schema
from pyspark.ml import Pipeline
from pyspark.ml.classification import LogisticRegression
from pyspark.ml.feature import VectorAssembler
from pyspark.sql import SparkSession

from solvent.config.environment import MLflow, Tables
from solvent.errors import RefusedError, RegistryError
from solvent.identity import FORMAT, Manifest
from solvent.jobs.context import Context
from solvent.jobs.ingest import ingest_files
from solvent.jobs.train import train_models
from solvent.registry import CHALLENGER, CHAMPION, PREVIOUS, ModelVersion, Registry
from solvent.release import decisions, promote, release, rollback
from solvent.settings import load_settings
from solvent.tables.warehouse import Warehouse

ROOT = Path(__file__).resolve().parents[2]


class Models:
    """A registry on the server with version 1 of the model shop as champion, and the tables beside it."""

    def __init__(self, spark: SparkSession, tables: Path, address: str) -> None:
        self.tables, self.address = tables, address
        self.warehouse = Warehouse(lambda: spark, Tables(path=str(tables)), "shop")
        self.registry = Registry(MLflow(tracking_uri=address), "shop")
        # As much of a manifest as decisions look at.
        self.manifest = Manifest({"format": FORMAT, "commit": {"hash": "0" * 40, "dirty": False}})
        rows = spark.createDataFrame([(0.0, 0.0), (1.0, 1.0), (2.0, 0.0), (3.0, 1.0)], "x DOUBLE, label DOUBLE")
        stages = [VectorAssembler(inputCols=["x"], outputCol="features"), LogisticRegression(maxIter=2)]
        model = Pipeline(stages=stages).fit(rows.coalesce(1))
        column = Schema([ColSpec(DataType.double, "x")])
        with self.registry.run("first", "first") as run_id:
            source, self.digest = self.registry.log_model(model, ModelSignature(column, column), ["pyspark"])
            mlflow.log_text(self.manifest.text, "manifest.json")
            self.first = self.registry.register(
                "shop", source, run_id, "first", self.digest, self.manifest, "the first"
            )
        self.files = mlflow.artifacts.download_artifacts(source)
        promote(self.warehouse, self.registry, self.first, "first")

    def another(self, registry: Registry | None = None) -> ModelVersion:
        """One more version of the same model, by a run of its own."""
        registry = registry or self.registry
        mlflow.set_tracking_uri(registry.settings.tracking_uri)
        with registry.run("another", "another") as run_id:
            mlflow.log_text(self.manifest.text, "manifest.json")
            mlflow.log_artifacts(self.files, "model")
            source = f"runs:/{run_id}/model"
            return registry.register("shop", source, run_id, "another", self.digest, self.manifest, "another")

    def champion(self) -> ModelVersion:
        """The champion, on which registry and decisions agree, and whose files are those registered."""
        return whole(self.warehouse, self.registry)


def whole(warehouse: Warehouse, registry: Registry) -> ModelVersion:
    """The champion, on which registry and decisions agree, and whose files are those registered."""
    champion, before = (registry.by_alias("shop", alias) for alias in (CHAMPION, PREVIOUS))
    last = [one for one in decisions(warehouse) if one.passed][-1]
    assert champion is not None
    assert champion.version == last.to_version
    assert last.from_version is None or (before and before.version) == last.from_version
    registry.verify(champion)
    return champion


@pytest.fixture(scope="module")
def models(spark: SparkSession, server: Any, tmp_path_factory: pytest.TempPathFactory) -> Models:
    """Models that each test leaves whole."""
    return Models(spark, tmp_path_factory.mktemp("models"), server.address)


def test_a_model_is_kept_by_the_server_alone(models: Models, server: Any) -> None:
    assert models.champion() == models.first
    assert len(models.registry.load(models.first).stages) == 2
    assert list(server.artifacts.rglob("MLmodel"))
    assert models.registry.manifest(models.first) == models.manifest


def test_an_alias_behind_its_decision_is_moved_by_the_next_to_decide(models: Models) -> None:
    second, before = models.another(), models.champion()

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Registry, "set_alias", killed)
        with pytest.raises(KeyboardInterrupt):
            promote(models.warehouse, models.registry, second, "better")
    assert models.registry.by_alias("shop", CHAMPION) == before
    with pytest.raises(RefusedError, match=f"{second} is champion already"):
        promote(models.warehouse, models.registry, second, "better")
    assert models.champion() == second
    rollback(models.warehouse, models.registry, "shop", "worse")
    assert models.champion() == before


def test_a_slow_client_leaves_the_alias_where_the_later_decision_put_it(models: Models) -> None:
    """Between its decision and its alias another client decides and moves both aliases."""
    slow, fast = models.another(), models.another()
    other = Registry(MLflow(tracking_uri=models.address), "shop")
    set_alias, overtaken = Registry.set_alias, []

    def later(registry: Registry, name: str, alias: str, version: int) -> None:
        if registry is models.registry and not overtaken:
            overtaken.append(version)
            promote(models.warehouse, other, fast, "overtakes")
        set_alias(registry, name, alias, version)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Registry, "set_alias", later)
        promote(models.warehouse, models.registry, slow, "is overtaken")
    assert overtaken
    assert [one.reason for one in decisions(models.warehouse)][-2:] == ["is overtaken", "overtakes"]
    assert models.champion() == fast


PROMOTES = """
import sys
from pathlib import Path
from solvent.config.environment import load_environment
from solvent.errors import SolventError
from solvent.registry import Registry
from solvent.release import promote
from solvent.session import session
from solvent.tables.warehouse import Warehouse

environment = load_environment(sys.argv[1], Path(sys.argv[1]).parent)
warehouse, registry = Warehouse(lambda: session(environment), environment.tables, "shop"), Registry(environment.mlflow, "shop")
verify = Registry.verify

def waits(registry, version):
    verify(registry, version)
    print("decided", flush=True)
    sys.stdin.readline()

Registry.verify = waits
try:
    promote(warehouse, registry, registry.find("shop", sys.argv[2]), "theirs")
except SolventError as error:
    print(error, flush=True)
    sys.exit(error.exit_code)
"""


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(
    models: Models, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two processes have decided on the same champion when both are let go."""
    before, mine, theirs = models.champion(), models.another(), models.another()
    made = len(decisions(models.warehouse))
    environment = yaml.safe_load((ROOT / "conf/environments/local.yml").read_text())
    environment["tables"], environment["mlflow"] = {"path": str(models.tables)}, {"tracking_uri": models.address}
    environment["spark"]["jars"] = str(ROOT / ".jars")
    (tmp_path / "shared.yml").write_text(yaml.safe_dump(environment))
    command = [sys.executable, "-c", PROMOTES, str(tmp_path / "shared.yml"), str(theirs.version)]
    process = subprocess.Popen(
        command, env=environ(), text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    verify, told = Registry.verify, []

    def together(registry: Registry, version: ModelVersion) -> None:
        verify(registry, version)
        if not told:
            told.append(process.stdout.readline())
            process.stdin.write("go\n")
            process.stdin.flush()

    monkeypatch.setattr(Registry, "verify", together)
    refused = None
    try:
        promote(models.warehouse, models.registry, mine, "mine")
    except RefusedError as error:
        refused = str(error)
    said, errors = process.communicate(timeout=300)
    assert told == ["decided\n"], errors
    champion = models.champion()
    assert (process.returncode, champion) == ((0, theirs) if refused else (3, mine)), said + errors
    assert "another decision on the champion was made at the same time" in (refused or said)
    assert [(one.from_version, one.to_version) for one in decisions(models.warehouse)[made:]] == [
        (before.version, champion.version)
    ]


def environ() -> dict[str, str]:
    """The variables with which another process imports what this one does."""
    paths = [path for path in sys.path if path.endswith("/lib")]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}


def test_what_was_compared_with_a_champion_of_the_past_is_refused(models: Models) -> None:
    compared, challenger, other = models.champion(), models.another(), models.another()
    promote(models.warehouse, models.registry, other, "meanwhile")
    with pytest.raises(RefusedError, match=f"was compared with {compared}, and {other} is champion by now"):
        release(models.warehouse, models.registry, challenger, list, compared)
    with pytest.raises(RefusedError, match=f"{compared} is not rolled back, as {other} is champion by now"):
        rollback(models.warehouse, models.registry, "shop", "late", compared)
    assert models.champion() == other
    release(models.warehouse, models.registry, challenger, list, other)
    assert models.champion() == challenger


def test_a_version_whose_answer_was_lost_is_there_once(
    models: Models, server: Any, make_proxy: Any, impatient: None
) -> None:
    proxy, before = make_proxy(server.port), models.registry.versions("shop")
    proxied = Registry(MLflow(tracking_uri=proxy.address), "shop")
    proxy.loses = b"model-versions/create"
    made = models.another(proxied)
    assert proxy.lost == 1
    assert [one for one in models.registry.versions("shop") if one not in before] == [made]


def test_a_slow_server_is_waited_for_and_one_that_hangs_is_not(
    server: Any, make_proxy: Any, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    proxy = make_proxy(server.port)
    proxy.delay = 0.5
    registry = Registry(MLflow(tracking_uri=proxy.address), "shop")
    proxy.delay = 600
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    started = time.monotonic()
    with pytest.raises(RegistryError, match=rf"^MLflow at {proxy.address}: does not answer \(timed out\); see that"):
        registry.versions("shop")
    # Three times a second, and two or three for the pauses between them.
    assert time.monotonic() - started < 20


def test_without_its_database_the_server_is_said_not_to_answer_and_then_goes_on(
    models: Models, postgres: Any, impatient: None
) -> None:
    champion = models.champion()
    postgres.stop()
    try:
        with pytest.raises(RegistryError, match=f"^MLflow at {models.address}: does not answer \\(50. error"):
            models.registry.by_alias("shop", CHAMPION)
    finally:
        postgres.start()
    assert models.champion() == champion


def test_a_server_that_is_stopped_is_said_to_be_and_a_request_outlasts_its_restart(
    models: Models, server: Any, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    champion, other = models.champion(), models.another()
    server.stop()
    started = time.monotonic()
    with pytest.raises(RegistryError) as raised:
        promote(models.warehouse, models.registry, other, "nobody hears it")
    assert time.monotonic() - started < 40
    assert str(raised.value) == (
        f"MLflow at {models.address}: does not answer (Connection refused); see that its server runs and has this address, "
        "then run the same again, which goes on where this stopped"
    )
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "7")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "60")
    starting = threading.Thread(target=server.start)
    starting.start()
    promote(models.warehouse, models.registry, other, "heard")
    starting.join()
    assert models.champion() == other
    assert [(one.from_version, one.reason) for one in decisions(models.warehouse)][-1] == (champion.version, "heard")


def test_patience_is_bounded_unless_somebody_asks_for_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT

    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "300")
    Registry(MLflow(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db"), "shop")
    assert (MLFLOW_HTTP_REQUEST_MAX_RETRIES.get(), MLFLOW_HTTP_REQUEST_TIMEOUT.get()) == (5, 300)


@pytest.mark.long
def test_a_server_stopped_within_a_training_leaves_all_as_it_was_and_the_next_completes_it(
    make_shop: Callable[[], Any], server: Any, impatient: None
) -> None:
    """The pipeline in the environment cluster.yml of this repository, but for the address and Spark."""
    shop = make_shop()
    cluster = yaml.safe_load((ROOT / "conf/environments/cluster.yml").read_text())
    cluster["mlflow"]["tracking_uri"] = server.address
    cluster["spark"] = yaml.safe_load((shop.root / "conf/environments/local.yml").read_text())["spark"]
    (shop.root / "conf/environments/cluster.yml").write_text(yaml.safe_dump(cluster))
    shop.commit()

    def run() -> Context:
        return Context(load_settings("shop", "cluster", shop.root), shop.as_of, print)

    register = Registry.register

    def stopped(*words: Any) -> ModelVersion:
        server.stop()
        return register(*words)

    first = run()
    ingest_files(first)
    versions = first.registry.versions("shop")
    champion = first.registry.by_alias("shop", CHAMPION)
    with pytest.MonkeyPatch.context() as patched:
        # The model is fitted and stored, and not registered.
        patched.setattr(Registry, "register", stopped)
        with pytest.raises(RegistryError, match=f"^MLflow at {server.address}: does not answer"):
            train_models(first)
    server.start()
    second = run()
    assert second.registry.versions("shop") == versions
    assert second.registry.by_alias("shop", CHAMPION) == champion
    version, _ = train_models(second)
    assert [one for one in second.registry.versions("shop") if one not in versions] == [version]
    assert second.registry.by_alias("shop", CHALLENGER) == version
    runs = second.registry.client.search_runs([second.registry.experiment])
    assert "RUNNING" not in {one.info.status for one in runs}
    promote(second.warehouse, second.registry, version, "whole")
    assert whole(second.warehouse, second.registry) == version
    assert not list(shop.root.rglob("MLmodel"))
