"""Which packages are the code of a project."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from solvent.features.ledger import feature_code
from solvent.identity import Manifest, code_digest, packages_of, unpushed
from solvent.reproduction import present_code
from solvent.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("project", "packages"),
    [
        ("flights", ("flights", "solvent")),
        # It names functions of flights.
        ("departures", ("departures", "flights", "solvent")),
        ("temperatures", ("solvent", "temperatures")),
    ],
)
def test_the_packages_that_feature_functions_are_taken_from_are_code(project: str, packages: tuple[str, ...]) -> None:
    groups = load_settings(project, "local", ROOT).groups
    assert packages_of(project, feature_code(groups)) == packages


def test_the_code_of_a_manifest_is_that_of_all_its_functions() -> None:
    functions = {"flights.features.plane": "", "solvent.features.table.featured": ""}
    with_flights = Manifest({"project": "departures", "functions": functions})
    without = Manifest({"project": "departures", "functions": {"solvent.features.table.featured": ""}})
    assert present_code(with_flights) == code_digest("departures", "flights", "solvent") != present_code(without)


def test_a_commit_that_no_branch_of_a_remote_holds_is_not_pushed(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"

    def git(*words: str) -> str:
        who = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
        return subprocess.run(
            ["git", *who, *words], cwd=here, capture_output=True, text=True, check=True
        ).stdout.strip()

    here.mkdir()
    assert not unpushed(here, "0" * 40)
    git("init", "--quiet", "--initial-branch=main")
    git("commit", "--quiet", "--allow-empty", "-m", "first")
    first = git("rev-parse", "HEAD")
    assert not unpushed(here, first), "there is no remote that could have it"
    git("init", "--quiet", "--bare", str(there))
    git("remote", "add", "origin", str(there))
    assert unpushed(here, first)
    git("push", "--quiet", "origin", "main")
    assert not unpushed(here, first)
    git("commit", "--quiet", "--allow-empty", "-m", "second")
    assert unpushed(here, git("rev-parse", "HEAD"))
    assert not unpushed(here, first)
    assert unpushed(here, "0" * 40)


@pytest.mark.parametrize(
    ("path", "lacks"),
    [(os.environ["PATH"], "is in no git repository"), ("", "has no commit that can be told: there is no git on PATH")],
)
def test_where_there_is_no_commit_it_is_said_why(path: str, lacks: str, tmp_path: Path) -> None:
    says = f"from pathlib import Path; from solvent.identity import commit_of; print(commit_of(Path({str(tmp_path)!r})).lacks)"
    environ = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT / "lib")}
    assert (
        subprocess.run([sys.executable, "-c", says], env=environ, capture_output=True, text=True).stdout == lacks + "\n"
    )
