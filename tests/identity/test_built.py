"""A wheel says which commit it was built from, so that models made where there is no checkout can be made again."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ASKS = "import json, sys; from pathlib import Path; from solvent.identity import commit_of; "
ASKS += "print(json.dumps([vars(commit_of(Path(root))) for root in sys.argv[1:]]))"


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    return subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def built(checkout: Path, into: Path) -> Path:
    """The modules as a wheel of the checkout has them."""
    command = [sys.executable, "setup.py", "-q", "build_py", "--build-lib", str(into)]
    subprocess.run(command, cwd=checkout, check=True, capture_output=True)
    return into


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one commit."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "lib", folder / "lib", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    shutil.copytree(ROOT / "conf", folder / "conf")
    for name in ("setup.py", "pyproject.toml", ".gitignore"):
        shutil.copy(ROOT / name, folder)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "state")
    return folder


def test_the_commit_of_a_wheel_is_told_where_there_is_no_checkout(checkout: Path, tmp_path: Path) -> None:
    wheel = built(checkout, tmp_path / "wheel")
    roots = [tmp_path / name for name in ("synced", "edited", "more", "empty")]
    for root in roots[:3]:
        shutil.copytree(checkout / "conf", root / "conf")
    (roots[1] / "conf/flights/model.yml").write_text("project: flights\n")
    (roots[2] / "conf/environments/mine.yml").write_text("landing: elsewhere\n")
    roots[3].mkdir()
    environ = {**os.environ, "PYTHONPATH": str(wheel)}
    asked = [sys.executable, "-c", ASKS, *map(str, roots), str(checkout)]
    said = json.loads(subprocess.run(asked, env=environ, cwd=tmp_path, check=True, capture_output=True).stdout)
    clean = {"hash": git(checkout, "rev-parse", "HEAD"), "branch": "main", "dirty": False, "changed": []}
    dirty = {**clean, "dirty": True}
    # Of a checkout git itself is asked.
    assert said == [clean, dirty, dirty, dirty, clean]


def test_a_wheel_built_from_changes_says_so_and_one_without_git_says_nothing(checkout: Path, tmp_path: Path) -> None:
    (checkout / "lib/flights/new.py").write_text("")
    facts = json.loads((built(checkout, tmp_path / "changed") / "solvent/built_from.json").read_text())
    assert (facts["dirty"], facts["commit"]) == (True, git(checkout, "rev-parse", "HEAD"))
    shutil.rmtree(checkout / ".git")
    assert not (built(checkout, tmp_path / "plain") / "solvent/built_from.json").exists()
