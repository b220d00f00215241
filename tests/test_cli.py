"""The command `solvent`: its subcommands, and what they import."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import click
import pytest

from solvent.cli import main
from solvent.config.base import counted, first_of

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("name", main.list_commands(click.Context(main)))
def test_a_command_is_found_by_its_name(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name


def test_a_name_that_is_no_command_is_none() -> None:
    assert main.get_command(click.Context(main), "pan") is None


@pytest.mark.parametrize("words", [["check"], ["plan"], ["history"]], ids=" ".join)
def test_what_needs_no_mlflow_does_not_wait_for_it(words: list[str]) -> None:
    program = (
        "import sys; from solvent.cli import main\n"
        f"try: main(['--root', {str(ROOT)!r}, *{words!r}, '--project', 'flights'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'mlflow', 'matplotlib', 'sklearn'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout


# What is counted in a line on the terminal or on a page; "1 rows" is no English.
THINGS = "sources|features|groups|gates|rows|files|days|weeks|windows|duplicates|predictions|candidates|hours|steps"
TOLD = [
    *(ROOT / "jobs").glob("*.py"),
    *(
        path
        for part in ("jobs", "retraining", "deployment", "release", "report")
        for path in (ROOT / "lib/solvent" / part).glob("*.py")
    ),
]


def uncounted(source: str) -> list[str]:
    """The words that follow on a number within a text, whatever the number."""
    found = []
    for text in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.JoinedStr)):
        for number, words in pairwise(text.values):
            if isinstance(number, ast.FormattedValue) and isinstance(words, ast.Constant):
                found += re.findall(rf"^ ({THINGS})\b(?! have| of batch)", str(words.value))
    return found


def test_one_thing_is_told_as_one() -> None:
    assert uncounted('f"{n:,} rows in {m} files"') == ["rows", "files"]
    assert uncounted("f\"{counted(n, 'row')} in {where} of files\"") == []
    assert {path.name: words for path in TOLD if (words := uncounted(path.read_text()))} == {}
    assert [counted(number, "batch") for number in (0, 1, 1000)] == ["0 batches", "1 batch", "1,000 batches"]
    assert first_of(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"
