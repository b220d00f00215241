"""`solvent new`: a project that is whole and passes, or nothing and a line that says why."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from solvent.cli import main
from solvent.config.environment import load_environment

ROOT = Path(__file__).resolve().parent.parent


def new(root: Path, name: str) -> Result:
    return CliRunner().invoke(main, ["--root", str(root), "new", name])


def tree(root: Path) -> dict[str, str | None]:
    """Every file with its text, and every folder."""
    return {
        str(path.relative_to(root)): path.read_text() if path.is_file() else None for path in sorted(root.rglob("*"))
    }


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """A command of Python in a repository of its own; of this one only lib/ is known."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What a command lets be imported from its repository is not importable for the next."""
    before = list(sys.path)
    yield
    sys.path[:] = before


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository that had nothing but Delta's jars, with a project."""
    root = tmp_path_factory.mktemp("own")
    (root / ".jars").symlink_to(ROOT / ".jars")
    made = run(root, "-m", "solvent.cli", "new", "parcels")
    assert made.returncode == 0, made.stderr
    return root


def test_a_new_repository_has_what_a_project_needs(own: Path) -> None:
    found = {name for name in tree(own) if (own / name).is_file() and not name.startswith((".jars", "var"))}
    assert found == {
        ".gitignore",
        "conf/environments/local.yml",
        "conf/parcels/model.yml",
        "lib/parcels/__init__.py",
        "lib/parcels/features.py",
        "notebooks/compare_models.ipynb",
        "notebooks/explain_a_prediction.ipynb",
        "notebooks/explore_data.ipynb",
        "notebooks/investigate_an_alarm.ipynb",
        "pyproject.toml",
        "tests/conftest.py",
        "tests/parcels/test_features.py",
    }
    assert not [name for name in tree(own) if Path(name).name.startswith(".parcels")]


def test_it_validates_at_once_wherever_the_repository_is(own: Path) -> None:
    inside = run(own / "lib", "-m", "solvent.cli", "check")
    assert inside.stdout.startswith("parcels in local: ok; 2 sources, 4 features in 3 groups"), inside.stderr
    outside = run(own.parent, "-m", "solvent.cli", "--root", str(own), "check", "--project", "parcels")
    assert outside.stdout == inside.stdout, outside.stderr


def test_its_notebooks_open_it_from_their_folder(own: Path) -> None:
    programs = []
    for path in sorted((own / "notebooks").iterdir()):
        assert "flights" not in path.read_text()
        cells = {cell["id"]: "".join(cell["source"]) for cell in json.loads(path.read_text())["cells"]}
        assert 'PROJECT, ENVIRONMENT = "parcels", "local"' in cells["parameters"]
        # As far as no session is needed: all that is imported is found, and so is the project with its functions.
        opening = cells["open"][: cells["open"].index("run = ")]
        programs.append(f"{cells['parameters']}\n{opening}\nprint(*open_project(PROJECT, ENVIRONMENT).code.shaping)")
    done = run(own / "notebooks", "-c", "\n".join(programs))
    assert done.stdout.count("parcels.features.") == 3 * len(programs) == 12, done.stdout + done.stderr


def test_its_test_passes_and_fails_when_a_feature_looks_ahead(own: Path, tmp_path: Path) -> None:
    """Of two projects of a repository, whose tests share a session, one is as it was written."""
    root = tmp_path / "own"
    shutil.copytree(own, root, symlinks=True)
    assert new(root, "ahead").exit_code == 0
    features = root / "lib/ahead/features.py"
    text = features.read_text()
    assert text.count("trailing_sums(rows, sources") == 1
    # Orders as if they were known when placed.
    early = 'sources["orders"].withColumn("available_time", F.col("event_time"))'
    features.write_text(text.replace('trailing_sums(rows, sources["orders"]', f"trailing_sums(rows, {early}"))
    done = run(root, "-m", "pytest", "-q", "-rA", "-p", "no:cacheprovider")
    assert done.returncode == 1
    outcomes = re.findall(r"^(PASSED|FAILED|ERROR) tests/(\w+)/", done.stdout, re.MULTILINE)
    assert Counter(outcomes) == {("PASSED", "parcels"): 3, ("PASSED", "ahead"): 1, ("FAILED", "ahead"): 2}, done.stdout


