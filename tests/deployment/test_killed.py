"""Deployments that are killed, that lose their registry, and that come at the same time: afterwards there is one champion, whole."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from solvent.deployment.ledger import deployment_steps
from solvent.registry import CHAMPION
from solvent.release import decisions

pytestmark = pytest.mark.long


def started(shop: Any) -> subprocess.Popen[str]:
    """A deployment of what is checked out, in a process group of its own."""
    command = [sys.executable, "-m", "solvent.cli", "--root", str(shop.root), "deploy", "--project", "shop"]
    return subprocess.Popen(
        command,
        cwd=shop.root,
        env=shop.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def until(process: subprocess.Popen[str], words: str, act: Callable[[], None]) -> str:
    """What a deployment says; once it has said words, something happens to it."""
    said = []
    assert process.stdout is not None
    for line in process.stdout:
        said.append(line)
        if line.startswith(words):
            act()
            break
    said += process.stdout.readlines()
    process.wait()
    return "".join(said)


def whole(shop: Any, version: int) -> None:
    """One champion, on which registry and tables agree, with every table as an uninterrupted deployment leaves it."""
    run = shop.run()
    champion = run.registry.by_alias("shop", CHAMPION)
    assert champion.version == version
    run.registry.verify(champion)
    assert [one.to_version for one in decisions(run.warehouse) if one.passed][-1] == version
    for name in ("decisions", "manifests", "deployments", "score_batches", "feature_builds"):
        rows = run.warehouse.read(name).drop("decided_at", "ended_at", "scored_at", "seconds")
        assert rows.count() == rows.distinct().count(), name


@pytest.fixture(scope="module")
def shop(newly_released: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A Shop with a champion, tables and history of its own."""
    return newly_released.copied(tmp_path_factory.mktemp("killed") / "shop")


def test_a_deployment_killed_at_any_step_is_finished_by_the_next(shop: Any) -> None:
    shop.configure("maxIter: 2", "maxIter: 4")
    for step in ("session", "train", "evaluate", "canary"):
        process = started(shop)
        said = until(process, step, lambda of=process: os.killpg(of.pid, signal.SIGKILL))
        assert process.returncode == -signal.SIGKILL, said
        assert shop.run().registry.by_alias("shop", CHAMPION).version == 1
    process = started(shop)
    said = until(process, "never", lambda: None)
    assert process.returncode == 0, said
    assert "shop version 2 was trained from the same before" in said
    whole(shop, 2)
    assert len(shop.run().registry.versions("shop")) == 2
    steps = [one.step for one in deployment_steps(shop.run().warehouse)]
    assert sorted(set(steps)) == ["canary", "evaluate", "release", "train"]


def test_without_its_registry_a_deployment_fails_in_words_and_the_next_succeeds(shop: Any) -> None:
    shop.configure("maxIter: 4", "maxIter: 5")
    database = shop.root / "var/mlflow.db"
    away = shop.root / "var/away.db"
    before = shop.run().registry.by_alias("shop", CHAMPION).version

    def take_away() -> None:
        shutil.move(database, away)
        database.mkdir()

    process = started(shop)
    said = until(process, "features", take_away)
    database.rmdir()
    shutil.move(away, database)
    assert process.returncode == 1, said
    assert "Traceback" not in said
    assert f"error: MLflow at sqlite:///{database}" in said
    whole(shop, before)
    process = started(shop)
    said = until(process, "never", lambda: None)
    assert process.returncode == 0, said
    whole(shop, int(before) + 1)


def under_way(lock: Path) -> bool:
    """Whether a deployment has the lock."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_two_pushes_at_once_are_deployed_one_after_the_other(shop: Any, tmp_path: Path) -> None:
    bare = tmp_path / "shop.git"
    subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch=main", str(bare)], check=True)
    shop.git("remote", "add", "origin", str(bare))
    hook = ["install-hook", "--project", "shop", "--repo", str(bare)]
    subprocess.run([sys.executable, "-m", "solvent.cli", "--root", str(shop.root), *hook], check=True, env=shop.environ)
    pushes = []
    for old, new in (("maxIter: 5", "maxIter: 6"), ("maxIter: 6", "maxIter: 7")):
        shop.configure(old, new)
        command = ["git", "push", "origin", "HEAD:main"]
        pushes.append(
            subprocess.Popen(
                command, cwd=shop.root, env=shop.environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        )
        if len(pushes) == 1:
            # Of two that start together, either may be the first.
            while not under_way(shop.root / "var/reports/shop.deploy.lock"):
                time.sleep(0.1)
    said = [push.communicate()[0] for push in pushes]
    assert "maxIter: 5 -> 6" in said[0]
    assert "another deployment of shop is under way; waiting for it to end" in said[1]
    assert "maxIter: 6 -> 7" in said[1]
    champion = shop.run().registry.find("shop", CHAMPION)
    assert shop.run().registry.manifest(champion)["estimator"]["params"]["maxIter"] == 7
    whole(shop, champion.version)
