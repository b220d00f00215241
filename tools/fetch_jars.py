"""Puts the jars Delta needs beyond pyspark's into one folder: exactly those whose SHA-256 jars.sha256 names, or none.

Spark's own Ivy resolves them, in a JVM whose home and caches are in a temporary folder, because a half-filled local
Maven repository makes Ivy fail. DEFAULT_ARTIFACT_REPOSITORY names a mirror, as for any Spark. With --from, the jars are
copied from a folder, which needs no network.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

COORDINATE = "io.delta:delta-spark_4.2_2.13:4.4.0"


class JarError(Exception):
    """The jars cannot be had as they are pinned."""


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a folder by its name; empty if there is no folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*")}


def resolve(home: Path) -> Path:
    """Resolves the coordinate with Spark's Ivy; the jars in the folder returned are named group_artifact-version.jar.

    Raises:
        JarError: If Spark does not resolve it.
    """
    spark, script = Path(str(files("pyspark"))), home / "nothing.py"
    script.touch()
    options = ["--packages", COORDINATE, "--conf", f"spark.jars.ivy={home / 'ivy'}"]
    options += ["--driver-java-options", f"-Duser.home={home}"]
    command = [str(spark / "bin" / "spark-submit"), *options, str(script)]
    environment = {**os.environ, "SPARK_HOME": str(spark), "PYSPARK_DRIVER_PYTHON": sys.executable}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if "unresolved" in line or "Exception" in line]
        cause = next(iter(said), f"exit code {done.returncode}")
        raise JarError(f"Spark cannot resolve {COORDINATE} ({cause}); check that Maven Central can be reached")
    return home / "ivy" / "jars"


def copy_pinned(resolved: Path, pins: dict[str, str], into: Path) -> None:
    """Copies each pinned jar, found with or without its group before its name.

    Raises:
        JarError: If a jar is missing or has another SHA-256 than is pinned.
    """
    for name in pins:
        for jar in (*resolved.glob(f"*_{name}"), *resolved.glob(name)):
            shutil.copyfile(jar, into / name)
    found = digests(into)
    for name, pin in pins.items():
        if found.get(name) != pin:
            raise JarError(
                f"{name}: its SHA-256 is {found.get(name, 'missing, as the jar is')}, but {pin} is pinned in jars.sha256; "
                "fetch it again, and do not trust it if it differs again"
            )


def main() -> int:
    """Fetches the jars unless they are there. The folder is whole afterwards, or gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checksums", type=Path, default=Path("jars.sha256"), help="what sha256sum prints of the jars")
    parser.add_argument("--into", type=Path, default=Path(".jars"), help="the folder to make")
    parser.add_argument("--from", dest="source", type=Path, help="a folder that holds the jars already")
    arguments = parser.parse_args()
    pins = {name: pin for pin, name in (line.split() for line in arguments.checksums.read_text().splitlines())}
    folder = arguments.into.resolve()
    if digests(folder) == pins:
        return 0
    shutil.rmtree(folder, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=".jars-", dir=folder.parent) as temporary:
        whole = Path(temporary) / "whole"
        whole.mkdir()
        try:
            copy_pinned(arguments.source or resolve(Path(temporary)), pins, whole)
        except JarError as error:
            print(f"fetch_jars: {error}", file=sys.stderr)
            return 1
        whole.rename(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