@pytest.mark.parametrize("jars", [True, False])
def test_the_environment_of_a_new_repository_is_that_of_this_one(tmp_path: Path, jars: bool) -> None:
    if jars:
        (tmp_path / ".jars").mkdir()
    assert new(tmp_path, "parcels").exit_code == 0
    ours = (ROOT / "conf/environments/local.yml").read_text()
    written = (tmp_path / "conf/environments/local.yml").read_text()
    if jars:
        assert written == ours
        return
    assert load_environment("local", tmp_path).spark.jars == ()
    lines = [line for line in written.splitlines() if line not in ours.splitlines()]
    assert len(lines) == 2, lines
    assert lines[1].split(": ") == ["    spark.jars.packages", "io.delta:delta-spark_4.2_2.13:4.4.0"]


@pytest.mark.parametrize("name", ["parcels", "tickets"])
def test_in_this_repository_it_is_written_as_the_rest_is(tmp_path: Path, name: str) -> None:
    """Sorted before solvent and after it."""
    shutil.copytree(ROOT / "conf", tmp_path / "conf")
    shutil.copytree(ROOT / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (tmp_path / "tests").mkdir()
    for file in ("pyproject.toml", "tests/conftest.py", ".gitignore"):
        shutil.copy(ROOT / file, tmp_path / file)
    before = tree(tmp_path)
    assert new(tmp_path, name).exit_code == 0
    after = tree(tmp_path)
    assert {path: after[path] for path in before} == before
    assert {path.split("/")[0] for path in after.keys() - before.keys()} == {"conf", "lib", "notebooks", "tests", "var"}
    written = [str(tmp_path / folder / name) for folder in ("lib", "tests")]
    for words in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        ruff = Path(sys.executable).with_name("ruff")
        done = subprocess.run([ruff, *words, *written], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("Parcels", "project 'Parcels': use lower case letters, digits and _, starting with a letter"),
        ("9parcels", "starting with a letter"),
        ("par-cels", "use lower case letters, digits and _"),
        ("../parcels", "use lower case letters, digits and _"),
        ("", "project '': use lower case letters"),
        ("class", "and no word of Python"),
        ("environments", "conf/environments holds something else"),
        ("solvent", "Python has a package of that name"),
        ("flights", "Python has a package of that name"),
        ("json", "Python has a package of that name"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused_and_nothing_is_written(tmp_path: Path, name: str, says: str) -> None:
    result = new(tmp_path, name)
    assert (result.exit_code, result.output.count("\n"), says in result.output) == (2, 1, True), result.output
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("folder", ["conf", "lib", "tests", "var/landing"])
def test_what_is_there_is_left_alone(tmp_path: Path, folder: str) -> None:
    mine = tmp_path / folder / "parcels" / "notes.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    before = tree(tmp_path)
    result = new(tmp_path, "parcels")
    assert (result.exit_code, f"{folder}/parcels: is there already" in result.output) == (2, True), result.output
    assert tree(tmp_path) == before


def test_a_folder_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "tests").write_text("a file")
    result = new(tmp_path, "parcels")
    assert (result.exit_code, f"error: {tmp_path}/tests/parcels: cannot be written: " in result.output) == (2, True)
    assert tree(tmp_path) == {"tests": "a file"}


def test_notebooks_that_are_there_are_left(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    assert new(tmp_path, "parcels").exit_code == 0
    assert list((tmp_path / "notebooks").iterdir()) == []


def test_without_a_repository_around_it_is_made_where_one_is(tmp_path: Path) -> None:
    """And not in the checkout that the suite is imported from."""
    made = run(tmp_path, "-m", "solvent.cli", "new", "parcels")
    assert made.returncode == 0, made.stderr
    assert (tmp_path / "conf/parcels/model.yml").is_file()
    below = tmp_path / "lib" / "parcels"
    assert run(below, "-m", "solvent.cli", "new", "tickets").returncode == 0
    assert (tmp_path / "lib/tickets").is_dir()


def test_there_is_no_example_where_files_do_not_land_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "conf/environments").mkdir(parents=True)
    ours = (ROOT / "conf/environments/local.yml").read_text()
    (tmp_path / "conf/environments/local.yml").write_text(ours.replace("landing: var/", "landing: s3://bucket/"))
    result = new(tmp_path, "parcels")
    assert result.exit_code == 0, result.output
    assert not (tmp_path / "var").exists()
    assert "example data" not in result.output
