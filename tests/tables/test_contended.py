"""Writers in processes of their own that write one table in a folder at the same time: what each is told it has written is there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from threading import Barrier

import pyarrow as pa
import pyspark
import pytest
from deltalake import write_deltalake
from py4j import java_gateway
from py4j.java_gateway import GatewayParameters, JavaGateway, launch_gateway
from py4j.protocol import Py4JJavaError, get_return_value
from pyspark.sql import SparkSession

from solvent.config.environment import Tables, load_environment
from solvent.config.expressions import Column
from solvent.session import jars_in
from solvent.tables.warehouse import Warehouse

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = os.environ.get("SOLVENT_ENVIRONMENT", "local")
COLUMNS = [Column("batch", "STRING")]

# Appends as any program does, with a session that the suite makes, when both begin and then at each round: FOLDER NAME TIMES.
ROUNDS = """
import sys
from pathlib import Path
from solvent.config.environment import load_environment
from solvent.session import session

folder, name, times = sys.argv[1:]
spark = session(load_environment("local", Path.cwd()))
rows = [spark.sql(f"SELECT '{name}-{n}' AS batch") for n in range(int(times))]
print("ready", flush=True)
for row in rows:
    sys.stdin.readline()
    row.write.format("delta").mode("append").save(folder)
    print("written", flush=True)
"""

# Appends by deltalake, or by a Spark of its own: WAREHOUSE NAME TIMES. Says that it is ready, and begins when it is told to.
APPENDS = """
import sys
from pathlib import Path
from solvent.config.environment import Tables, load_environment
from solvent.config.expressions import Column
from solvent.session import session
from solvent.tables.warehouse import Warehouse

path, name, times = sys.argv[1:]
spark = None if name == "deltalake" else session(load_environment("local", Path.cwd()))
warehouse, columns = Warehouse(lambda: spark, Tables(path=path), "shop"), [Column("batch", "STRING")]
rows = [] if spark is None else [spark.range(1).selectExpr(f"'{name}-{n}' AS batch") for n in range(int(times))]
print("ready", flush=True)
sys.stdin.readline()
for n in range(int(times)):
    batch = f"{name}-{n}"
    if spark is None:
        warehouse.append_rows("contended", [{"batch": batch}], columns, batch)
    else:
        warehouse.append("contended", rows[n].coalesce(1), batch)
"""


def started(command: list[str]) -> subprocess.Popen[str]:
    """A process that has said that it is ready."""
    found = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert found.stdout is not None
    assert found.stdout.readline() == "ready\n"
    return found


def begin(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    print(file=process.stdin, flush=True)


def lost(warehouse: Warehouse, told: list[str]) -> list[str]:
    """What was said to be written, and is not there."""
    found = [row["batch"] for row in warehouse.rows("contended")]
    assert len(found) == len(set(found))
    return sorted(set(told) - set(found))


@pytest.fixture
def two_javas(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[JavaGateway]]:
    """Two with Delta's and the suite's jars, and no Spark, so that they do the same at the same time."""
    # pyspark asks its own Java about the errors of any.
    monkeypatch.setattr(java_gateway, "get_return_value", get_return_value)
    spark = Path(pyspark.__file__).parent / "jars"
    parts = ("scala-library", "hadoop-client-api", "hadoop-client-runtime", "slf4j-api")
    ours = [jar for folder in load_environment(ENVIRONMENT, ROOT).spark.jars for jar in jars_in(Path(folder))]
    path = [*ours, *(str(jar) for part in parts for jar in spark.glob(f"{part}-*.jar"))]
    py4j = str(next(spark.glob("py4j*.jar")))
    with ExitStack() as ends:
        found = []
        for _ in range(2):
            port = launch_gateway(jarpath=py4j, classpath=":".join(path), die_on_exit=True)
            found.append(JavaGateway(gateway_parameters=GatewayParameters(port=port)))
            ends.callback(found[-1].shutdown)
        yield found


def test_of_two_javas_that_make_a_version_at_the_same_moment_one_does(
    two_javas: list[JavaGateway], tmp_path: Path
) -> None:
    tick = Barrier(2)

    def made(java: JavaGateway) -> set[str]:
        settings = java.jvm.org.apache.hadoop.conf.Configuration()
        store, found = java.jvm.solvent.FolderLogStore(settings), set()
        for version in range(100):
            name, lines = f"{version:020}.json", java.jvm.java.util.ArrayList()
            lines.add("{}")
            path, content = java.jvm.org.apache.hadoop.fs.Path(f"file:{tmp_path}/{name}"), lines.iterator()
            tick.wait(60)
            try:
                store.write(path, content, False, settings)
            except Py4JJavaError as error:
                if error.java_exception.getClass().getName() != "java.nio.file.FileAlreadyExistsException":
                    raise
            else:
                found.add(name)
        return found

    def made_or_given_up(java: JavaGateway) -> set[str]:
        try:
            return made(java)
        except BaseException:
            # The other would wait in vain, and tell of that alone.
            tick.abort()
            raise

    with ThreadPoolExecutor(2) as pool:
        begun = [pool.submit(made_or_given_up, java) for java in two_javas]
        one, other = (done.result() for done in as_completed(begun))
    assert one & other == set()
    assert {path.name for path in tmp_path.iterdir()} == one | other
    assert len(one | other) == 100


def test_a_version_is_read_whatever_an_older_file_of_its_name_left(spark: SparkSession, tmp_path: Path) -> None:
    """Such as Hadoop's checksum of it; and of all that is written beside a version nothing stays."""
    folder, log = str(tmp_path), tmp_path / "_delta_log"
    log.mkdir()
    for name in ("_last_checkpoint", *(f"{version:020}.json" for version in range(3))):
        (log / f".{name}.crc").write_bytes(b"crc\0" + bytes([0, 0, 2, 0, 1, 2, 3, 4]))
    for n in range(3):
        rows = spark.range(n, n + 1).coalesce(1).write.format("delta").option("delta.checkpointInterval", 2)
        rows.mode("append").save(folder)
    assert sorted(row["id"] for row in spark.read.format("delta").load(folder).collect()) == [0, 1, 2]
    assert (log / "_last_checkpoint").exists()
    assert [path.name for path in log.iterdir() if path.name.endswith((".tmp", ".json.crc", "checkpoint.crc"))] == []


