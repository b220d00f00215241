"""Models on an MLflow server with PostgreSQL: what holds when it is gone, slow, or asked by two clients at once."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from solvent.config.environment import MLflow
from solvent.errors import RefusedError, RegistryError
from solvent.pipeline import Run, load_settings
from solvent.registry import CHALLENGER, CHAMPION, PREVIOUS, ModelVersion, Registry
from solvent.release import decisions, promote, rollback

ROOT = Path(__file__).resolve().parents[2]


def run_of(shop: Any) -> Run:
    return Run(load_settings("shop", "cluster", shop.root), shop.as_of, print)


@pytest.fixture(scope="module")
def shop(make_shop: Callable[[], Any], server: Any) -> Any:
    """A Shop whose environment is cluster.yml with this server, and a champion; each test leaves it whole."""
    shop = make_shop()
    cluster = yaml.safe_load((ROOT / "conf/environments/cluster.yml").read_text())
    cluster["mlflow"]["tracking_uri"] = server.address
    cluster["spark"] = yaml.safe_load((shop.root / "conf/environments/local.yml").read_text())["spark"]
    (shop.root / "conf/environments/cluster.yml").write_text(yaml.safe_dump(cluster))
    shop.commit()
    run = run_of(shop)
    run.ingest()
    version, _ = run.train()
    promote(run.warehouse, run.registry, version, "first")
    return shop


def again(registry: Registry, version: ModelVersion) -> ModelVersion:
    """Another version of the same stored model."""
    return registry.register(
        version.name,
        version.source,
        another_run(registry),
        "again",
        version.digest,
        registry.manifest(version),
        "again",
    )


def another_run(registry: Registry) -> str:
    """A run with the manifest of the first version."""
    import mlflow

    first = registry.find("shop", "1")
    with registry.run("again", "again") as run_id:
        mlflow.log_text(registry.manifest(first).text, "manifest.json")
    return run_id


def whole(run: Run) -> ModelVersion:
    """The champion, on which registry and decisions agree, and which can be loaded."""
    champion, before = (run.registry.by_alias("shop", alias) for alias in (CHAMPION, PREVIOUS))
    last = [one for one in decisions(run.warehouse) if one.passed][-1]
    assert champion is not None
    assert (champion.version, before and before.version) == (last.to_version, last.from_version)
    run.registry.verify(champion)
    return champion


def test_a_model_is_kept_by_the_server_alone(shop: Any, server: Any, postgres: Any) -> None:
    run = run_of(shop)
    version = whole(run)
    assert version.source.startswith("models:/")
    assert run.registry.by_alias("shop", CHALLENGER) == version
    assert len(run.registry.load(version).stages) > 1
    assert list(server.artifacts.rglob("manifest.json"))
    assert not list(shop.root.rglob("MLmodel"))


def test_an_alias_behind_its_decision_is_moved_by_the_next_to_decide(shop: Any) -> None:
    run = run_of(shop)
    second = again(run.registry, run.registry.find("shop", "1"))
    with pytest.MonkeyPatch.context() as patched:
        # Killed after its decision.
        patched.setattr(Registry, "set_alias", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            promote(run.warehouse, run.registry, second, "better")
    assert run.registry.by_alias("shop", CHAMPION).version == 1
    with pytest.raises(RefusedError, match="shop version 2 is champion already"):
        promote(run.warehouse, run.registry, second, "better")
    assert whole(run) == second
    rollback(run.warehouse, run.registry, "shop", "worse")
    assert whole(run).version == 1


def test_a_slow_client_leaves_the_alias_where_the_later_decision_put_it(shop: Any) -> None:
    """Between its decision and its alias another client decides and moves both aliases."""
    run, other = run_of(shop), run_of(shop)
    first = run.registry.find("shop", "1")
    slow, fast = again(run.registry, first), again(run.registry, first)
    set_alias, overtaken = Registry.set_alias, []

    def later(registry: Registry, name: str, alias: str, version: int) -> None:
        if registry is run.registry and not overtaken:
            overtaken.append(version)
            promote(other.warehouse, other.registry, fast, "overtakes")
        set_alias(registry, name, alias, version)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Registry, "set_alias", later)
        promote(run.warehouse, run.registry, slow, "is overtaken")
    assert overtaken
    assert whole(run) == fast
    assert [one.reason for one in decisions(run.warehouse)][-2:] == ["is overtaken", "overtakes"]
    rollback(run.warehouse, run.registry, "shop", "as it was")
    promote(run.warehouse, run.registry, first, "as it was")


PROMOTES = """
import sys
from pathlib import Path
from solvent.cli import main
from solvent.registry import Registry

verify = Registry.verify

def waits(registry, version):
    verify(registry, version)
    print("decided", flush=True)
    sys.stdin.readline()

