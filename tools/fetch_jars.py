"""Puts the jars Delta needs beyond pyspark's into one folder, exactly those whose SHA-256 jars.sha256 names.

Spark's own Ivy resolves them, in a JVM whose home and caches are in a temporary folder, because a half-filled local Maven repository
makes Ivy fail. DEFAULT_ARTIFACT_REPOSITORY names a mirror, as for any Spark. With --from, nothing is resolved: it needs no network.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

COORDINATE = "io.delta:delta-spark_4.2_2.13:4.4.0"


class JarError(Exception):
    """The jars cannot be had as they are pinned."""


def pinned(checksums: Path) -> dict[str, str]:
    """The SHA-256 of each jar by its file name, from a file in sha256sum's format."""
    return {name: digest for digest, name in (line.split() for line in checksums.read_text().splitlines())}


def found(folder: Path) -> dict[str, str]:
    """The SHA-256 of each file of a folder by its name; empty if there is no folder."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*"))}


def resolve(home: Path) -> Path:
    """Resolves the coordinate with Spark's Ivy and returns the folder of jars, their names as Ivy gives them: group_artifact-version.jar.

    Raises:
        JarError: If Spark does not resolve it.
    """
    spec = find_spec("pyspark")
    if spec is None or spec.origin is None:
        raise JarError("pyspark is not installed here; run `make setup`")
    spark = Path(spec.origin).parent
    nothing = home / "nothing.py"
    nothing.touch()
    options = ["--packages", COORDINATE, "--conf", f"spark.jars.ivy={home / 'ivy'}"]
    command = [spark / "bin" / "spark-submit", *options, "--driver-java-options", f"-Duser.home={home}", nothing]
    environment = {**os.environ, "SPARK_HOME": str(spark), "PYSPARK_PYTHON": sys.executable}
    environment.pop("PYSPARK_DRIVER_PYTHON", None)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        said = [line.strip() for line in done.stderr.splitlines() if "unresolved" in line or "Exception" in line]
        raise JarError(f"Spark cannot resolve {COORDINATE} ({said[0] if said else done.stderr[-200:].strip()}); is Maven Central reached?")
    return home / "ivy" / "jars"


def copy_pinned(resolved: Path, pins: dict[str, str], into: Path) -> None:
    """Copies each pinned jar, with or without its group before its name.

    Raises:
        JarError: If a jar is missing or has another SHA-256 than is pinned.
    """
    for name, digest in pins.items():
        jar = next((path for path in sorted(resolved.glob("*.jar")) if path.name == name or path.name.endswith(f"_{name}")), None)
        if jar is None:
            raise JarError(f"{name} is not among the {len(list(resolved.glob('*.jar')))} jars fetched; is jars.sha256 of this version of Delta?")
        shutil.copyfile(jar, into / name)
        got = found(into)[name]
        if got != digest:
            raise JarError(f"{name} has SHA-256 {got}, but jars.sha256 pins {digest}; fetch it again, and do not use it if it differs again")


def main() -> int:
    """Fetches what is pinned unless it is there; the folder is then whole, or gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checksums", type=Path, default=Path("jars.sha256"))
    parser.add_argument("--into", type=Path, default=Path(".jars"))
    parser.add_argument("--from", dest="source", type=Path, help="a folder that holds the jars already")
    arguments = parser.parse_args()
    pins, folder = pinned(arguments.checksums), arguments.into.resolve()
    if found(folder) == pins:
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
