"""What a model was made with: interpreter, libraries, Java, machine, and the settings that change results."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from solvent.errors import ConfigurationError, RefusedError
from solvent.java import wrong_java
from solvent.session import RESULT_SETTINGS, databricks_runtime

LIBRARIES = ("delta-spark", "mlflow", "numpy")


JAVA = {"java.version": "java", "os.name": "os", "os.arch": "cpu"}


def environment_facts(java: Mapping[str, str], root: Path) -> dict[str, str]:
    """Versions and platform, by name; "lock" is the SHA-256 of requirements.lock, "none" where there is no such file.

    Databricks pins libraries by the version of its runtime, which is there "runtime".

    Args:
        java: What java_of or java_here says.
        root: The folder that holds requirements.lock.
    """
    lock, runtime = root / "requirements.lock", databricks_runtime()
    return {
        "python": platform.python_version(),
        "pyspark": pyspark.__version__,
        **{library: installed(library) for library in LIBRARIES},
        # Databricks' bundles add the time of the build to it, which shapes nothing.
        "solvent": installed("solvent").partition("+")[0],
        **({"runtime": runtime} if runtime is not None else {}),
        **java,
        "lock": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "none",
        **RESULT_SETTINGS,
    }


def installed(library: str) -> str:
    """The version of a library; "none" where it is a part of the platform."""
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"


def require_locked(root: Path) -> None:
    """Refuses to go on with other packages than requirements.lock pins; one that is not installed is not used.

    Args:
        root: The folder that holds requirements.lock, if there is one.

    Raises:
        RefusedError: Naming the first package.
    """
    lock = root / "requirements.lock"
    if not lock.is_file():
        return
    found_at: dict[str, str] = {}
    for one in distributions():
        # The first is the one that is imported.
        found_at.setdefault(canonical(one.metadata["Name"]), one.version)
    for name, pinned in re.findall(r"^([\w.-]+)==(\S+)", lock.read_text(encoding="utf-8"), re.MULTILINE):
        found = found_at.get(canonical(name), pinned)
        if found != pinned:
            raise RefusedError(
                f"{lock}: pins {name} {pinned}, but {found} is installed here; install what this commit pins, then deploy again"
            )


def canonical(name: str) -> str:
    """The name of a package as it is compared."""
    return re.sub(r"[-_.]+", "-", name).lower()


def java_of(spark: SparkSession) -> dict[str, str]:
    """Java and platform of a session's driver."""
    properties = [F.expr(f"reflect('java.lang.System', 'getProperty', '{name}')").alias(JAVA[name]) for name in JAVA]
    return {str(name): str(value) for name, value in spark.range(1).select(*properties).collect()[0].asDict().items()}


def java_here() -> dict[str, str]:
    """The same of the Java that a session started here would have.

    Raises:
        ConfigurationError: If there is none.
    """
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    if java is None:
        raise ConfigurationError(wrong_java())
    # It writes the settings to stderr.
    command = [java, "-XshowSettings:properties", "-version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stderr  # noqa: S603 (a Java)
    found = {name.strip(): value for name, _, value in (line.partition(" = ") for line in said.splitlines())}
    return {JAVA[name]: found.get(name, "unknown") for name in JAVA}
