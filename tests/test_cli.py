"""The command `solvent`: its subcommands, and what they import."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from solvent.cli import main

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
