"""Why Spark does not start is said in a line, and what its Java says is kept from the terminal."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from solvent.java import output_aside, refusal, wrong_java, wrong_locale

ROOT = Path(__file__).resolve().parent.parent
# Starts sessions, each with other settings and variables, in one process: none leaves a Java behind.
STARTS = """
import json, os, sys
from pathlib import Path
from solvent.config.environment import load_environment
from solvent.errors import SessionError
from solvent.session import session
environment = load_environment("local", Path(sys.argv[1]))
for settings, variables in json.loads(sys.argv[2]):
    os.environ.update(variables)
    spark = environment.spark.model_copy(update={"settings": {**environment.spark.settings, **settings}})
    try:
        session(environment.model_copy(update={"spark": spark}))
    except SessionError as error:
        print(error)
"""


@pytest.fixture(scope="module")
def old_java(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a program that answers as Java 8 does."""
    home = tmp_path_factory.mktemp("java8")
    (home / "bin").mkdir()
    program = home / "bin/java"
    program.write_text('#!/bin/sh\necho \'openjdk version "1.8.0_392"\' >&2\ntest "$1" = -version\n')
    program.chmod(0o755)
    return home


def test_why_spark_does_not_start_is_one_line(old_java: Path) -> None:
    cases: list[tuple[dict[str, Any], dict[str, str], str]] = [
        ({"spark.driver.memory": "4q"}, {}, "Invalid maximum heap size: -Xmx4q"),
        ({"spark.driver.memory": "100000000g"}, {}, "Could not reserve enough space"),
        ({"spark.driver.extraJavaOptions": "-Xmx1g"}, {}, "Not allowed to specify max heap(Xmx)"),
        ({}, {"JAVA_HOME": str(old_java)}, f"{old_java}/bin/java is Java 8: install Java 17 or later"),
        ({}, {"JAVA_HOME": "/nowhere"}, "JAVA_HOME is /nowhere, where there is no bin/java: install Java 17 or later"),
    ]
    given = json.dumps([case[:2] for case in cases])
    done = subprocess.run([sys.executable, "-c", STARTS, str(ROOT), given], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    lines = done.stdout.splitlines()
    assert len(lines) == len(cases), done.stdout
    for line, (_, _, says) in zip(lines, cases, strict=True):
        assert line.startswith("environment local: Spark does not start: "), line
        assert says in line
        assert line.endswith("; `solvent --verbose` shows all that Java says")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            "Picked up JAVA_TOOL_OPTIONS: -Dx=1\n:: loading settings :: url = jar\n"
            'Exception in thread "main" java.lang.RuntimeException: [unresolved dependency: a#b;1: not found]\n\tat x.Y(Z)\n',
            "RuntimeException: [unresolved dependency: a#b;1: not found]",
        ),
        (
            "WARNING: Using incubator modules: jdk.incubator.vector\n"
            "26/11/27 21:01:02 ERROR DiskBlockManager: Failed to create any local dir.\n",
            "Failed to create any local dir.",
        ),
        (
            "Error occurred during initialization of VM\nToo small maximum heap\n",
            "Error: Too small maximum heap",
        ),
        ("some last words\n", "some last words"),
        ("", "Java said nothing"),
    ],
)
def test_the_reason_is_found_in_what_was_said(said: str, reason: str) -> None:
    assert refusal(said) == reason


def test_no_java_on_path_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    assert wrong_java() == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert wrong_java().startswith("there is no java on PATH: install Java 17 or later")


@pytest.mark.parametrize(("folder", "locale", "wrong"), [("ü", "C", True), ("ü", "C.UTF-8", False), ("u", "C", False)])
def test_a_folder_that_java_has_no_name_for_is_said(
    folder: str, locale: str, wrong: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / folder)
    monkeypatch.setenv("LC_ALL", locale)
    expected = f"Java cannot name the folder {tmp_path / folder} in the locale {locale}; set LC_ALL=C.UTF-8"
    assert wrong_locale() == (expected if wrong else "")


def test_only_what_was_started_writes_aside(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program = "import sys; print('child out', flush=True); print('child err', file=sys.stderr)"
    with open(tmp_path / "said", "w+b") as said:
        with output_aside(said):
            print("before", flush=True)
            child = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep(0.5); {program}"])
        print("after", flush=True)
        assert child.wait() == 0
        subprocess.run([sys.executable, "-c", program], check=True)
    shown = capfd.readouterr()
    assert (shown.out, shown.err) == ("before\nafter\nchild out\n", "child err\n")
    assert (tmp_path / "said").read_text() == "child out\nchild err\n"
