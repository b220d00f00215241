"""What README tells to type is what there is."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from solvent.cli import main

ROOT = Path(__file__).resolve().parent.parent


def typed(text: str) -> list[list[str]]:
    """The words of each command in the indented blocks of a page, without comments and line continuations."""
    lines = re.findall(r"^    (\S.*)$", text.replace("\\\n", " "), re.MULTILINE)
    return [words for line in lines for words in [shlex.split(line, comments=True)] if words]


COMMANDS = typed((ROOT / "README.md").read_text())


@pytest.mark.parametrize("words", [one[1:] for one in COMMANDS if one[0] == "solvent"], ids=" ".join)
def test_a_command_of_solvent_takes_its_options(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOLVENT_PROJECT", "flights")
    name, *rest = words
    above = click.Context(main, obj=ROOT)
    command = main.get_command(above, name)
    assert command is not None
    assert command.make_context(name, rest, parent=above)


@pytest.mark.parametrize("words", [one for one in COMMANDS if one[0] == "make"], ids=" ".join)
def test_a_make_target_is_there(words: list[str]) -> None:
    targets = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(words[1:]) <= set(targets)


def test_scripts_that_are_named_are_there() -> None:
    named = {word for words in COMMANDS for word in words if re.fullmatch(r"(jobs|bench|tools)/\w+\.py", word)}
    assert len(named) > 1
    assert {name for name in named if not (ROOT / name).is_file()} == set()


def test_a_command_that_is_not_there_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    ((program, *words), *_) = typed("    solvent reproduce \\\n        --modle 3   # a comment\n")
    assert program == "solvent"
    with pytest.raises(click.NoSuchOption, match="--modle"):
        test_a_command_of_solvent_takes_its_options(words, monkeypatch)
