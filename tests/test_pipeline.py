"""The whole life of a small model: made, made again, released, rolled back; on real Spark, Delta, MLflow and git."""

from __future__ import annotations

import gc
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import date
from importlib import import_module, reload
from pathlib import Path
from typing import Any

import mlflow
import pytest
from click.testing import CliRunner, Result
from pyspark.ml import PipelineModel
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from solvent.cli import main
from solvent.errors import IntegrityError, RefusedError
from solvent.features import builds
from solvent.jobs.build_features import build_feature_table
from solvent.jobs.evaluate import evaluate_version
from solvent.jobs.ingest import ingest_files
from solvent.jobs.release import gate_results, release_version
from solvent.jobs.train import train_models
from solvent.registry import CHALLENGER, CHAMPION, PREVIOUS, ModelVersion, Registry
from solvent.release import decisions, promote, rollback
from solvent.reproduction import reproduce
from solvent.sources.pins import Pin


def solvent(shop: Any, *words: str) -> Result:
    return CliRunner().invoke(main, ["--root", str(shop.root), *words])


def pipeline(shop: Any, *words: str) -> Result:
    return solvent(shop, "pipeline", "--as-of", shop.as_of.isoformat(), *words)


def pipeline_that_loads(shop: Any) -> tuple[Result, list[str]]:
    """A pipeline that releases, and the models that it reads."""
    loaded: list[str] = []
    load = Registry.load

    def loading(registry: Registry, version: ModelVersion) -> PipelineModel:
        loaded.append(str(version))
        return load(registry, version)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Registry, "load", loading)
        return pipeline(shop, "--release"), loaded


TABLES = (
    "source_orders",
    "source_customers",
    "quarantine",
    "ingest_batches",
    "feature_builds",
    "manifests",
    "evaluations",
    "decisions",
)
# When it happened is the only thing that may differ between two runs.
CLOCK = (
    "ingested_at",
    "decided_at",
    "version_timestamp",
    "table_id",
    "pins",
    "manifest",
    "manifest_digest",
    "modified",
    "digest",
)


def contents(shop: Any, spark: SparkSession) -> dict[str, list[str]]:
    found = {}
    for table in TABLES:
        path = shop.root / "var/tables/shop" / table
        if path.is_dir():
            rows = spark.read.format("delta").load(str(path)).drop(*CLOCK).collect()
            found[table] = sorted(str(row) for row in rows)
    return found


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where this process keeps what it needs for a while."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture(scope="module")
def made(make_shop: Any, scratch: Path) -> Any:
    """A Shop whose first model is champion; tests only add to it."""
    shop = make_shop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(scratch))
        result = pipeline(shop, "--release")
    assert result.exit_code == 0, result.output
    return shop


def test_nothing_temporary_is_left(made: Any, scratch: Path) -> None:
    gc.collect()  # the files of a model are there as long as it is
    assert list(scratch.iterdir()) == []


def test_one_command_makes_a_champion_with_tables_manifest_and_report(made: Any, spark: SparkSession) -> None:
    registry = made.run().registry
    champion = registry.by_alias("shop", CHAMPION)
    assert champion is not None
    assert champion.version == 1
    manifest = registry.manifest(champion)
    assert manifest["commit"] == {"hash": made.git("rev-parse", "HEAD").strip(), "branch": "main", "dirty": False}
    assert manifest["training"]["rows"] > 500
    assert manifest["holdout"]["never_labelled"] > 0
    rows = spark.read.format("delta").load(str(made.root / "var/tables/shop/evaluations"))
    assert {(row.model, row.slice) for row in rows.collect()} == {
        (model, slice) for model in ("shop", "shop_baseline") for slice in ("all", "region")
    }
    assert manifest["metrics"]["auc"] == rows.where("model = 'shop' AND slice = 'all' AND metric = 'auc'").first().value
    page = (made.root / "var/reports/shop/version_1.html").read_text()
    assert manifest.digest in page
    assert "made champion" in page
    # Every metric has its lead over the baseline with an interval, by days.
    assert (
        len(re.findall(r'<td class="n lead" title="[^"]+, 10 days">-?[\d.]+<span class="range">-?[\d.]+ to ', page))
        == 4
    )
    features = page.split("<h2>Features</h2>")[1]
    assert "box tall" not in features
    shares = re.findall(r'<tr class="feature"><th scope="row"><code>(\w+)</code>.*?([\d.]+) %</td>', features)
    assert {name for name, _ in shares} == {"order_amount", "hour", "returns_14d", "region"}
    percents = [float(share) for _, share in shares]
    assert percents == sorted(percents, reverse=True)
    assert sum(percents) == pytest.approx(100, abs=0.3)
    run = registry.client.get_run(champion.run_id)
    assert run.data.params["params.maxDepth"] == "3"
    assert run.data.metrics["auc"] == manifest["metrics"]["auc"]
    assert {one.dataset.name for one in run.inputs.dataset_inputs} == {"orders", "customers"}
    columns = mlflow.models.get_model_info(champion.source).signature.inputs.input_names()
    assert columns == ["order_amount", "hour", "returns_14d", "region"]


