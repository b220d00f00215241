"""The same wheel makes the same model wherever Spark runs: features, model and predictions have the same digests, metrics are equal.

A standalone master, its workers and a Connect server are processes on the loopback interface.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import psutil
import pyspark
import pytest
import yaml

from flights.staging import stage
from solvent.config.environment import load_environment
from solvent.identity import Manifest
from solvent.jobs.ingest import ingest_files
from solvent.jobs.train import train_models
from solvent.registry import Registry
from solvent.session import ARITHMETIC, DELTA, EXECUTOR_OPTIONS, JAVA_OPTIONS, jars_in, keeping_commits

ROOT = Path(__file__).resolve().parent.parent.parent
SPARK = Path(pyspark.__file__).parent
PATIENCE = 300


def spark_environ(**more: str) -> dict[str, str]:
    """The variables of a Spark process that knows nothing of this checkout's lib."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("SPARK_", "PYSPARK_"))}
    inherited.pop("PYTHONPATH", None)
    own = {"SPARK_HOME": str(SPARK), "SPARK_LOCAL_HOSTNAME": "localhost", "PYSPARK_PYTHON": sys.executable}
    return {**inherited, **own, **more}


def wait_until(holds: Callable[[], bool], what: str, log: Path) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come within {PATIENCE} s:\n{log.read_text()[-3000:]}")
        time.sleep(0.2)


def answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def process(log: Path, *command: str | Path, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with all it starts, ended with the block."""
    with log.open("wb") as out:
        started = subprocess.Popen(
            command,
            env=spark_environ(**more),
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            cwd=log.parent,
        )
    try:
        yield started
    finally:
        os.killpg(started.pid, signal.SIGKILL)
        started.wait()


@dataclass(frozen=True)
class Cluster:
    """A standalone cluster: its master's address, and the page that tells of its state."""

    master: str
    page: str

    def state(self) -> dict[str, Any]:
        with urllib.request.urlopen(f"{self.page}/json/", timeout=10) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def alive(self) -> int:
        """Workers that have registered; none while the page is being set up."""
        try:
            return int(self.state()["aliveworkers"])
        except urllib.error.HTTPError:
            return 0


@contextmanager
def cluster(folder: Path, workers: int, port: int, page: int, **first: str) -> Iterator[Cluster]:
    """A master at a port, with its page at another, and workers of one core each, the first with variables of its own."""
    folder.mkdir(parents=True)
    start = [SPARK / "bin/spark-class", "org.apache.spark.deploy.master.Master", "--host", "127.0.0.1"]
    made = Cluster(f"spark://127.0.0.1:{port}", f"http://127.0.0.1:{page}")
    with process(folder / "master.log", *start, "--port", str(port), "--webui-port", str(page)):
        wait_until(lambda: answers(port) and answers(page), "the master", folder / "master.log")
        with several(folder, made.master, workers, **first):
            wait_until(lambda: made.alive() == workers, "all workers", folder / "worker0.log")
            yield made


@contextmanager
def several(folder: Path, master: str, workers: int, **first: str) -> Iterator[None]:
    """Workers of a master."""
    if not workers:
        yield
        return
    one = [SPARK / "bin/spark-class", "org.apache.spark.deploy.worker.Worker", "--host", "127.0.0.1", "--cores", "1"]
    rest = ["--memory", "1g", "--webui-port", "0", "--work-dir", str(folder / f"work{workers - 1}"), master]
    own = first if workers == 1 else {}
    with (
        process(folder / f"worker{workers - 1}.log", *one, *rest, **own),
        several(folder, master, workers - 1, **first),
    ):
        yield


@contextmanager
def connect_server(folder: Path, port: int) -> Iterator[str]:
    """A Connect server with Delta, and the address that clients give."""
    folder.mkdir(parents=True)
    log = folder / "connect.log"
    settings = {
        **DELTA,
        **keeping_commits(jars_in(ROOT / ".jars")),
        JAVA_OPTIONS: ARITHMETIC,
        EXECUTOR_OPTIONS: ARITHMETIC,
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": str(port),
        "spark.databricks.delta.snapshotPartitions": "2",
        "spark.sql.shuffle.partitions": "2",
        "spark.ui.enabled": "false",
    }
    given = [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    server = ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "--master", "local[2]"]
    jars = ["--jars", ",".join(jars_in(ROOT / ".jars"))]
    with process(log, SPARK / "bin/spark-submit", *server, *jars, *given):
        wait_until(lambda: answers(port), "the Connect server", log)
        yield f"sc://127.0.0.1:{port}"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout under a version of its own, so that manifests tell whether it is what ran."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT / "lib", folder / "lib", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    said = (ROOT / "setup.py").read_text()
    assert 'version="0.1.0"' in said
    (folder / "setup.py").write_text(said.replace('version="0.1.0"', 'version="0.1.9"'))
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
    )
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", "."]
    subprocess.run([sys.executable, "-m", "pip", "wheel", *options], cwd=folder, check=True)
    return next((folder / "dist").glob("*.whl"))