Registry.verify = waits
main(["--root", sys.argv[1], "promote", "--project", "shop", "--environment", "cluster", "--model", sys.argv[2], "--reason", "mine"])
"""


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes have decided on the same champion when both are let go."""
    run = run_of(shop)
    before = run.registry.by_alias("shop", CHAMPION)
    mine, theirs = again(run.registry, before), again(run.registry, before)
    made = len(decisions(run.warehouse))
    command = [sys.executable, "-c", PROMOTES, str(shop.root), str(theirs.version)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    process = subprocess.Popen(command, env=shop.environ, cwd=shop.root, text=True, **pipes)
    told = []
    verify = Registry.verify

    def together(registry: Registry, version: ModelVersion) -> None:
        verify(registry, version)
        if not told:
            told.append(process.stdout.readline())
            process.stdin.write("go\n")
            process.stdin.flush()

    monkeypatch.setattr(Registry, "verify", together)
    refused = ""
    try:
        promote(run.warehouse, run.registry, mine, "mine too")
    except RefusedError as error:
        refused = str(error)
    said, errors = process.communicate(timeout=120)
    assert told == ["decided\n"], errors
    champion = whole(run)
    if refused:
        assert (process.returncode, champion) == (0, theirs), errors
    else:
        assert (process.returncode, champion) == (3, mine), said
        refused = errors
    assert "another decision on the champion was made at the same time" in refused
    assert "nothing was changed" in refused
    assert [(one.from_version, one.to_version) for one in decisions(run.warehouse)[made:]] == [
        (before.version, champion.version)
    ]


def test_a_challenger_compared_with_a_champion_of_the_past_is_refused(shop: Any) -> None:
    run = run_of(shop)
    first = run.registry.find("shop", "1")
    review = run.evaluate(again(run.registry, first))
    other = again(run.registry, first)
    promote(run.warehouse, run.registry, other, "meanwhile")
    with pytest.raises(RefusedError, match=rf"was compared with {review.champion}, and {other} is champion by now"):
        run.release(review)
    assert whole(run) == other
    with pytest.raises(RefusedError, match=rf"{first} is not rolled back, as {other} is champion by now"):
        rollback(run.warehouse, run.registry, "shop", "late", first)
    assert whole(run) == other


def test_a_version_whose_answer_was_lost_is_there_once(
    shop: Any, server: Any, make_proxy: Any, impatient: None
) -> None:
    proxy = make_proxy(server.port)
    direct = run_of(shop).registry
    first, before = direct.find("shop", "1"), len(direct.versions("shop"))
    registry = Registry(MLflow(tracking_uri=proxy.address), "shop")
    proxy.loses = b"model-versions/create"
    made = again(registry, first)
    assert proxy.lost == 1
    assert [one.version for one in direct.versions("shop")][before:] == [made.version]


def test_a_slow_server_is_waited_for_and_one_that_hangs_is_not(
    shop: Any, server: Any, make_proxy: Any, impatient: None
) -> None:
    proxy = make_proxy(server.port)
    proxy.delay = 0.5
    registry = Registry(MLflow(tracking_uri=proxy.address), "shop")
    assert registry.find("shop", "1").version == 1
    proxy.delay = 60
    started = time.monotonic()
    with pytest.raises(RegistryError, match=rf"^MLflow at {proxy.address}: does not answer \(timed out\); see that"):
        registry.find("shop", "1")
    # Three times two seconds, and the pauses between them.
    assert time.monotonic() - started < 15


def test_without_its_database_the_server_is_said_not_to_answer_and_then_goes_on(
    shop: Any, postgres: Any, server: Any, impatient: None
) -> None:
    registry = run_of(shop).registry
    champion = registry.by_alias("shop", CHAMPION)
    postgres.stop()
    try:
        with pytest.raises(RegistryError, match=f"^MLflow at {server.address}: "):
            registry.by_alias("shop", CHAMPION)
    finally:
        postgres.start()
    assert registry.by_alias("shop", CHAMPION) == champion


def test_a_server_stopped_within_a_training_leaves_all_as_it_was_and_the_next_completes_it(
    shop: Any, server: Any, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    run = run_of(shop)
    champion, versions = whole(run), run.registry.versions("shop")
    shop.configure("maxIter: 2", "maxIter: 1")
    register = Registry.register

    def stopped(*words: Any) -> ModelVersion:
        server.stop()
        return register(*words)

    with pytest.MonkeyPatch.context() as patched:
        # The model is fitted and stored, and not registered.
        patched.setattr(Registry, "register", stopped)
        started = time.monotonic()
        with pytest.raises(RegistryError) as raised:
            run_of(shop).train()
    assert str(raised.value).startswith(f"MLflow at {server.address}: does not answer (Connection refused); see that")
    assert "\n" not in str(raised.value)
    assert time.monotonic() - started < 120
    # Nothing listens any more: a request lasts until the server is there again.
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "6")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
    starting = threading.Thread(target=server.start)
    starting.start()
    found = run_of(shop)
    assert found.registry.versions("shop") == versions
    starting.join()
    assert whole(found) == champion
    version, _ = found.train()
    assert [one for one in found.registry.versions("shop") if one not in versions] == [version]
    assert found.registry.by_alias("shop", CHALLENGER) == version
    assert whole(found) == champion
    runs = found.registry.client.search_runs([found.registry.experiment])
    assert {one.info.status for one in runs} <= {"FINISHED", "FAILED", "KILLED"}


def test_patience_is_bounded_unless_somebody_asks_for_more(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from mlflow.environment_variables import MLFLOW_HTTP_REQUEST_MAX_RETRIES, MLFLOW_HTTP_REQUEST_TIMEOUT

    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "300")
    Registry(MLflow(tracking_uri=f"sqlite:///{tmp_path}/mlflow.db"), "shop")
    assert (MLFLOW_HTTP_REQUEST_MAX_RETRIES.get(), MLFLOW_HTTP_REQUEST_TIMEOUT.get()) == (5, 300)
