"""Where things are: one way to address tables, absolute paths, and mistakes named with file and key."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from solvent.config.environment import Environment, load_environment
from solvent.errors import ConfigurationError
from solvent.identity.worktree import environment_file

ROOT = Path(__file__).resolve().parents[2]
LOCAL: dict[str, Any] = {
    "tables": {"path": "var/tables"},
    "landing": "var/landing",
    "reports": "var/reports",
    "mlflow": {"tracking_uri": "sqlite:///var/mlflow.db", "artifacts": "var/artifacts"},
}


def load(root: Path, values: dict[str, Any] | str) -> Environment:
    path = root / "conf/environments/here.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(values if isinstance(values, str) else yaml.safe_dump(values, sort_keys=False))
    return load_environment("here", root)


def with_key(key: str, value: Any) -> dict[str, Any]:
    section, _, inner = key.partition(".")
    return {**LOCAL, section: {**LOCAL.get(section, {}), inner: value} if inner else value}


NAME = "use lower case letters, digits and _, starting with a letter"


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("landng", "x", "landng: unknown key; did you mean 'landing'?"),
        ("mlflow.traking_uri", "x", "mlflow.traking_uri: unknown key; did you mean 'tracking_uri'?"),
        ("tables.shema", "x", "tables.shema: unknown key; did you mean 'schema'?"),
        ("spark.setings", {}, "spark.setings: unknown key; did you mean 'settings'?"),
        ("landing", None, "landing: found None; input should be a valid string"),
        ("spark.master", 3, "spark.master: found 3; input should be a valid string"),
        ("spark.settings", {"a": [1]}, "spark.settings.a"),
        ("tables", "var/tables", "tables: found 'var/tables'"),
        ("tables", {}, "tables: give either path, or schema (with catalog where there are catalogs)"),
        ("tables", {"path": "a", "schema": "b"}, "tables: give either path, or schema"),
        ("tables", {"path": "a", "catalog": "b"}, "tables: catalog needs schema"),
        ("tables", {"schema": "Sales"}, f"tables.schema: found 'Sales'; {NAME}"),
        ("tables", {"schema": "a", "catalog": "a.b"}, f"tables.catalog: found 'a.b'; {NAME}"),
        ("tables", {"schema": "a`; DROP TABLE b"}, f"tables.schema: found 'a`; DROP TABLE b'; {NAME}"),
        ("mlflow", {}, "mlflow.tracking_uri: is missing"),
        (
            "webhook",
            "ftp://host/hook",
            "webhook: give a URL that starts with http:// or https://",
        ),
        ("webhook", "https:///hook", "webhook: give a URL"),
        ("webhook", "${HOOK}", "webhook: give a URL"),
        ("webhook", {"url": "https://host/hook"}, "webhook: give a URL"),
        ("mlflow.models", "solvent", "mlflow.models: found 'solvent'; give catalog.schema, both of lower case letters"),
        ("mlflow.models", "main.Solvent", "mlflow.models: found 'main.Solvent'; give catalog.schema"),
        ("mlflow.models", "main.a.b", "mlflow.models: found 'main.a.b'; give catalog.schema"),
        ("mlflow.registry_uri", "databricks-uc", "mlflow: models are registered in Unity Catalog by three names; give"),
        ("mlflow.tracking_uri", "databricks", "mlflow: experiments of Databricks are paths; give experiments, such as"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(tmp_path: Path, key: str, value: Any, says: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path, with_key(key, value))
    assert f"{tmp_path}/conf/environments/here.yml: {says}" in str(caught.value)
    # A part of a webhook's address is often a secret.
    assert "host/hook" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_key_given_twice_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"here\.yml:8:1: the key 'landing' is given twice"):
        load(tmp_path, yaml.safe_dump(LOCAL, sort_keys=False) + "landing: elsewhere\n")
    with pytest.raises(ConfigurationError, match=r"hre\.yml: no such file \(did you mean 'here\.yml'\?\)"):
        load_environment("hre", tmp_path)


def test_relative_paths_are_taken_from_the_root_wherever_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    found = load(tmp_path, {**LOCAL, "spark": {"jars": ".jars"}})
    assert (found.name, found.tables.path, found.landing) == (
        "here",
        f"{tmp_path}/var/tables",
        f"{tmp_path}/var/landing",
    )
    assert (found.reports, found.spark.jars) == (f"{tmp_path}/var/reports", (f"{tmp_path}/.jars",))
    assert found.mlflow.tracking_uri == f"sqlite:///{tmp_path}/var/mlflow.db"
    assert found.mlflow.artifacts == f"{tmp_path}/var/artifacts"
    assert load_environment(f"{tmp_path}/conf/environments/here.yml", tmp_path) == found


@pytest.mark.parametrize("path", ["/data/x", "s3://bucket/x", "dbfs:/x", "abfss://a@b/x"])
def test_absolute_paths_and_addresses_stay(tmp_path: Path, path: str) -> None:
    found = load(tmp_path, {**LOCAL, "tables": {"path": path}, "landing": path})
    assert (found.tables.path, found.landing) == (path, path)


@pytest.mark.parametrize("uri", ["databricks", "https://mlflow.example.org", "sqlite:////data/mlflow.db"])
def test_tracking_addresses_stay(tmp_path: Path, uri: str) -> None:
    mlflow = {"tracking_uri": uri, "registry_uri": uri, "experiments": "/Shared/solvent_"}
    found = load(tmp_path, {**LOCAL, "mlflow": mlflow})
    assert (found.mlflow.tracking_uri, found.mlflow.registry_uri) == (uri, uri)


def test_tables_of_a_catalog(tmp_path: Path) -> None:
    found = load(tmp_path, {**LOCAL, "tables": {"catalog": "main", "schema": "ml"}}).tables
    assert (found.path, found.catalog, found.schema_name) == (None, "main", "ml")


def test_all_environments_of_the_repository_are_valid() -> None:
    files = sorted((ROOT / "conf/environments").glob("*.yml"))
    assert files
    for path in files:
        assert load_environment(path.stem, ROOT).name == path.stem


def test_an_environment_is_named_by_its_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="name: unknown key"):
        load(tmp_path, {**LOCAL, "name": "other"})


def test_a_key_has_one_spelling(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="schema_name: unknown key"):
        load(tmp_path, {**LOCAL, "tables": {"schema_name": "ml"}})


def test_a_folder_is_no_tracking_address(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"mlflow\.tracking_uri: found 'mlruns'"):
        load(tmp_path, {**LOCAL, "mlflow": {"tracking_uri": "mlruns"}})


def test_a_webhook_may_be_that_of_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = load(tmp_path, with_key("webhook", "$HOOK"))
    monkeypatch.delenv("HOOK", raising=False)
    with pytest.raises(ConfigurationError, match=r"environment here: webhook: the variable HOOK is not set$"):
        _ = named.webhook_url
    monkeypatch.setenv("HOOK", "ftp://host/secret")
    with pytest.raises(ConfigurationError, match="the variable HOOK holds no URL") as caught:
        _ = named.webhook_url
    assert "secret" not in str(caught.value)
    monkeypatch.setenv("HOOK", "https://host/secret")
    assert named.webhook_url == "https://host/secret"
    literal = load(tmp_path, with_key("webhook", "https://host/secret"))
    assert literal.webhook_url == "https://host/secret"
    assert load(tmp_path, with_key("webhook", None)).webhook_url is None
    for one in (named, literal):
        assert "secret" not in repr(one)
        # A checkout of another commit is given the same environment in a file.
        with environment_file(one) as path:
            assert "webhook" not in yaml.safe_load(path.read_text())
            assert load_environment(str(path), tmp_path).reports == one.reports