@pytest.fixture(scope="session")
def shipped(wheel: Path, shop_package: Path) -> list[Path]:
    """What goes to a cluster: the wheel, and the shop's package."""
    archive = shutil.make_archive(str(wheel.parent / "shop"), "zip", shop_package)
    return [wheel, Path(archive)]


def on_cluster(master: str, shipped: list[Path], job: str) -> list[str]:
    """The command that submits a job, as docs/clusters.md has it."""
    return [
        str(SPARK / "bin/spark-submit"),
        *("--master", master, "--driver-memory", "2g", "--executor-memory", "1g", "--executor-cores", "1"),
        *("--conf", "spark.driver.host=127.0.0.1", "--conf", "spark.driver.bindAddress=127.0.0.1"),
        *("--driver-java-options", ARITHMETIC, "--conf", f"{EXECUTOR_OPTIONS}={ARITHMETIC}"),
        *("--jars", ",".join(jars_in(ROOT / ".jars"))),
        *("--py-files", ",".join(map(str, shipped))),
        str(ROOT / "jobs" / f"{job}.py"),
    ]


def place(root: Path, spark: dict[str, Any]) -> None:
    """Says in the environment file of a project where Spark is."""
    path = root / "conf/environments/local.yml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "spark": spark}))


def made(root: Path, project: str) -> Manifest:
    """The manifest of the challenger of a project."""
    registry = Registry(load_environment("local", root).mlflow, project)
    return registry.manifest(registry.find(project, "challenger"))


def parts(manifest: Manifest) -> dict[str, Any]:
    """What has to be equal everywhere."""
    return {
        "features": manifest["features"]["digest"],
        "model": manifest["model_digest"],
        "predictions": manifest["predictions_digest"],
        "metrics": manifest["metrics"],
    }


def told(where: str, manifest: Manifest) -> str:
    """The parts on one line."""
    found = parts(manifest)
    digests = "  ".join(f"{name} {found[name][:12]}" for name in ("features", "model", "predictions"))
    return f"{where:<42} {digests}  AUC {found['metrics']['auc']:.12f}"


@pytest.fixture(scope="module")
def here(make_shop: Callable[[], Any]) -> Manifest:
    """What the suite's own session makes."""
    shop = make_shop()
    run = shop.run()
    ingest_files(run)
    version, _ = train_models(run)
    found: Manifest = run.registry.manifest(version)
    return found


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str, Manifest], None]:
    """Prints the parts that a place made, also where pytest shows no output."""

    def show(where: str, manifest: Manifest) -> None:
        with capsys.disabled():
            print(f"\n{told(where, manifest)}", end="")

    return show


@pytest.fixture
def require_same_as_here(here: Manifest, tell: Callable[[str, Manifest], None]) -> Callable[[str, Path], None]:
    """Tells what a place made of the shop, and compares it with what this session makes."""

    def require(where: str, root: Path) -> None:
        found = made(root, "shop")
        tell("this session, local[2]", here)
        tell(where, found)
        require_same(found, here)

    return require