def test_a_second_run_changes_nothing_and_says_so(made: Any, spark: SparkSession) -> None:
    before = contents(made, spark)
    result = pipeline(made, "--release")
    assert result.exit_code == 0, result.output
    assert contents(made, spark) == before
    for said in (
        "no new files",
        "features   there already",
        "shop version 1 there already",
        "all there already",
        "html there already",
    ):
        assert said in result.output, result.output


def test_a_model_is_made_again_exactly_after_more_data_came(made: Any, spark: SparkSession) -> None:
    made.land_orders(date(2024, 3, 1), date(2024, 3, 10))
    assert solvent(made, "ingest").exit_code == 0
    result = solvent(made, "reproduce")
    assert result.exit_code == 0, result.output
    assert "identical: shop version 1 was made again exactly" in result.output
    baseline = solvent(made, "reproduce", "--baseline", "--model", "1")
    assert "identical: shop_baseline version 1 was made again exactly" in baseline.output


def test_what_was_made_with_another_lock_is_not_there_already(made: Any) -> None:
    lock = made.root / "requirements.lock"
    registry = made.run().registry
    first = registry.find("shop", "1")
    said: list[str] = []

    def run_on_its_data() -> Any:
        # More has been ingested since.
        pins = tuple(Pin(**pin) for pin in registry.manifest(first)["pins"])
        return replace(made.run(say=said.append), given_pins=pins)

    try:
        lock.write_text("click==8.1.8\n")
        run = run_on_its_data()
        assert build_feature_table(run).build != run.registry.manifest(first)["features"]["build"]
        evaluate_version(run, first)
    finally:
        lock.unlink()
    assert [line.split()[1] for line in said if line.startswith("features")] == ["built"]
    assert not any("all there already" in line for line in said)
    again = run_on_its_data()
    evaluate_version(again, first)
    assert build_feature_table(again).build == again.registry.manifest(first)["features"]["build"]
    assert "all there already" in said[-2]


def test_a_changed_value_in_a_source_is_named(made: Any, spark: SparkSession, tmp_path: Path) -> None:
    run = made.run()
    registry = run.registry
    copy = tmp_path / "tables"
    shutil.copytree(made.root / "var/tables", copy)
    folder = copy / "shop/source_customers"
    (path,) = (one for one in folder.glob("*.parquet") if spark.read.parquet(str(one)).where("customer = 'c3'").count())
    changed = spark.read.parquet(str(path)).withColumn(
        "region", F.when(F.col("customer") == "c3", F.lit("north!")).otherwise(F.col("region"))
    )
    changed.coalesce(1).write.parquet(str(tmp_path / "changed"))
    (part,) = (tmp_path / "changed").glob("*.parquet")
    log = folder / "_delta_log" / f"{1:020}.json"
    log.write_text(log.read_text().replace(f'"size":{path.stat().st_size}', f'"size":{part.stat().st_size}'))
    shutil.copy(part, path)
    for checksum in {*folder.rglob("*.crc"), *folder.rglob(".*.crc")}:
        checksum.unlink()
    environment = run.settings.environment
    elsewhere = environment.model_copy(update={"tables": environment.tables.model_copy(update={"path": str(copy)})})
    found = list(reproduce(spark, elsewhere, registry, registry.find("shop", "1"), made.root))
    assert [finding.part for finding in found if not finding.identical] == ["input customers"]
    assert "content recorded" in found[-2].detail