@pytest.mark.parametrize("engine", ["deltalake", "spark"])
def test_a_writer_waits_while_another_process_writes(engine: str, spark: SparkSession, tmp_path: Path) -> None:
    warehouse = Warehouse(lambda: spark, Tables(path=str(tmp_path)), "shop")
    warehouse.create("contended", COLUMNS)
    append = {
        "deltalake": lambda: warehouse.append_rows("contended", [{"batch": "mine"}], COLUMNS, "mine"),
        "spark": lambda: warehouse.append("contended", spark.sql("SELECT 'mine' AS batch"), "mine"),
    }[engine]
    folder = str(tmp_path / "shop/contended")
    holds = f"import sys, pathlib; from solvent.tables.folder import alone\nwith alone(pathlib.Path({folder!r})): "
    holder = started([sys.executable, "-c", holds + 'print("ready", flush=True); sys.stdin.readline()'])
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(append)
        with pytest.raises(TimeoutError):
            waiting.result(2)
        assert warehouse.rows("contended") == []
        # However its holder ends, the lock is free.
        holder.kill()
        waiting.result(120)
    holder.wait()
    assert lost(warehouse, ["mine"]) == []


@pytest.mark.long
def test_of_a_thousand_versions_that_two_drivers_contend_for_none_is_lost(tmp_path: Path) -> None:
    """With a third writer, that has no Spark and is faster than both."""
    warehouse = Warehouse(no_session, Tables(path=str(tmp_path)), "shop")
    warehouse.create("contended", COLUMNS)
    times = {"spark one": 500, "spark two": 500, "deltalake": 500}
    words = [sys.executable, "-c", APPENDS, str(tmp_path)]
    processes = [started([*words, name, str(number)]) for name, number in times.items()]
    for process in processes:
        begin(process)
    assert [process.wait() for process in processes] == [0, 0, 0]
    told = [f"{name}-{n}" for name, number in times.items() for n in range(number)]
    assert lost(warehouse, told) == []


@pytest.mark.long
def test_of_a_thousand_appends_to_a_path_by_two_sparks_none_is_lost(tmp_path: Path) -> None:
    """Both begin each at the same moment, so that both make the same version."""
    folder, rounds = tmp_path / "shop/contended", 500
    write_deltalake(folder, pa.table({"batch": ["first"]}))
    words = [sys.executable, "-c", ROUNDS, str(folder)]
    processes = [started([*words, name, str(rounds)]) for name in ("one", "two")]
    for _ in range(rounds):
        for process in processes:
            begin(process)
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "written\n"
    assert [process.wait() for process in processes] == [0, 0]
    told = ["first", *(f"{name}-{n}" for name in ("one", "two") for n in range(rounds))]
    assert lost(Warehouse(no_session, Tables(path=str(tmp_path)), "shop"), told) == []


def no_session() -> SparkSession:
    raise AssertionError("a session was asked for")