def pipeline(root: Path, command: list[str], as_of: str = "2024-03-01", **more: str) -> str:
    """Runs a pipeline in a project's folder, and gives what it said."""
    done = subprocess.run(
        [*command, "--as-of", as_of], cwd=root, env=spark_environ(**more), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    return done.stdout


def require_same(found: Manifest, here: Manifest) -> None:
    """Also that it was the wheel that ran."""
    assert found["environment"]["solvent"] == "0.1.9"
    assert found["code"] == here["code"]
    assert parts(found) == parts(here)


# Minutes each.
pytestmark = pytest.mark.long

# Another number of shuffle partitions than the suite's, on purpose.
ON_A_CLUSTER = {"settings": {"spark.sql.shuffle.partitions": 3, "spark.databricks.delta.snapshotPartitions": 2}}


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_a_standalone_cluster_makes_the_same_model(
    workers: int,
    require_same_as_here: Callable[[str, Path], None],
    make_shop: Callable[[], Any],
    shipped: list[Path],
    free_port: Callable[[], int],
    tmp_path: Path,
) -> None:
    shop = make_shop()
    place(shop.root, ON_A_CLUSTER)
    with cluster(tmp_path / "cluster", workers, free_port(), free_port()) as spark:
        pipeline(shop.root, on_cluster(spark.master, shipped, "pipeline"))
        executors = [app["cores"] for app in spark.state()["completedapps"]]
    assert executors == [workers]
    require_same_as_here(f"standalone, {workers} workers", shop.root)


def test_a_worker_on_another_processor_makes_the_same_model(
    require_same_as_here: Callable[[str, Path], None],
    here: Manifest,
    make_shop: Callable[[], Any],
    shipped: list[Path],
    free_port: Callable[[], int],
    tmp_path: Path,
) -> None:
    """Its executor has vectors of half the width, but for what the suite's sessions tell it."""
    shop = make_shop()
    place(shop.root, ON_A_CLUSTER)
    narrow = {"JAVA_TOOL_OPTIONS": "-XX:UseAVX=0"}
    with cluster(tmp_path / "cluster", 2, free_port(), free_port(), **narrow) as spark:
        pipeline(shop.root, on_cluster(spark.master, shipped, "pipeline"))
    logs = [path.read_text() for path in (tmp_path / "cluster").rglob("work*/*/*/stderr")]
    assert sorted("-XX:UseAVX=0" in log for log in logs) == [False, True]
    require_same_as_here("standalone, a worker without AVX", shop.root)
    assert made(shop.root, "shop").calculation == here.calculation


def test_spark_connect_makes_the_same_model(
    require_same_as_here: Callable[[str, Path], None],
    make_shop: Callable[[], Any],
    shipped: list[Path],
    free_port: Callable[[], int],
    tmp_path: Path,
) -> None:
    shop = make_shop()
    with connect_server(tmp_path / "server", free_port()) as address:
        place(shop.root, {"remote": address})
        shop.commit()
        run = [sys.executable, "-m", "solvent.cli", "pipeline", "--release"]
        said = pipeline(shop.root, run, PYTHONPATH=os.pathsep.join(map(str, shipped)))
    assert "is champion" in said
    require_same_as_here("Spark Connect", shop.root)


def test_an_executor_that_is_killed_changes_nothing(
    require_same_as_here: Callable[[str, Path], None],
    make_shop: Callable[[], Any],
    shipped: list[Path],
    free_port: Callable[[], int],
    tmp_path: Path,
) -> None:
    shop = make_shop()
    place(shop.root, ON_A_CLUSTER)
    with cluster(tmp_path / "cluster", 2, free_port(), free_port()) as spark:
        command = [*on_cluster(spark.master, shipped, "pipeline"), "--as-of", "2024-03-01"]
        with subprocess.Popen(
            command, cwd=shop.root, env=spark_environ(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as running:
            errors = threading.Thread(target=lambda: running.stderr.read())
            errors.start()
            for line in running.stdout:
                if line.startswith("features"):
                    # Its training has begun, and its rows are kept on two executors.
                    time.sleep(1)
                    killed = executors()
                    os.kill(killed[0], signal.SIGKILL)
            errors.join()
        lost = [
            one
            for one in (tmp_path / "cluster").glob("worker*.log")
            if re.search("exited|KILLED|EXITED", one.read_text())
        ]
    assert (running.returncode, len(killed)) == (0, 2)
    assert lost
    require_same_as_here("standalone, one of 2 executors killed", shop.root)


def executors() -> list[int]:
    """The processes that are executors now."""
    return [
        one.pid
        for one in psutil.process_iter(["cmdline"])
        if "org.apache.spark.executor.CoarseGrainedExecutorBackend" in (one.info["cmdline"] or [])
    ]


def test_the_flights_of_a_quarter_make_the_same_model_everywhere(
    tell: Callable[[str, Manifest], None], shipped: list[Path], free_port: Callable[[], int], tmp_path: Path
) -> None:
    """80,000 rows, so that sums of many numbers meet in many orders."""

    def root(name: str, spark: dict[str, Any]) -> Path:
        folder = tmp_path / name
        shutil.copytree(ROOT / "conf", folder / "conf")
        stage(str(folder / "var/landing"), date(2013, 1, 1), date(2013, 3, 31))
        place(folder, spark)
        return folder

    words = ["--project", "flights"]
    here = [sys.executable, "-m", "solvent.cli", "pipeline", *words]
    python = {"as_of": "2013-04-02", "PYTHONPATH": os.pathsep.join(map(str, shipped))}
    found: dict[str, Manifest] = {}

    def keep(where: str, folder: Path) -> None:
        found[where] = made(folder, "flights")
        tell(f"flights, {where}", found[where])

    local = root("local", {"master": "local[2]", "jars": str(ROOT / ".jars")})
    pipeline(local, here, **python)
    keep("local[2]", local)
    for workers in (2, 3):
        folder = root(f"workers{workers}", ON_A_CLUSTER)
        with cluster(tmp_path / f"cluster{workers}", workers, free_port(), free_port()) as spark:
            pipeline(folder, [*on_cluster(spark.master, shipped, "pipeline"), *words], "2013-04-02")
        keep(f"standalone, {workers} workers", folder)
    with connect_server(tmp_path / "server", free_port()) as address:
        folder = root("connect", {"remote": address})
        pipeline(folder, here, **python)
    keep("Spark Connect", folder)
    assert len(found) == 4
    for manifest in found.values():
        require_same(manifest, found["local[2]"])
