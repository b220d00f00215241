"""A client that is killed between its decision and the aliases: whoever asks next for the champion finds the one that was decided on."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from solvent.cli import main
from solvent.exploration.project import find_version
from solvent.registry import CHAMPION, PREVIOUS
from solvent.release import decisions

WEEK = ["--since", "2024-06-01", "--until", "2024-06-08"]


@pytest.fixture(scope="module")
def killed(newly_released: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A Shop with a second version, whose promotion was killed when it was decided and the aliases were not moved."""
    shop = newly_released.copied(tmp_path_factory.mktemp("killed") / "shop")
    run = shop.run()
    run.registry.set_alias("shop", "challenger", 1)
    first = run.registry.find("shop", "1")
    told = run.registry.client.get_model_version("shop", "1")
    run.registry.client.create_model_version("shop", first.source, first.run_id, tags=told.tags)
    words = ["promote", "--project", "shop", "--model", "2", "--reason", "better"]
    # A database that is being written lets others read, and lets none write.
    holder = sqlite3.connect(shop.root / "var/mlflow.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    command = [sys.executable, "-m", "solvent.cli", "--root", str(shop.root), *words]
    promotion = subprocess.Popen(command, cwd=shop.root, env=shop.environ)
    while decisions(run.warehouse)[-1].to_version != 2:
        assert promotion.poll() is None
        time.sleep(0.05)
    promotion.send_signal(signal.SIGKILL)
    assert promotion.wait() == -signal.SIGKILL
    holder.rollback()
    holder.close()
    assert run.registry.find("shop", CHAMPION).version == 1
    return shop


def behind(shop: Any) -> Any:
    """The Shop's run, with the aliases where the killed client left them."""
    run = shop.run()
    run.registry.set_alias("shop", CHAMPION, 1)
    return run


def solvent(shop: Any, *words: str) -> str:
    behind(shop)
    done = CliRunner().invoke(main, ["--root", str(shop.root), words[0], "--project", "shop", *words[1:]])
    assert done.exit_code in (0, 3), done.output
    found = {alias: shop.run().registry.find("shop", alias).version for alias in (CHAMPION, PREVIOUS)}
    assert found == {CHAMPION: 2, PREVIOUS: 1}, words
    return done.output


def test_each_job_uses_the_champion_that_was_decided_on_and_moves_the_aliases(killed: Any) -> None:
    assert "score      shop version 2, 2024-06-01 to 2024-06-08: scored 0 rows" in solvent(killed, "score", *WEEK)
    assert "retrain    nothing to do: no trigger of the policy holds for shop version 2" in solvent(
        killed, "retrain", "--as-of", "2024-03-02"
    )
    assert "shop version 2 -> shop version 1" in solvent(killed, "diff", CHAMPION, PREVIOUS)
    assert find_version(behind(killed), CHAMPION).version == 2


@pytest.mark.long
def test_also_those_that_take_longer(killed: Any) -> None:
    assert "observe    shop version 2, against shop version 1" in solvent(killed, "observe", "--as-of", "2024-03-02")
    assert "champion (version 2)" in solvent(killed, "evaluate", "--model", "1")
    assert "shop version 2" in solvent(killed, "monitor", "--as-of", "2024-06-09")
    assert "shop/version_2.html" in solvent(killed, "report", "--model", CHAMPION)
    assert "identical: shop version 2 was made again exactly" in solvent(killed, "reproduce", "--here")


def test_no_module_but_release_asks_for_an_alias_by_itself() -> None:
    """The registry has a copy of what was decided, and who reads the copy may read what was not."""
    modules = Path(find_version.__code__.co_filename).parents[1].rglob("*.py")
    asking = {path.parent.name for path in modules if "by_alias(" in path.read_text(encoding="utf-8")}
    assert asking == {"registry", "release"}
