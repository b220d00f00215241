"""What an earlier version of the suite made goes on: its configuration, tables, models and decisions.

fixtures/shop.tar.xz is the Shop of conftest as commit 3c696e4 left it in /srv/solvent/shop, made by its own `Run`: two batches ingested, a
first champion (as of 2024-03-01), six days scored and monitored, and a second champion (as of 2024-03-06) that the policy asked for.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tarfile
from contextlib import closing
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from solvent.cli import main

ROOT = Path(__file__).resolve().parent.parent
MADE_IN = "/srv/solvent/shop"


def moved(database: Path, root: Path) -> None:
    """Lets MLflow's database say where its artifacts are now."""
    with closing(sqlite3.connect(database)) as before:
        statements = "\n".join(before.iterdump()).replace(MADE_IN, str(root))
    database.unlink()
    with closing(sqlite3.connect(database)) as after:
        after.executescript(statements)


@pytest.fixture(scope="module")
def existing(spark: Any, shop_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Shop that was made before, in a folder of its own."""
    folder = tmp_path_factory.mktemp("existing")
    with tarfile.open(ROOT / "tests/fixtures/shop.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    root = folder / "shop"
    (root / ".jars").symlink_to(ROOT / ".jars")
    moved(root / "var/mlflow.db", root)
    return root


def solvent(root: Path, *words: str) -> Result:
    return CliRunner().invoke(main, ["--root", str(root), *words])


def test_it_passes_the_check_and_tells_its_history(existing: Path) -> None:
    checked, history = solvent(existing, "check"), solvent(existing, "history")
    assert checked.exit_code == 0, checked.output
    assert history.exit_code == 0, history.output
    assert history.output.count("passed 2 gates") == 2


def test_its_models_are_made_again_exactly(existing: Path) -> None:
    # In a process of its own, as its manifest tells of no arithmetic, and the suite's session has that of today.
    command = [sys.executable, "-m", "solvent.cli", "--root", str(existing), "reproduce", "--here", "--model", "1"]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "identical: shop version 1 was made again exactly" in result.stdout


def test_its_files_are_not_taken_in_again_and_new_ones_follow(existing: Path, make_order_lines: Any) -> None:
    assert "no new files" in solvent(existing, "ingest").output
    lines = ["id,customer,placed,amount,returned", *make_order_lines(date(2024, 3, 8), date(2024, 3, 10))]
    (existing / "var/landing/shop/orders/2024-03-08.csv").write_text("\n".join(lines) + "\n")
    result = solvent(existing, "ingest")
    assert result.exit_code == 0, result.output
    assert "orders: 60 rows in = 60 accepted + 0 quarantined + 0 duplicates; version 3" in result.output


def test_its_champion_goes_on_scoring_is_watched_and_can_be_rolled_back(existing: Path) -> None:
    scored = solvent(existing, "score", "--since", "2024-03-06", "--until", "2024-03-10")
    assert scored.exit_code == 0, scored.output
    assert "scored 120 rows" in scored.output
    watched = solvent(existing, "monitor", "--as-of", "2024-03-12")
    assert watched.exit_code == 0, watched.output
    back = solvent(existing, "rollback", "--reason", "test")
    assert back.exit_code == 0, back.output
    assert "version 1" in back.output
