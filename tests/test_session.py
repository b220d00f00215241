"""How a session of one machine starts."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pyspark
import pytest
from pyspark import SparkContext
from pyspark.sql import SparkSession

from solvent.session import (
    ARCHIVE,
    ARITHMETIC,
    EXECUTOR_OPTIONS,
    JAVA_OPTIONS,
    calculating_alike,
    jars_in,
    on_class_path,
    on_one_machine,
)

ROOT = Path(__file__).resolve().parent.parent
JARS = ROOT / ".jars"
AGAIN = "remove it, and make setup"


def test_the_jars_are_on_the_class_path_and_no_archive_is_named_that_is_not_there(tmp_path: Path) -> None:
    assert on_class_path([], "-Xmx1g") == {}
    jars = [f"{tmp_path}/a.jar", f"{tmp_path}/b.jar"]
    assert on_class_path(jars, "-Xmx1g") == {"spark.driver.extraClassPath": ":".join(jars)}
    archive = tmp_path / ARCHIVE
    archive.touch()
    assert str(on_class_path(jars, "-Xmx1g")[JAVA_OPTIONS]).startswith(f'-Xmx1g "-XX:SharedArchiveFile={archive}"')


def test_what_an_environment_sets_comes_after_what_makes_java_calculate_alike() -> None:
    own = {JAVA_OPTIONS: "-Xss4m", "spark.ui.enabled": False}
    assert calculating_alike(own) == {**own, JAVA_OPTIONS: f"{ARITHMETIC} -Xss4m", EXECUTOR_OPTIONS: ARITHMETIC}


def test_what_an_environment_sets_is_kept(tmp_path: Path) -> None:
    jars, own = [f"{tmp_path}/a.jar"], {"spark.driver.host": "10.0.0.1", "spark.driver.extraClassPath": "/own/b.jar"}
    assert on_one_machine(own, jars) == {
        "spark.driver.host": "10.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraClassPath": f"{tmp_path}/a.jar:/own/b.jar",
    }
    assert on_one_machine(own, []) == {**own, "spark.driver.bindAddress": "127.0.0.1"}


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="this system does not tell what a process has mapped")
def test_java_has_its_classes_from_the_archive(spark: SparkSession) -> None:
    java = SparkContext._gateway.proc  # type: ignore[union-attr]
    assert str((JARS / ARCHIVE).resolve()) in Path(f"/proc/{java.pid}/maps").read_text(), f"{JARS / ARCHIVE}: {AGAIN}"


def test_java_goes_on_without_a_word_where_the_archive_is_of_other_jars(tmp_path: Path) -> None:
    """And in a folder with a space."""
    folder = tmp_path / "my jars"
    folder.mkdir()
    (folder / ARCHIVE).symlink_to(JARS / ARCHIVE)
    for jar in jars_in(JARS):
        (folder / Path(jar).name).write_bytes(Path(jar).read_bytes())
    settings = on_class_path(jars_in(folder), "")
    spark = Path(pyspark.__file__).parent / "jars" / "*"
    classes = ["-cp", f"{settings['spark.driver.extraClassPath']}:{spark}", "org.apache.spark.launcher.Main"]
    command = ["java", *shlex.split(str(settings[JAVA_OPTIONS])), *classes]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    first = (done.stdout + done.stderr).splitlines()[0]
    assert first.endswith("Not enough arguments: missing class name."), done.stdout + done.stderr
