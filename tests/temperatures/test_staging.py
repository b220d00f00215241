"""Staging copies the package's lines exactly, in months that are over."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from solvent.errors import ConfigurationError
from temperatures.staging import NORMALS, OBSERVATIONS, lines_of, package_data, stage

ROOT = Path(__file__).resolve().parents[2]


def test_a_month_arrives_when_it_is_over_and_once(tmp_path: Path) -> None:
    first = stage(str(tmp_path), date(2012, 3, 30))
    assert [(path.name, rows) for path, rows in first] == [
        ("normals.csv", 8759),
        ("2012-01.csv", 31),
        ("2012-02.csv", 29),
    ]
    assert [path.name for path, _ in stage(str(tmp_path), date(2012, 3, 31))] == ["2012-03.csv"]
    assert stage(str(tmp_path), date(2012, 3, 31)) == []


def test_all_months_are_the_package_line_for_line(tmp_path: Path) -> None:
    assert len(stage(str(tmp_path), date(2016, 12, 31))) == 49
    header, *lines = lines_of(package_data() / OBSERVATIONS)
    files = [lines_of(path) for path in sorted((tmp_path / "temperatures" / "days").iterdir())]
    assert {one[0] for one in files} == {header}
    assert [line for one in files for line in one[1:]] == lines
    assert lines_of(tmp_path / "temperatures" / "normals" / "normals.csv") == lines_of(package_data() / NORMALS)


def test_a_landing_folder_elsewhere_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not a local folder"):
        stage("s3://bucket/landing", date(2012, 12, 31))


def test_the_job_stages_into_the_environments_landing_folder(tmp_path: Path) -> None:
    environments = tmp_path / "conf" / "environments"
    environments.mkdir(parents=True)
    (environments / "local.yml").write_bytes((ROOT / "conf" / "environments" / "local.yml").read_bytes())
    command = [sys.executable, str(ROOT / "jobs" / "stage_temperatures.py"), "--until", "2012-01-31"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    done = subprocess.run(command, cwd=environments, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "2 files staged with 8,790 rows" in done.stdout
    assert (tmp_path / "var/landing/temperatures/days/2012-01.csv").is_file()
