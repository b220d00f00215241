"""What is made from the list of jobs: commands, entry points for spark-submit, README's table, and the tasks of the bundle."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
import yaml

from solvent.jobs import JOBS, Job

ROOT = Path(__file__).resolve().parent.parent
# What a task is given beside its job.
GIVEN = ["--project", "${var.project}", "--environment", "${var.environment}"]


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_job_is_a_command_that_says_what_it_does(job: Job) -> None:
    assert job.command.name == job.name
    assert job.command.help.endswith(".")


def test_the_modules_of_jobs_are_those_of_the_list_and_what_they_share() -> None:
    there = {path.stem for path in (ROOT / "lib/solvent/jobs").glob("*.py")}
    assert there - {job.module for job in JOBS} == {"__init__", "alarms", "code", "context", "options", "trainings"}
    assert {job.module for job in JOBS} <= there


def test_entry_points_are_those_of_the_list() -> None:
    written = runpy.run_path(str(ROOT / "tools/write_jobs.py"))["scripts"]()
    entries = {path: text for path in (ROOT / "jobs").glob("*.py") if "entry point of" in (text := path.read_text())}
    assert {path.name: text for path, text in entries.items()} == {path.name: text for path, text in written.items()}


def test_readme_has_each_job_that_is_not_hidden_once() -> None:
    table = re.search(r"^\| Command \|.*?(?=\n\n)", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    rows = [row.split("|")[1] for row in table[0].splitlines()[2:]]
    listed = sorted(job.name for job in JOBS if not job.command.hidden)
    assert sorted(name for row in rows for name in re.findall(r"`([a-z-]+)`", row)) == listed


def test_the_bundle_has_the_tasks_of_the_list() -> None:
    jobs = yaml.safe_load((ROOT / "databricks.yml").read_text())["resources"]["jobs"]
    tasks = [task["python_wheel_task"]["parameters"] for job in jobs.values() for task in job["tasks"]]
    assert sorted(words[2] for words in tasks) == sorted(job.name for job in JOBS if job.task)
    for words in tasks:
        assert words[:2] == ["--root", "${workspace.file_path}"]
        assert " ".join(GIVEN) in " ".join(words)
