"""Puts a set of jars into a folder of its own: exactly those whose SHA-256 the set's list names, or none.

All are fetched but the suite's log store, which the Scala compiler among Spark's jars makes of FolderLogStore.scala, alike on any Java.

The sets are what Delta needs beyond pyspark's jars, what tables on S3 need beyond these, and what Delta needs on other versions
of Spark. Spark's own Ivy resolves them, in a JVM whose home and caches are in a temporary folder, because a half-filled local
Maven repository makes Ivy fail. DEFAULT_ARTIFACT_REPOSITORY names a mirror, as for any Spark. With --from, the jars are copied
from a folder, which needs no network.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True)
class JarSet:
    """Jars that are fetched together.

    Attributes:
        checksums: The list of its jars, as sha256sum prints it. What else is resolved is in pyspark already, or not needed.
        folder: Where it goes.
        coordinates: What is resolved, with all that it depends on.
        without: What is not.
    """

    checksums: str
    folder: str
    coordinates: tuple[str, ...]
    without: tuple[str, ...] = ()


# Amazon's SDK as one jar is 600 MB; Hadoop's S3A loads these of its modules, in the version nearest to the one it was built with.
SDK = ("s3", "s3-transfer-manager", "sts", "apache-client")
# The suite's own, and of what it is compiled.
STORE, SOURCE = "solvent-folder-log-store.jar", Path(__file__).with_name("FolderLogStore.scala")
SETS = {
    "delta": JarSet("jars.sha256", ".jars", ("io.delta:delta-spark_4.2_2.13:4.4.0",)),
    "s3": JarSet(
        "jars-s3.sha256",
        ".jars-s3",
        ("org.apache.hadoop:hadoop-aws:3.5.0", *(f"software.amazon.awssdk:{module}:2.36.2" for module in SDK)),
        ("software.amazon.awssdk:bundle",),
    ),
    **{
        f"spark-{spark}": JarSet(f"tests/spark/{spark}/jars.sha256", f".spark-{spark}/jars", (f"io.delta:{delta}",))
        for spark, delta in {
            "4.0": "delta-spark_2.13:4.0.1",
            "4.1": "delta-spark_4.1_2.13:4.1.0",
            "4.2": "delta-spark_4.2_2.13:4.4.0",
        }.items()
    },
}


class JarError(Exception):
    """The jars cannot be had as they are pinned."""


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each jar of a folder by its name; empty if there is no folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.jar")}


def resolve(wanted: JarSet, home: Path) -> Path:
    """Resolves the coordinates of a set with Spark's Ivy; the jars in the folder returned are named group_artifact-version.jar.

    Raises:
        JarError: If Spark does not resolve them.
    """
    spark, script = Path(str(files("pyspark"))), home / "nothing.py"
    script.touch()
    options = ["--packages", ",".join(wanted.coordinates), "--conf", f"spark.jars.ivy={home / 'ivy'}"]
    if wanted.without:
        options += ["--exclude-packages", ",".join(wanted.without)]
    options += ["--driver-java-options", f"-Duser.home={home}"]
    command = [str(spark / "bin" / "spark-submit"), *options, str(script)]
    environment = {**os.environ, "SPARK_HOME": str(spark), "PYSPARK_DRIVER_PYTHON": sys.executable}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if "unresolved" in line or "Exception" in line]
        cause = next(iter(said), f"exit code {done.returncode}")
        raise JarError(
            f"Spark cannot resolve {', '.join(wanted.coordinates)} ({cause}); check that Maven Central can be reached"
        )
    return home / "ivy" / "jars"


def copy_jars(resolved: Path, names: Iterable[str], into: Path) -> None:
    """Copies jars that are found with or without their group before their names."""
    for name in names:
        for jar in (*resolved.glob(f"*_{name}"), *resolved.glob(name)):
            shutil.copyfile(jar, into / name)


def compile_store(folder: Path, scratch: Path) -> None:
    """Compiles the suite's log store with Delta's jars of a folder into a jar beside them, which is the same each time.

    Raises:
        JarError: If it does not compile.
    """
    classes, path = scratch / "classes", f"{files('pyspark') / 'jars'}/*:{folder}/*"
    classes.mkdir()
    java = str(Path(os.environ["JAVA_HOME"], "bin", "java")) if os.environ.get("JAVA_HOME") else "java"
    # Classes that the oldest Java reads too; -release would need the symbols of other Javas, which a runtime has not.
    options = [
        "-usejavacp",
        "-classpath",
        path,
        "-Xunchecked-java-output-version:17",
        "-encoding",
        "utf8",
        "-d",
        str(classes),
    ]
    command = [java, "-cp", path, "scala.tools.nsc.Main", *options, str(SOURCE)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise JarError(f"{SOURCE.name} does not compile: {next(iter((done.stdout + done.stderr).splitlines()), '')}")
    with zipfile.ZipFile(folder / STORE, "w") as jar:
        for made in sorted(classes.rglob("*.class")):
            # An entry that is made of its name alone is of 1980.
            jar.writestr(zipfile.ZipInfo(made.relative_to(classes).as_posix()), made.read_bytes())


def check_pinned(folder: Path, pins: Mapping[str, str], checksums: Path) -> None:
    """Compares the jars of a folder with a list.

    Raises:
        JarError: If a jar is missing or has another SHA-256 than is pinned.
    """
    found = digests(folder)
    for name, pin in pins.items():
        if found.get(name) != pin:
            advice = (
                f"pin what {SOURCE.name} makes"
                if name == STORE
                else "fetch it again, and do not trust it if it differs again"
            )
            raise JarError(
                f"{name}: its SHA-256 is {found.get(name, 'missing, as the jar is')}, but {pin} is pinned in {checksums.name}; {advice}"
            )


def main() -> int:
    """Fetches the jars unless they are there. The folder is whole afterwards, or gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("which", choices=SETS, default="delta", nargs="?", help="the set of jars")
    parser.add_argument("--checksums", type=Path, help="what sha256sum prints of the jars (default: the set's list)")
    parser.add_argument("--into", type=Path, help="the folder to make (default: the set's)")
    parser.add_argument("--from", dest="source", type=Path, help="a folder that holds the jars already")
    arguments = parser.parse_args()
    wanted = SETS[arguments.which]
    checksums = arguments.checksums or Path(wanted.checksums)
    pins = {name: pin for pin, name in (line.split() for line in checksums.read_text().splitlines())}
    folder = (arguments.into or Path(wanted.folder)).resolve()
    found, fetched = digests(folder), pins.keys() - {STORE}
    if found == pins:
        return 0
    with tempfile.TemporaryDirectory(prefix=".jars-", dir=folder.parent) as temporary:
        scratch, whole = Path(temporary), Path(temporary) / "whole"
        whole.mkdir()
        try:
            there = all(found.get(name) == pins[name] for name in fetched)
            copy_jars(arguments.source or (folder if there else resolve(wanted, scratch)), fetched, whole)
            if STORE in pins:
                compile_store(whole, scratch)
            check_pinned(whole, pins, checksums)
        except JarError as error:
            print(f"fetch_jars: {error}", file=sys.stderr)
            return 1
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        whole.rename(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
