"""What a model was made with: interpreter, libraries, Java, machine, and the settings that change results."""

from __future__ import annotations

import hashlib
import platform
from importlib.metadata import version
from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from solvent.session import RESULT_SETTINGS

LIBRARIES = ("pyspark", "delta-spark", "mlflow", "numpy", "solvent")


def environment_facts(spark: SparkSession, root: Path) -> dict[str, str]:
    """Versions and platform, by name; "lock" is the SHA-256 of requirements.lock, "none" where there is no such file."""
    java = spark.range(1).select(
        *(
            F.expr(f"reflect('java.lang.System', 'getProperty', '{name}')").alias(name.replace(".", "_"))
            for name in ("java.version", "os.name", "os.arch")
        )
    )
    found = java.collect()[0]
    lock = root / "requirements.lock"
    return {
        "python": platform.python_version(),
        **{library: version(library) for library in LIBRARIES},
        "java": found["java_version"],
        "os": found["os_name"],
        "cpu": found["os_arch"],
        "lock": hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else "none",
        **{name: str(spark.conf.get(name)) for name in RESULT_SETTINGS},
    }
