"""Setting up: what `make` says and refuses, jars by checksum, what the wheel holds, what the lock pins."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
TARGETS = (
    *("help", "setup", "run", "replay", "test", "test-long", "test-spark", "cluster-test"),
    *("lint", "format", "lock", "wheel", "jobs", "bench", "jars-s3", "clean"),
)


def run(*command: str | Path, cwd: Path = ROOT, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command in an environment without this one's make and Java."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MAKE") and key != "JAVA_HOME"}
    return subprocess.run(command, cwd=cwd, env={**inherited, **environment}, capture_output=True, text=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout that was never set up."""
    folder = tmp_path / "checkout"
    shutil.copytree(ROOT / "lib", folder / "lib", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in ("Makefile", "pyproject.toml", "setup.py"):
        shutil.copy(ROOT / name, folder)
    return folder


def one_line(failed: subprocess.CompletedProcess[str]) -> str:
    assert failed.returncode != 0
    lines = (failed.stdout + failed.stderr).splitlines()
    assert len(lines) == 1, lines
    return lines[0]


# make


@pytest.mark.parametrize("arguments", [(), ("help",)])
def test_make_alone_says_what_every_target_is_for(arguments: tuple[str, ...]) -> None:
    said = run("make", *arguments).stdout.splitlines()
    assert [line.split()[1] for line in said] == list(TARGETS)
    assert all(len(line.split()) > 3 for line in said)


def tools_of_make(folder: Path) -> str:
    """A PATH on which there is what the Makefile needs, and no Java or Python."""
    folder.mkdir()
    for name in ("make", "sh", "grep", "head"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


def test_without_java_one_line_says_what_to_do(checkout: Path) -> None:
    line = one_line(run("make", "setup", cwd=checkout, PATH=tools_of_make(checkout / "bin")))
    assert "Java 17, 21 or 25 is needed, but `java -version` says" in line
    assert "Install such a runtime and put it on PATH, or set JAVA_HOME" in line
    assert not (checkout / ".venv").exists()


def test_a_java_home_without_java_is_named(checkout: Path) -> None:
    line = one_line(run("make", "setup", cwd=checkout, JAVA_HOME="/nowhere"))
    assert "Java 17, 21 or 25 is needed, but `/nowhere/bin/java -version` says" in line


def program(path: Path, says: str) -> Path:
    """A program that says one line."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}' >&2\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize(
    ("version", "taken"),
    [("17.0.16", True), ("21.0.4", True), ("25", True), ("1.8.0_412", False), ("11.0.24", False), ("171.0", False)],
)
def test_which_javas_are_taken(checkout: Path, version: str, taken: bool) -> None:
    says = f'openjdk version "{version}" 2024-07-16'
    program(checkout / "jdk" / "bin" / "java", says)
    done = run("make", "java", cwd=checkout, JAVA_HOME=str(checkout / "jdk"))
    assert (done.returncode == 0) == taken
    assert taken or f"says: {says}. Install" in one_line(done)


@pytest.mark.parametrize(
    ("version", "taken"),
    [("3.11.7", True), ("3.12.1", True), ("3.13.0", True), ("3.10.13", False), ("3.14.0", False), ("3.1.1", False)],
)
def test_which_pythons_are_taken(checkout: Path, version: str, taken: bool) -> None:
    python = program(checkout / "bin" / "python", f"Python {version}")
    (checkout / "venv").mkdir()
    done = run("make", "venv/made", "VENV=venv", f"PYTHON={python}", cwd=checkout)
    assert (done.returncode == 0) == taken
    assert taken or f"`{python} --version` says: Python {version}. Install one" in one_line(done)


def test_a_missing_python_is_refused_in_one_line(checkout: Path) -> None:
    line = one_line(run("make", "setup", "PYTHON=python3.99", cwd=checkout))
    assert "Python 3.11, 3.12 or 3.13 is needed, but `python3.99 --version` says" in line
    assert "make setup PYTHON=/path/to/python3.11" in line
    assert not (checkout / ".venv").exists()


def test_the_first_python_that_is_there_is_taken(checkout: Path) -> None:
    path = tools_of_make(checkout / "bin")

    def taken() -> str:
        return run("make", "--dry-run", "venv/made", "VENV=venv", cwd=checkout, PATH=path).stdout.splitlines()[1]

    for name in ("python3.13", "python3.12", "python3.11"):
        program(checkout / "bin" / name, f"Python {name.removeprefix('python')}.1")
        assert taken() == f"{name} -m venv venv"


# Delta's jars


@pytest.fixture
def resolved(tmp_path: Path) -> Path:
    """Jars as Ivy leaves them, with one that is not pinned."""
    folder = tmp_path / "ivy" / "jars"
    folder.mkdir(parents=True)
    for name in ("io.delta_delta-storage-1.jar", "io.delta_delta-spark_4.2_2.13-1.jar", "org.other_other-1.jar"):
        (folder / name).write_text(f"content of {name}")
    return folder


def fetch(resolved: Path, pins: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Runs the tool on a folder beside the resolved one; pins are contents by file name."""
    home = resolved.parent
    digests = {name: hashlib.sha256(content.encode()).hexdigest() for name, content in pins.items()}
    (home / "jars.sha256").write_text("".join(f"{digest}  {name}\n" for name, digest in digests.items()))
    paths = ["--from", resolved, "--checksums", home / "jars.sha256", "--into", home / "kept"]
    return run(sys.executable, ROOT / "tools" / "fetch_jars.py", *paths)


STORAGE = {"delta-storage-1.jar": "content of io.delta_delta-storage-1.jar"}
SPARK = {"delta-spark_4.2_2.13-1.jar": "content of io.delta_delta-spark_4.2_2.13-1.jar"}


def test_exactly_the_pinned_jars_are_kept_under_their_own_names(resolved: Path) -> None:
    kept = resolved.parent / "kept"
    kept.mkdir()
    (kept / "delta-storage-0.jar").write_text("of an older version")
    done = fetch(resolved, {**STORAGE, **SPARK})
    assert (done.returncode, done.stderr) == (0, "")
    assert {jar.name: jar.read_text() for jar in kept.iterdir()} == {**STORAGE, **SPARK}


def test_jars_that_are_there_are_not_fetched_again(resolved: Path) -> None:
    fetch(resolved, STORAGE)
    shutil.rmtree(resolved)
    assert fetch(resolved, STORAGE).returncode == 0


@pytest.mark.parametrize(
    ("pins", "name"),
    [({**SPARK, "delta-storage-1.jar": "other"}, "delta-storage-1.jar"), ({**SPARK, "gone-1.jar": ""}, "gone-1.jar")],
    ids=["another checksum", "missing"],
)
def test_a_jar_that_is_not_as_pinned_leaves_none(resolved: Path, pins: dict[str, str], name: str) -> None:
    fetch(resolved, STORAGE)
    line = one_line(fetch(resolved, pins))
    assert line.startswith(f"fetch_jars: {name}: its SHA-256 is ")
    assert hashlib.sha256(pins[name].encode()).hexdigest() in line
    assert sorted(path.name for path in resolved.parent.iterdir()) == ["jars", "jars.sha256"]


def test_the_jars_of_this_checkout_are_the_pinned_ones() -> None:
    pins = dict(reversed(line.split()) for line in (ROOT / "jars.sha256").read_text().splitlines())
    found = {jar.name: hashlib.sha256(jar.read_bytes()).hexdigest() for jar in (ROOT / ".jars").glob("*.jar")}
    assert found == pins


# Packages


def test_the_wheel_holds_every_module_and_the_command(checkout: Path) -> None:
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist"]
    built = run(sys.executable, "-m", "pip", "wheel", *options, ".", cwd=checkout)
    assert built.returncode == 0, built.stderr
    with zipfile.ZipFile(next((checkout / "dist").glob("solvent-*.whl"))) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
        commands = next(wheel.read(name).decode() for name in wheel.namelist() if name.endswith("entry_points.txt"))
    package = {".py", ".j2", ".css", ".js", ".typed"}
    files = {path.relative_to(ROOT / "lib").as_posix() for path in (ROOT / "lib").rglob("*") if path.suffix in package}
    files |= {f"solvent/skeleton/notebooks/{path.name}" for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert held == files
    assert "solvent = solvent.cli:main" in commands.splitlines()


def asked_for(*lists: str) -> list[Requirement]:
    """What setup.py requires, by the names of its lists; with every extra if none is named."""
    assigned = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in ast.parse((ROOT / "setup.py").read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    texts = [assigned[name] for name in lists] or [assigned["REQUIRED"], *assigned["EXTRAS"].values()]
    return [Requirement(text) for one in texts for text in one]


@pytest.mark.parametrize("python", ["3.11.0", "3.12.0", "3.13.0"])
@pytest.mark.parametrize("system", ["linux", "darwin"])
def test_the_lock_pins_what_setup_asks_for(python: str, system: str) -> None:
    place = {"python_full_version": python, "python_version": python.rpartition(".")[0], "sys_platform": system}
    lock = (ROOT / "requirements.lock").read_text()
    lines = re.findall(r"^([^\s#].*) \\\n    --hash=sha256:[0-9a-f]{64}", lock, re.MULTILINE)
    assert len(lines) == len(re.findall(r"^[^\s#]", lock, re.MULTILINE))
    held = [one for one in map(Requirement, lines) if one.marker is None or one.marker.evaluate(place)]
    pins = {one.name: str(one.specifier).removeprefix("==") for one in held}
    assert len(pins) == len(held)
    for requirement in asked_for():
        pin = pins.get(canonicalize_name(requirement.name))
        assert pin is not None, f"{requirement} is not in requirements.lock; run `make lock`"
        assert requirement.specifier.contains(pin), f"{requirement} is locked at {pin}; run `make lock`"


def test_what_the_suite_imports_is_required() -> None:
    """Spark apart, as a cluster has its own; what only one way to use the suite needs is in an extra."""
    imported = set()
    for path in (ROOT / "lib/solvent").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            imported |= {name.partition(".")[0] for name in names}
    required = {canonicalize_name(one.name) for one in asked_for("REQUIRED")} | {"pyspark"}
    homes = packages_distributions()
    foreign = imported - sys.stdlib_module_names - {"solvent"}
    assert foreign
    missing = {name for name in foreign if required.isdisjoint(map(canonicalize_name, homes.get(name, [])))}
    assert missing == set()


def test_the_lock_names_no_host() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    assert re.findall(r"\S*://\S*|^\s*--(?!hash=sha256:)\S+", lock, re.MULTILINE) == []


# The direction of imports


def lint_imports(checkout: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return run(program, "--no-cache", cwd=checkout, PYTHONPATH=str(checkout / "lib"))


def test_imports_go_one_way(checkout: Path) -> None:
    linted = lint_imports(checkout)
    assert linted.returncode == 0, linted.stdout


WRONG = (
    ("solvent/errors.py", "solvent.config.base"),
    ("solvent/tables/warehouse.py", "solvent.sources"),
    ("solvent/session.py", "flights"),
    ("flights/__init__.py", "solvent.tables.warehouse"),
    ("departures/__init__.py", "pandas"),
)


def test_imports_the_other_way_are_found(checkout: Path) -> None:
    """All at once, as reading the code takes seconds."""
    for module, imported in WRONG:
        with (checkout / "lib" / module).open("a") as file:
            file.write(f"\nimport {imported}\n")
    linted = lint_imports(checkout)
    assert linted.returncode == 1
    for module, imported in WRONG:
        importer = module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        assert f"{importer} -> {imported} (" in linted.stdout


def test_a_module_without_a_place_is_found(checkout: Path) -> None:
    (checkout / "lib/solvent/unplaced.py").touch()
    linted = lint_imports(checkout)
    assert linted.returncode == 1
    assert "solvent.unplaced" in linted.stdout
