"""A project whose tables, landing files and artifacts are on a store that speaks S3's protocol."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
import yaml

from solvent.config.environment import load_environment
from solvent.errors import ConfigurationError

ROOT = Path(__file__).resolve().parents[2]
KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
# All in one session, which has other jars than that of the tests; then the same in folders, to compare with.
WHOLE = """
import json
import sys
from pathlib import Path
from solvent.cli import main
from solvent.config.environment import load_environment
from solvent.registry import Registry

def solvent(environment, command, *words):
    main(["--root", sys.argv[1], command, "--project", "shop", "--environment", environment, *words], standalone_mode=False)

def manifest(environment, alias):
    registry = Registry(load_environment(environment, Path(sys.argv[1])).mlflow, "shop")
    version = registry.find("shop", alias)
    registry.verify(version)
    return dict(registry.manifest(version).document)

# The shop has one before; it is not the one that this environment names.
registry = (Path(sys.argv[1]) / "var/mlflow.db").read_bytes()
solvent("s3", "pipeline", "--as-of", "2024-03-01", "--release")
solvent("s3", "score", "--since", "2024-02-20", "--until", "2024-02-22")
solvent("s3", "ingest")
written = sorted(path.name for path in (Path(sys.argv[1]) / "var").iterdir())
kept = (Path(sys.argv[1]) / "var/mlflow.db").read_bytes() == registry
solvent("local", "ingest")
solvent("local", "train", "--as-of", "2024-03-01")
print(json.dumps({"s3": manifest("s3", "champion"), "local": manifest("local", "challenger"), "written": written, "kept": kept}))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, free_port: Callable[[], int]) -> Iterator[str]:
    """The address of moto's server, with a bucket solvent."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    with (tmp_path_factory.mktemp("moto") / "log").open("wb") as log:
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            for _ in range(300):
                try:
                    requests.get(address, timeout=5)
                    break
                except requests.RequestException:
                    assert process.poll() is None
                    time.sleep(0.2)
            yield address
        finally:
            process.kill()
            process.wait()


def on_s3(shop: Any, address: str) -> None:
    """Gives a Shop the environment s3.yml of this repository with a store of its own, and puts its landing files there."""
    found = yaml.safe_load((ROOT / "conf/environments/s3.yml").read_text())
    found["mlflow"]["tracking_uri"] = "sqlite:///var/s3/mlflow.db"
    found["spark"]["jars"] = [str(ROOT / ".jars"), str(ROOT / ".jars-s3")]
    found["spark"]["settings"] |= {
        "spark.hadoop.fs.s3a.endpoint": address,
        "spark.hadoop.fs.s3a.path.style.access": True,
    }
    (shop.root / "conf/environments/s3.yml").write_text(yaml.safe_dump(found))
    shop.commit()


def environ(shop: Any, address: str) -> dict[str, str]:
    """The variables of a process that knows the store."""
    return {**shop.environ, **KEYS, "MLFLOW_S3_ENDPOINT_URL": address}


@pytest.mark.long
@pytest.mark.skipif(not (ROOT / ".jars-s3").is_dir(), reason="the jars that S3 needs are not there: run `make jars-s3`")
def test_a_model_made_on_s3_is_the_one_made_in_folders(shop: Any, store: str) -> None:
    on_s3(shop, store)
    client = boto3.client(
        "s3", endpoint_url=store, region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    client.create_bucket(Bucket="solvent")
    for path in shop.landing.rglob("*.csv"):
        client.upload_file(str(path), "solvent", f"landing/shop/{path.relative_to(shop.landing)}")
    command = [sys.executable, "-c", WHOLE, str(shop.root)]
    done = subprocess.run(command, cwd=shop.root, env=environ(shop, store), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "shop version 1 is champion" in done.stdout
    assert "scored 60 rows" in done.stdout
    assert "no new files" in done.stdout
    told = json.loads(done.stdout.splitlines()[-1])
    # All that was written is in the bucket, but for pages and MLflow's database.
    assert told["written"] == ["landing", "mlflow.db", "s3"]
    assert told["kept"]
    assert sorted(path.name for path in (shop.root / "var/s3").iterdir()) == ["mlflow.db", "reports"]
    pages = client.get_paginator("list_objects_v2").paginate(Bucket="solvent")
    keys = [one["Key"] for page in pages for one in page["Contents"]]
    tables = {key.split("/")[2] for key in keys if key.startswith("tables/shop/") and "/_delta_log/" in key}
    assert {"source_orders", "feature_builds", "manifests", "decisions", "score_batches"} <= tables
    assert [key for key in keys if key.startswith("artifacts/shop/") and key.endswith("/MLmodel")]
    remote, local = told["s3"], told["local"]
    for part in ("code", "model_digest", "predictions_digest", "metrics"):
        assert remote[part] == local[part], part
    assert remote["features"]["digest"] == local["features"]["digest"]
    assert [pin["digest"] for pin in remote["pins"]] == [pin["digest"] for pin in local["pins"]]


@pytest.mark.long
@pytest.mark.skipif(not (ROOT / ".jars-s3").is_dir(), reason="the jars that S3 needs are not there: run `make jars-s3`")
def test_a_store_that_does_not_answer_is_one_line(shop: Any) -> None:
    on_s3(shop, "http://127.0.0.1:1")
    started = time.monotonic()
    command = [sys.executable, "-m", "solvent.cli", "--root", str(shop.root), "ingest", "--environment", "s3"]
    done = subprocess.run(command, cwd=shop.root, env=environ(shop, "x"), capture_output=True, text=True)
    assert done.returncode == 1, done.stdout + done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(said) == 1
    assert said[0].startswith("error: s3a://solvent/tables/shop/ingest_files: its store cannot be asked (")
    assert time.monotonic() - started < 240


def test_what_is_not_written_to_s3_is_refused_before_anything_starts(tmp_path: Path) -> None:
    found = yaml.safe_load((ROOT / "conf/environments/s3.yml").read_text())
    path = tmp_path / "other.yml"
    for key, value, said in (
        ("reports", "s3a://solvent/reports", "pages are not written to an object store"),
        ("mlflow", {**found["mlflow"], "artifacts": "s3a://solvent/artifacts"}, "write s3://solvent/artifacts"),
    ):
        path.write_text(yaml.safe_dump({**found, key: value}))
        with pytest.raises(ConfigurationError, match=said):
            load_environment(str(path), tmp_path)
    assert load_environment("s3", ROOT).spark.jars == (f"{ROOT}/.jars", f"{ROOT}/.jars-s3")
