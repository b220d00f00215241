"""The workflows: valid by their published schema, and every command of Solvent in them exists with its options."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import yaml

from solvent.cli import main

WORKFLOWS = sorted((Path(__file__).resolve().parents[2] / ".github/workflows").glob("*.yml"))


def checked(path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def commands(path: Path) -> Iterator[list[str]]:
    """The calls of solvent in a workflow, as words after its name."""
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        for step in job["steps"]:
            for line in step.get("run", "").replace("\\\n", " ").splitlines():
                before, found, after = line.partition(".venv/bin/solvent ")
                if found and not before.strip():
                    yield shlex.split(after.split(" > ")[0])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_is_valid(path: Path, tmp_path: Path) -> None:
    done = checked(path)
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / path.name
    wrong.write_text(path.read_text().replace("runs-on", "runs_on"))
    assert checked(wrong).returncode == 1


def test_every_command_in_them_exists_with_its_options() -> None:
    found, context = [words for path in WORKFLOWS for words in commands(path)], click.Context(main)
    there = {name: main.get_command(context, name) for name in main.list_commands(context)}
    assert {name for words in found for name in words if name in there} == {
        *("plan", "deploy", "ingest", "score", "observe", "monitor", "retrain"),
    }
    for words in found:
        name = next(word for word in words if word in there)
        known = {option for parameter in (*main.params, *there[name].params) for option in parameter.opts}
        asked = {word for word in words if word.startswith("--")}
        assert asked <= known, words
