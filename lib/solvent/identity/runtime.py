"""What a model was made with: interpreter, libraries, Java, machine, and the settings that change results."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

import pyspark
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pyspark.sql import SparkSession

from solvent.errors import ConfigurationError, RefusedError
from solvent.identity.calculation import asking, on_driver
from solvent.java import wrong_java
from solvent.session import RESULT_SETTINGS, databricks_runtime

LIBRARIES = ("delta-spark", "mlflow", "numpy")
LOCK, NONE = "requirements.lock", "none"
# Of packages that are not as they are pinned.
SHOWN = 3

JAVA = {"java.version": "java", "os.name": "os", "os.arch": "cpu"}


def environment_facts(java: Mapping[str, str], root: Path) -> dict[str, str]:
    """Versions and platform, by name; see lock_of for what pins the packages.

    Databricks pins libraries by the version of its runtime, which is there "runtime".

    Args:
        java: What java_of or java_here says.
        root: The folder that holds requirements.lock.
    """
    runtime = databricks_runtime()
    return {
        "python": platform.python_version(),
        "pyspark": pyspark.__version__,
        **{library: installed(library) for library in LIBRARIES},
        # Databricks' bundles add the time of the build to it, which shapes nothing.
        "solvent": installed("solvent").partition("+")[0],
        **({"runtime": runtime} if runtime is not None else {}),
        **java,
        "lock": lock_of(root),
        **RESULT_SETTINGS,
    }


def installed(library: str) -> str:
    """The version of a library; "none" where it is a part of the platform."""
    try:
        return version(library)
    except PackageNotFoundError:
        return NONE


@dataclass(frozen=True)
class Unlike:
    """A package that is not installed as the lock file pins it."""

    name: str
    pinned: str
    found: str

    def __str__(self) -> str:
        """As people read it."""
        return f"{self.name} {self.found} for {self.pinned}"


def unlike_lock(root: Path) -> list[Unlike]:
    """The packages that are installed in another version than requirements.lock pins; one that is not installed is not used.

    Args:
        root: The folder that holds requirements.lock, if there is one.
    """
    lock = root / LOCK
    if not lock.is_file():
        return []
    found_at = packages_here()
    lines = re.findall(r"^([\w.-]+==.+?)(?:\s+(?:--|#|\\).*)?$", lock.read_text(encoding="utf-8"), re.MULTILINE)
    pins = [(one, str(one.specifier).removeprefix("==")) for one in map(Requirement, lines)]
    return [
        Unlike(one.name, pinned, found)
        for one, pinned in pins
        # Some are for another Python or system than these.
        if (one.marker is None or one.marker.evaluate())
        and (found := found_at.get(canonicalize_name(one.name), pinned)) != pinned
    ]


def require_locked(root: Path) -> None:
    """Refuses to go on with other packages than requirements.lock pins.

    Args:
        root: The folder that holds requirements.lock, if there is one.

    Raises:
        RefusedError: Naming the first package.
    """
    for one in unlike_lock(root):
        raise RefusedError(
            f"{root / LOCK}: pins {one.name} {one.pinned}, but {one.found} is installed here; install what this commit pins, then "
            "deploy again"
        )


def lock_of(root: Path) -> str:
    """What pins the packages that are installed: the SHA-256 of requirements.lock, and what is not as it says; "none" without one."""
    lock = root / LOCK
    if not lock.is_file():
        return NONE
    first, more = (unlike := unlike_lock(root))[:SHOWN], max(len(unlike) - SHOWN, 0)
    said = ", ".join(map(str, first)) + (f" and {more} more" if more else "")
    return hashlib.sha256(lock.read_bytes()).hexdigest() + (f", but {said}" if said else "")


def lock_remark(root: Path) -> str | None:
    """What a manifest cannot say for want of a lock file that holds; None where it does, or a platform pins the packages.

    Args:
        root: The folder that holds requirements.lock, if there is one.
    """
    found = lock_of(root)
    if databricks_runtime() is not None or len(found) == hashlib.sha256().digest_size * 2:
        return None
    if found == NONE:
        return (
            f"{root} has no {LOCK}, so that manifests cannot tell all packages that a model is made with: `python -m pip freeze > {LOCK}` "
            "writes one; commit it"
        )
    return (
        f"{root / LOCK} does not pin the packages that are installed ({found.partition(', but ')[2]}); manifests say so"
    )


@cache
def packages_here() -> dict[str, str]:
    """The version of each package that this process imports."""
    found: dict[str, str] = {}
    for one in distributions():
        # The first is the one that is imported.
        found.setdefault(canonicalize_name(one.metadata["Name"]), one.version)
    return found


def java_of(spark: SparkSession) -> dict[str, str]:
    """Java and platform of a session's driver."""
    asked = [asking(JAVA[name], f"'java.lang.System', 'getProperty', '{name}'") for name in JAVA]
    return {str(name): str(value) for name, value in on_driver(spark).select(*asked).collect()[0].asDict().items()}


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