def test_other_code_is_checked_out_from_the_commit_of_the_manifest(made: Any, shop_package: Path) -> None:
    path = made.root / "lib/shop/features.py"
    path.write_text(path.read_text().replace('F.hour("placed")', 'F.hour("placed") + 1'))
    made.commit()
    paths = os.pathsep.join([str(made.root / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])])
    words = [sys.executable, "-m", "solvent.cli", "reproduce", "--model", "1"]
    done = subprocess.run(
        words,
        cwd=made.root / "conf",
        env={**os.environ, "PYTHONPATH": paths, "JAVA_TOOL_OPTIONS": "-Dsay.so=true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    # A session has started, features were built and a model trained: all that is said of it is the suite's own.
    assert done.stderr == ""
    own = re.compile(r"(shop|reproduce +shop|identical: shop) version 1 .*|[a-z]+( [a-z]+)? +identical .*")
    assert [line for line in done.stdout.splitlines() if not own.fullmatch(line)] == []
    assert "shop version 1 was made by the code of commit" in done.stdout
    assert "identical: shop version 1 was made again exactly" in done.stdout
    assert made.git("worktree", "list").count("\n") == 1
    present = shop_package / "shop/features.py"
    text = present.read_text()
    try:
        present.write_text(path.read_text())
        reload(import_module("shop.features"))
        with_present_code = solvent(made, "reproduce", "--model", "1", "--here")
    finally:
        present.write_text(text)
        reload(import_module("shop.features"))
    assert with_present_code.exit_code == 3, with_present_code.output
    assert "code             DIFFERS" in with_present_code.output
    assert "features         DIFFERS" in with_present_code.output


def test_a_manifest_whose_text_was_changed_is_refused(made: Any) -> None:
    registry = made.run().registry
    version = registry.find("shop", "1")
    (path,) = (made.root / "var/artifacts").rglob(f"{version.run_id}/artifacts/manifest.json")
    text = path.read_text()
    try:
        path.write_text(text.replace('"seed":1', '"seed":2'))
        with pytest.raises(IntegrityError, match="its text was changed"):
            registry.manifest(version)
        assert solvent(made, "reproduce").exit_code == 3
    finally:
        path.write_text(text)


def test_changed_model_files_are_never_loaded(made: Any) -> None:
    registry = made.run().registry
    version = registry.find("shop", "1")
    (path,) = (made.root / "var/artifacts").rglob(
        f"{version.source.removeprefix('models:/')}/artifacts/sparkml/stages/*Imputer*/metadata/part-00000*.txt"
    )
    text = path.read_text()
    try:
        path.write_text(text.replace('"mean"', '"median"', 1))
        with pytest.raises(IntegrityError, match=r"shop version 1: the digest of its files is"):
            registry.load(version)
    finally:
        path.write_text(text)
    assert registry.load(version).stages


def test_a_holdout_of_one_class_is_refused_and_nothing_is_registered(make_shop: Any) -> None:
    shop = make_shop()
    (path,) = (shop.landing / "orders").iterdir()
    header, *lines = path.read_text().splitlines()
    kept = [line if line.split(",")[2] < "2024-02-15" else line.rpartition(",")[0] + ",0" for line in lines]
    path.write_text("\n".join([header, *kept]) + "\n")
    refused = pipeline(shop, "--release")
    assert refused.exit_code == 1, refused.output
    said = refused.output.splitlines()[-1]
    assert said.startswith(
        "error: the holdout window, 2024-02-18 00:00 to 2024-02-28 00:00 UTC, has 300 labels, all of them 0"
    )
    run = shop.run()
    assert run.registry.versions("shop") == []
    assert not run.warehouse.exists("manifests")


class KilledError(BaseException):
    """As sudden as a signal: nothing handles it."""


def killed(*_: Any, **__: Any) -> None:
    raise KilledError


def test_a_pipeline_killed_anywhere_is_finished_by_the_next(make_shop: Any, spark: SparkSession) -> None:
    """Killed before each step that writes: at the end there is what an uninterrupted run leaves."""
    shop = make_shop()
    ingest_files(shop.run())
    training = import_module("solvent.training.train")
    for owner, step in (
        (builds, "append_build"),  # the build is written, and not in the ledger
        (Registry, "register"),  # the run is logged, and no version made
        (training, "append_manifest"),  # the version is made, and its manifest is not in the table
        (training, "append_evaluation"),  # the manifest is there, and the evaluation is not
        (Registry, "set_alias"),  # there is no challenger
    ):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(owner, step, killed)
            with pytest.raises(KilledError):
                train_models(shop.run())
    run = shop.run()
    version, baseline = train_models(run)
    assert (version.version, baseline.version) == (1, 1)
    assert run.registry.by_alias("shop", CHALLENGER) == version
    review = evaluate_version(run, version)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Registry, "set_alias", killed)
        with pytest.raises(KilledError):
            release_version(run, review)
    release_version(run, review)
    assert run.registry.by_alias("shop", CHAMPION) == version
    found = {name: run.warehouse.read(name).count() for name in ("feature_builds", "manifests", "decisions")}
    assert found == {"feature_builds": 1, "manifests": 2, "decisions": 1}
    rows = run.warehouse.read("evaluations")
    assert rows.count() == rows.dropDuplicates(["model", "slice", "slice_value", "metric"]).count() == 2 * 4 * 3
    runs = run.registry.client.search_runs([run.registry.experiment])
    assert {one.info.status for one in runs} == {"FAILED", "FINISHED"}


def test_a_dirty_tree_is_refused_for_release_and_recorded_otherwise(made: Any) -> None:
    stray = made.root / "stray.txt"
    stray.write_text("not committed")
    try:
        result = pipeline(made, "--release")
        assert result.exit_code == 3
        assert "has changes that no commit holds (stray.txt): a model" in result.output
        assert made.run().commit.dirty
    finally:
        stray.unlink()


def test_a_worse_challenger_is_refused_and_a_better_one_can_be_taken_back(made: Any, spark: SparkSession) -> None:
    made.configure("maxIter: 2, maxDepth: 3", "maxIter: 1, maxDepth: 1")
    made.configure("at_least: 0.55", "at_least: 0.99")
    refused, loaded = pipeline_that_loads(made)
    assert refused.exit_code == 3, refused.output
    # The models just made are used as they are, and the champion was measured on the same rows before.
    assert loaded == []
    assert "auc at least 0.99: 0." in refused.output
    run = made.run()
    registry, warehouse = run.registry, run.warehouse
    assert registry.by_alias("shop", CHAMPION).version == 1
    assert [one.passed for one in decisions(warehouse)] == [True, False]
    made.configure("at_least: 0.99", "at_least: 0.5")
    made.configure("by: 0.05", "by: 0.5, confidence: 0.95")
    accepted, loaded = pipeline_that_loads(made)
    assert accepted.exit_code == 0, accepted.output
    # All was measured before; the page tells what the model makes of its features.
    assert loaded == ["shop version 2"]
    assert "compare    challenger with champion on 10 days" in accepted.output
    (paired,) = [gate for gate in decisions(warehouse)[-1].gates if gate.rule.endswith("with 95% confidence")]
    assert paired.reason.endswith("(DeLong by day, 10 days)")
    # Gates are not applied again to a champion, and what they said is what the page tells.
    settled = solvent(made, "release")
    assert (settled.exit_code, "compare" in settled.output) == (0, False), settled.output
    run = made.run()
    champion = registry.by_alias("shop", CHAMPION)
    assert gate_results(run, evaluate_version(run, champion)) == list(decisions(warehouse)[-1].gates)
    assert paired.reason in (made.root / f"var/reports/shop/version_{champion.version}.html").read_text()
    second = registry.by_alias("shop", CHAMPION).version
    assert second > 1
    assert registry.by_alias("shop", PREVIOUS).version == 1
    # It starts no Spark, so that it takes seconds.
    back = [sys.executable, "-m", "solvent.cli", "--root", str(made.root), "rollback", "--project", "shop"]
    without_java = {**os.environ, "JAVA_HOME": str(made.root / "no java")}
    said = subprocess.run(
        [*back, "--reason", "it disappoints"], env=without_java, capture_output=True, text=True, check=True
    ).stdout
    assert said == f"shop version 1 is champion again; version {second} was rolled back\n"
    assert registry.by_alias("shop", CHAMPION).version == 1
    with pytest.raises(RefusedError, match="is the first champion"):
        rollback(warehouse, registry, "shop", "further back")
    again = pipeline(made, "--release")
    assert again.exit_code == 3
    assert "was rolled back (it disappoints)" in again.output
    promote(warehouse, registry, registry.find("shop", str(second)), "it was right after all")
    assert registry.by_alias("shop", CHAMPION).version == second
    assert [one.kind for one in decisions(warehouse)] == ["release", "release", "release", "rollback", "promote"]
