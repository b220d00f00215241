"""databricks.yml: what its jobs call exists and takes the parameters given, in every target; and the bundle is what Databricks reads.

Targets are put together here as the Databricks CLI does it: maps are merged, tasks and clusters by their key, and variables filled in.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from distutils.core import run_setup
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from databricks.sdk.service.jobs import JobSettings
from pyspark.sql import SparkSession

from solvent.cli import main
from solvent.config.environment import load_environment
from solvent.deployment.deploy import Deployment
from solvent.deployment.plan import TRAIN, Plan
from solvent.identity import environment_facts
from solvent.progress import Progress
from solvent.registry.storage import located
from solvent.session import ARITHMETIC, EXECUTOR_OPTIONS, JAVA_OPTIONS, made
from solvent.settings import load_settings

ROOT = Path(__file__).resolve().parents[1]
BUNDLE: dict[str, Any] = yaml.safe_load((ROOT / "databricks.yml").read_text())
TARGETS = ("dev", "staging", "prod")
KEYS = {"tasks": "task_key", "job_clusters": "job_cluster_key", "environments": "environment_key"}
# What only a workspace knows.
GIVEN = {
    "workspace.file_path": str(ROOT),
    "workspace.current_user.userName": "someone@example.org",
    "bundle.git.commit": "0123456789abcdef0123456789abcdef01234567",
    "resources.schemas.solvent.name": "solvent",
    "var.channel": "channel-id",
}
SCHEDULED = {
    "ingest": ["ingest", "build-features"],
    "score": ["score"],
    "watch": ["observe", "monitor"],
    "retrain": ["retrain"],
}


def merged(below: Any, above: Any, key: str = "") -> Any:
    """A value of a target over that of the bundle."""
    if isinstance(below, dict) and isinstance(above, dict):
        shared = below.keys() & above.keys()
        return {**below, **above, **{name: merged(below[name], above[name], name) for name in shared}}
    if key in KEYS:
        by = {one[KEYS[key]]: one for one in below}
        return list({**by, **{one[KEYS[key]]: merged(by.get(one[KEYS[key]], {}), one) for one in above}}.values())
    return above


def filled(value: Any, values: Mapping[str, str]) -> Any:
    """A value with its variables filled in; an unknown one is an error."""
    if isinstance(value, dict):
        return {name: filled(one, values) for name, one in value.items()}
    if isinstance(value, list):
        return [filled(one, values) for one in value]
    if isinstance(value, str):
        return re.sub(r"\$\{([^}]+)\}", lambda found: str(values[found[1]]), value)
    return value


def bundle_of(target: str) -> dict[str, Any]:
    """The bundle as a target deploys it."""
    own = BUNDLE["targets"][target]
    defaults = {name: one["default"] for name, one in BUNDLE["variables"].items() if "default" in one}
    chosen = {f"var.{name}": value for name, value in {**defaults, **own["variables"]}.items()}
    values = {"bundle.name": BUNDLE["bundle"]["name"], "bundle.target": target, **GIVEN, **chosen}
    rest = {name: one for name, one in BUNDLE.items() if name not in ("targets", "variables")}
    return {**filled(merged(rest, own), values), "variables": {name[4:]: value for name, value in chosen.items()}}


def jobs_of(target: str) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = bundle_of(target)["resources"]["jobs"]
    return found


def tasks() -> list[Any]:
    return [
        pytest.param(job, task, id=f"{target}-{task['task_key']}")
        for target in TARGETS
        for job in jobs_of(target).values()
        for task in job["tasks"]
    ]


def entry_points() -> dict[str, str]:
    """Name -> function, of all that setup.py declares."""
    declared = run_setup(str(ROOT / "setup.py"), stop_after="init").entry_points
    return dict(re.split(r"\s*=\s*", line) for lines in declared.values() for line in lines)


def command_of(parameters: list[str]) -> click.Context:
    """The command that parameters call, with its options parsed; fails as the command line does."""
    outer = main.make_context("solvent", list(parameters))
    name, command, rest = main.resolve_command(outer, [*outer._protected_args, *outer.args])
    assert command is not None
    return command.make_context(name, rest, parent=outer)


@pytest.mark.parametrize(("job", "task"), tasks())
def test_a_task_calls_what_exists_with_options_that_it_takes(
    job: dict[str, Any], task: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    called = task["python_wheel_task"]
    assert called["package_name"] == "solvent"
    module, _, function = entry_points()[called["entry_point"]].partition(":")
    assert callable(getattr(import_module(module), function))
    options = command_of(called["parameters"]).params
    settings = load_settings(options["project"], options["environment"], ROOT)
    assert settings.environment.mlflow.registry_uri == "databricks-uc"


@pytest.mark.parametrize(("job", "task"), tasks())
def test_a_task_has_one_compute_and_the_wheel_on_it(job: dict[str, Any], task: dict[str, Any]) -> None:
    environments = {one["environment_key"]: one["spec"]["dependencies"] for one in job.get("environments", ())}
    clusters = {one["job_cluster_key"] for one in job.get("job_clusters", ())}
    assert ("environment_key" in task) != ("job_cluster_key" in task)
    if "environment_key" in task:
        assert environments[task["environment_key"]] == ["./dist/*.whl"]
    else:
        assert task["job_cluster_key"] in clusters
        assert task["libraries"] == [{"whl": "./dist/*.whl"}]


@pytest.mark.parametrize("target", TARGETS)
def test_every_job_is_bounded_and_somebody_is_told_when_it_fails(target: str) -> None:
    for name, job in jobs_of(target).items():
        assert job["max_concurrent_runs"] == 1, name
        assert job["queue"] == {"enabled": True}, name
        assert 0 < job["health"]["rules"][0]["value"] < job["timeout_seconds"] <= 4 * 3600, name
        assert job["email_notifications"]["on_failure"], name
        assert job["email_notifications"]["on_duration_warning_threshold_exceeded"], name
        assert job["webhook_notifications"]["on_failure"] == [{"id": "channel-id"}], name
        assert job["tags"] == {"suite": "solvent", "project": "flights", "target": target}, name
        known = {task["task_key"] for task in job["tasks"]}
        assert {before["task_key"] for task in job["tasks"] for before in task.get("depends_on", ())} <= known


@pytest.mark.parametrize("target", TARGETS)
def test_every_job_of_the_life_of_a_model_has_its_hour(target: str) -> None:
    jobs = jobs_of(target)
    called = {
        name: [command_of(task["python_wheel_task"]["parameters"]).info_name for task in job["tasks"]]
        for name, job in jobs.items()
    }
    assert called == {**SCHEDULED, "deploy": ["deploy-here"]}
    assert {name for name, job in jobs.items() if "schedule" in job} == SCHEDULED.keys()
    hours = [jobs[name]["schedule"]["quartz_cron_expression"].split()[2] for name in SCHEDULED]
    # One after the other, each once a day.
    assert [int(hour) for hour in hours] == sorted({int(hour) for hour in hours})
    assert {job["schedule"]["timezone_id"] for job in jobs.values() if "schedule" in job} == {"UTC"}


@pytest.mark.parametrize("target", TARGETS)
def test_the_environment_of_a_target_names_what_the_bundle_makes(target: str) -> None:
    bundle = bundle_of(target)
    environment = load_environment(bundle["variables"]["environment"], ROOT)
    resources = bundle["resources"]
    schema, volumes = resources["schemas"]["solvent"], resources["volumes"]
    names = (schema["catalog_name"], schema["name"])
    assert (environment.tables.catalog, environment.tables.schema_name) == names
    assert environment.mlflow.models == ".".join(names)
    folders = {
        key: f"/Volumes/{one['catalog_name']}/{one['schema_name']}/{one['name']}" for key, one in volumes.items()
    }
    assert folders == {
        "landing": environment.landing,
        "reports": environment.reports,
        # As Spark calls it, where its own way to a local file is closed.
        "scratch": str(environment.mlflow.scratch).removeprefix("dbfs:"),
    }
    outcome = command_of(resources["jobs"]["deploy"]["tasks"][0]["python_wheel_task"]["parameters"]).params["outcome"]
    assert str(outcome).startswith(f"{environment.reports}/")


def test_targets_share_nothing_and_only_dev_runs_as_whoever_deploys() -> None:
    bundles = {target: bundle_of(target) for target in TARGETS}
    environments = [load_environment(one["variables"]["environment"], ROOT) for one in bundles.values()]
    for told in (
        [one.tables.catalog for one in environments],
        [one.mlflow.models for one in environments],
        [one.mlflow.experiments for one in environments],
        [one["workspace"]["root_path"] for one in bundles.values()],
    ):
        assert len(set(told)) == len(TARGETS), told
    assert {target for target, one in bundles.items() if "service_principal_name" in one.get("run_as", {})} == {
        "staging",
        "prod",
    }
    assert [target for target, one in bundles.items() if one.get("default")] == ["dev"]
    assert bundles["dev"]["mode"] == "development"
    assert bundles["prod"]["git"] == {"branch": "main"}


@pytest.mark.parametrize("target", TARGETS)
def test_jobs_are_what_the_jobs_api_of_databricks_knows(target: str) -> None:
    """Its client drops what it does not know, and refuses values that are none of its words."""
    for name, job in jobs_of(target).items():
        assert JobSettings.from_dict(job).as_dict() == job, name


def test_clusters_calculate_as_sessions_of_the_suite_do() -> None:
    clusters = [one["new_cluster"] for job in jobs_of("prod").values() for one in job.get("job_clusters", [])]
    assert clusters
    assert all(one["spark_conf"] == dict.fromkeys((JAVA_OPTIONS, EXECUTOR_OPTIONS), ARITHMETIC) for one in clusters)


def test_a_model_rests_in_a_volume_that_spark_and_this_process_call_by_their_own_names() -> None:
    scratch = load_environment("databricks", ROOT).mlflow.scratch
    assert scratch == "dbfs:/Volumes/solvent_prod/solvent/scratch"
    assert located(scratch)[1] == "/Volumes/solvent_prod/solvent/scratch"


def test_the_session_of_the_platform_is_taken_as_it_is(spark: SparkSession, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = load_environment("local", ROOT)
    settings = environment.spark.model_copy(update={"settings": {"spark.solvent.test": "set"}})
    asking = environment.model_copy(update={"spark": settings})
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    assert made(asking) is spark
    assert spark.conf.get("spark.solvent.test", None) is None
    assert environment_facts({}, ROOT)["runtime"] == "17.3"
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION")
    assert "runtime" not in environment_facts({}, ROOT)


def test_tests_that_ran_elsewhere_are_not_run_again(tmp_path: Path) -> None:
    settings = load_settings("flights", "local", ROOT).within(tmp_path)
    assert settings.project.deploy.tests
    nothing: tuple[()] = ()
    plan = Plan(
        *("flights", "local", "0123", False, TRAIN, "no model yet", None, None, date(2013, 8, 2)),
        *(nothing, nothing, nothing, nothing),
    )
    said: list[str] = []
    Deployment(settings, plan, "local", Progress(said.append), lambda: settings.warehouse, tested=True).run_tests()
    assert said == []


def test_a_mistake_in_a_job_would_be_seen() -> None:
    job = jobs_of("prod")["watch"]
    for wrong in ({"max_concurent_runs": 1}, {"tasks": [{**job["tasks"][0], "run_when": "ALL_DONE"}]}):
        assert JobSettings.from_dict({**job, **wrong}).as_dict() != {**job, **wrong}
    with pytest.raises(click.NoSuchOption):
        command_of(["--root", str(ROOT), "score", "--projekt", "flights"])


@pytest.mark.skipif(
    shutil.which("databricks") is None, reason="the Databricks CLI, which has the schema, is not on PATH"
)
def test_the_bundle_is_valid_by_the_schema_of_the_databricks_cli(tmp_path: Path) -> None:
    schema = tmp_path / "schema.json"
    schema.write_bytes(subprocess.run(["databricks", "bundle", "schema"], check=True, capture_output=True).stdout)

    def checked(path: Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema), str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    done = checked(ROOT / "databricks.yml")
    assert done.returncode == 0, done.stdout
    wrong = tmp_path / "databricks.yml"
    wrong.write_text((ROOT / "databricks.yml").read_text().replace("entry_point", "entrypoint"))
    assert checked(wrong).returncode == 1
