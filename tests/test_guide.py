"""docs/guide.md is followed to the letter: each command is typed, each change applied, and what is shown must be what is said."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
GUIDE = ROOT / "docs" / "guide.md"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# What starts Spark takes long.
SPARK = (
    "python -m pytest",
    "solvent pipeline",
    "solvent reproduce",
    "solvent ingest",
    "solvent score",
    "solvent monitor",
)


@dataclass(frozen=True)
class Step:
    """A command to type and the lines it is shown to say, or a change of files to apply."""

    command: str
    shown: tuple[str, ...] = ()
    change: str = ""


def steps_of(guide: str) -> list[Step]:
    """The steps in their order.

    Raises:
        AssertionError: If there is a block that nobody would follow.
    """
    found = []
    for language, text in FENCE.findall(guide):
        assert language in ("console", "diff"), f"a block of {language or 'no language'}: nothing follows it"
        if language == "diff":
            found.append(Step("git apply -", change=text))
            continue
        assert text.startswith("$ "), text
        for block in text[2:].split("\n$ "):
            command, *shown = block.rstrip("\n").split("\n")
            found.append(Step(command, tuple(shown)))
    return found


def pattern(line: str) -> re.Pattern[str]:
    """A line in which ... stands for anything."""
    return re.compile(".*".join(re.escape(part) for part in line.rstrip().split("...")))


def missing(shown: tuple[str, ...], said: str) -> list[str]:
    """The lines shown that are not said, in the order in which they are shown."""
    lines = iter(said.splitlines())
    return [line for line in shown if not any(pattern(line).fullmatch(one.rstrip()) for one in lines)]


def follow(steps: list[Step], checkout: Path) -> None:
    """Types the steps into one shell, as a reader would, and compares what it says."""
    said = checkout.parent / "said"
    said.mkdir()
    script = []
    for number, step in enumerate(steps):
        given = f" <<'END_OF_CHANGE'\n{step.change}END_OF_CHANGE" if step.change else ""
        script.append(f"{{ {step.command}\n}} > {shlex.quote(str(said / str(number)))} 2>&1{given}")
        script.append(f"code=$?; if [ $code -ne 0 ]; then echo {number} $code; exit 1; fi")
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "SOLVENT_ENVIRONMENT")}
    for who in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{who}_NAME": "reader", f"GIT_{who}_EMAIL": "reader@example.org"}
    done = subprocess.run(
        ["bash", "-c", "\n".join(script)], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        number, code = done.stdout.split()
        raise AssertionError(f"{steps[int(number)].command}: exit code {code}\n{(said / number).read_text()}")
    texts = [(said / str(number)).read_text() for number in range(len(steps))]
    # All of them, as what the suite says changes in many places at once.
    wrong = [(step, text) for step, text in zip(steps, texts, strict=True) if missing(step.shown, text)]
    assert wrong == [], "\n".join(f"{step.command} said\n{text}" for step, text in wrong)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A clone of what is in the working tree, set up: its .venv is this one with the clone's code."""
    folder = tmp_path / "solvent"
    names = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    for name in names:
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
        elif (ROOT / name).is_symlink():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to((ROOT / name).readlink())
    (folder / ".jars").symlink_to(ROOT / ".jars")
    programs = folder / ".venv" / "bin"
    programs.mkdir(parents=True)
    python = f'#!/bin/sh\nPYTHONPATH="{folder}/lib" PYTHONDONTWRITEBYTECODE=1 exec "{sys.executable}"'
    for name, program in {"python": f'{python} "$@"\n', "solvent": f'{python} -m solvent.cli "$@"\n'}.items():
        (programs / name).write_text(program)
        (programs / name).chmod(0o755)
    who = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    for words in (["init", "--quiet", "--initial-branch=main"], ["add", "--all"], ["commit", "--quiet", "-m", "state"]):
        subprocess.run(["git", *who, *words], cwd=folder, check=True)
        # It is a link here, which the pattern for the folder does not hold for.
        (folder / ".git/info/exclude").write_text(".jars\n")
    return folder


def test_the_guide_can_be_followed_as_far_as_no_spark_is_needed(checkout: Path) -> None:
    steps = [step for step in steps_of(GUIDE.read_text()) if not step.command.startswith(SPARK)]
    before_history = [step for step in steps if not step.command.startswith(("solvent history", "ls "))]
    assert len(before_history) > 6
    follow(before_history, checkout)


@pytest.mark.long
def test_the_guide_is_followed_to_the_letter(checkout: Path) -> None:
    follow(steps_of(GUIDE.read_text()), checkout)


def test_a_line_that_is_not_said_is_found(tmp_path: Path) -> None:
    """And an order that is another one, a command that fails, and a block that nobody follows."""
    assert missing(("a 1 ...", "c"), "a 1 x\nb\nc\n") == []
    assert missing(("c", "a ..."), "a 1 x\nb\nc\n") == ["a ..."]
    assert missing(("a 2 ...",), "a 1 x\n") == ["a 2 ..."]
    (tmp_path / "work").mkdir()
    with pytest.raises(AssertionError, match=r"false: exit code 1"):
        follow(steps_of("```console\n$ x=1\n$ false\n```\n"), tmp_path / "work")
    with pytest.raises(AssertionError, match="a block of yaml: nothing follows it"):
        steps_of("```yaml\na: b\n```\n")
