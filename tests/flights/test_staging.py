"""Staging copies the package's rows exactly, by local date, once."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from flights.staging import lines_of, package_data, stage
from solvent.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_whole_months_are_month_files_and_the_rest_is_days(tmp_path: Path) -> None:
    staged = stage(str(tmp_path), date(2013, 1, 31), date(2013, 3, 2))
    flights = sorted(file.path.name for file in staged if file.path.parent.name == "flights")
    assert flights == ["2013-01-31.csv", "2013-02.csv", "2013-03-01.csv", "2013-03-02.csv"]
    assert {str(file.path.relative_to(tmp_path)) for file in staged} == set(contents(tmp_path))


def test_a_month_begun_by_days_goes_on_by_days_and_nothing_is_rewritten(tmp_path: Path) -> None:
    stage(str(tmp_path), date(2013, 1, 1), date(2013, 2, 3))
    before = contents(tmp_path)
    assert stage(str(tmp_path), date(2013, 1, 1), date(2013, 2, 3)) == []
    assert contents(tmp_path) == before
    later = stage(str(tmp_path), date(2013, 1, 1), date(2013, 2, 28))
    assert min(file.path.name for file in later if file.path.parent.name == "weather") == "2013-02-04.csv"
    assert len(later) == 2 * 25
    after = contents(tmp_path)
    assert {name: after[name] for name in before} == before


def test_the_year_staged_is_the_package_line_for_line(tmp_path: Path) -> None:
    stage(str(tmp_path), date(2013, 1, 1), date(2013, 6, 12))
    staged = stage(str(tmp_path), date(2013, 6, 1), date(2014, 1, 31))
    assert not [file for file in staged if "2014" in file.path.name]
    for source, name in [("flights", "flights.csv.zip"), ("weather", "weather.csv"), ("planes", "planes.csv")]:
        header, *rows = lines_of(package_data() / name)
        files = [lines_of(path) for path in (tmp_path / "flights" / source).iterdir()]
        assert all(lines[0] == header for lines in files)
        assert sorted(row for lines in files for row in lines[1:]) == sorted(rows)


def test_wrong_arguments_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="--since 2013-02-01 is after --until 2013-01-01"):
        stage(str(tmp_path), date(2013, 2, 1), date(2013, 1, 1))
    with pytest.raises(ConfigurationError, match="not a local folder"):
        stage("s3://bucket/landing", date(2013, 1, 1), date(2013, 1, 1))


def test_the_job_stages_into_the_environments_landing_folder(tmp_path: Path) -> None:
    environments = tmp_path / "conf" / "environments"
    environments.mkdir(parents=True)
    (environments / "local.yml").write_bytes((ROOT / "conf" / "environments" / "local.yml").read_bytes())
    command = [sys.executable, str(ROOT / "jobs" / "stage_flights.py"), "--until", "2013-01-02"]
    done = run(command, environments)
    assert done.returncode == 0, done.stderr
    assert "7 files staged" in done.stdout
    assert (tmp_path / "var" / "landing" / "flights" / "flights" / "2013-01-02.csv").is_file()
    wrong = run([*command, "--environment", "nowhere"], environments)
    assert wrong.returncode == 2
    assert "nowhere.yml" in wrong.stderr
