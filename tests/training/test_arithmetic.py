"""Models and predictions are the same to the last bit on other processors, and where native libraries are found.

The processes of their own have Java options and libraries by which Java and Spark ML calculate otherwise, unless they are told not to.
"""

from __future__ import annotations

import json
import math
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from solvent.config.environment import Environment, load_environment
from solvent.config.estimator import Estimator
from solvent.estimators.learned import model_digest
from solvent.estimators.spark_ml import Inputs, fit, predict
from solvent.identity import calculation_of
from solvent.session import JAVA_OPTIONS, session
from solvent.tables.digest import content_of

ROOT = Path(__file__).resolve().parents[2]
# No vector instructions beyond those every x86-64 has: as an older processor, or another maker's.
NARROW = "-XX:UseAVX=0"
NUMBERS = 11
CLASSIFIERS = {"LogisticRegression": {"maxIter": 5, "regParam": 0.001}, "GBTClassifier": {"maxIter": 5, "maxDepth": 2}}
REGRESSIONS = {"LinearRegression": {"solver": "normal"}}
FAMILIES = {"classification": CLASSIFIERS, "regression": REGRESSIONS}
FIXED = {
    "exp(1)": str(math.nextafter(math.e, 3)),
    "blas": "VectorBLAS",
    "lapack": "F2jLAPACK",
    "vectors": "S_128_BIT",
}
# Debian's packages of BLAS and LAPACK, and the folders in which they have their libraries.
LIBRARIES = {
    "reference": ("libblas3", "liblapack3", "libgfortran5", "libquadmath0"),
    "openblas": ("libopenblas0-pthread", "libgfortran5", "libquadmath0"),
}


def rows_of(spark: SparkSession) -> DataFrame:
    """Numbers of many digits, whose sums depend on the order in which they are added."""
    numbers = [(F.xxhash64(F.lit(name), F.col("id")) % 100_003 / 33_331.7).alias(f"n{name}") for name in range(NUMBERS)]
    rows = spark.range(0, 300, 1, 2).select("id", *numbers)
    return rows.withColumn("label", (sum(F.col(f"n{name}") for name in range(NUMBERS)) > F.col("n1")).cast("double"))


def made(spark: SparkSession) -> dict[str, list[str]]:
    """The digests of model and predictions of each estimator."""
    inputs = Inputs.of({f"n{name}": "double" for name in range(NUMBERS)})
    rows, found = rows_of(spark), {}
    for family, estimators in FAMILIES.items():
        for name, params in estimators.items():
            estimator = Estimator(estimator=f"pyspark.ml.{family}.{name}", params=params, seed=1)
            model = fit(rows, estimator, inputs, ["id"])
            scored = predict(model, rows, estimator.kind, ["id"])
            with tempfile.TemporaryDirectory() as folder:
                model.write().overwrite().save(f"file:{folder}/model")
                found[name] = [model_digest(Path(folder) / "model"), content_of(scored).text]
    return found


def environment_with(options: str, master: str) -> Environment:
    """The local environment with further options of Java."""
    found = load_environment("local", ROOT)
    options = f"{found.spark.settings[JAVA_OPTIONS]} {options}"
    settings = {**found.spark.settings, JAVA_OPTIONS: options}
    return found.model_copy(update={"spark": found.spark.model_copy(update={"settings": settings, "master": master})})


def told_by(options: str, master: str = "local[2]", libraries: str = "", makes: bool = True) -> dict[str, Any]:
    """How a process of its own says that it calculates, and what it makes."""
    environ = {**os.environ, "LD_LIBRARY_PATH": libraries}
    done = subprocess.run(
        [sys.executable, __file__, options, master, *(["made"] if makes else [])],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "netlib" not in done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def here(spark: SparkSession) -> dict[str, list[str]]:
    return made(spark)


def test_a_narrower_processor_makes_the_same_models_and_predictions(
    spark: SparkSession, here: dict[str, list[str]]
) -> None:
    arithmetic = calculation_of(spark)["arithmetic"]
    assert arithmetic.items() >= FIXED.items()
    assert told_by(NARROW) == {"arithmetic": arithmetic, "made": here}


def test_other_arithmetic_is_seen() -> None:
    """What an environment asks for wins, and its manifests tell."""
    found = told_by("-XX:MaxVectorSize=8 -XX:+UseLibmIntrinsic", makes=False)["arithmetic"]
    assert found["vectors"] == "S_64_BIT"
    assert platform.machine() != "x86_64" or found["exp(1)"] == str(math.e)


def unpacked(packages: tuple[str, ...], folder: Path) -> str:
    """The folders of the libraries of packages, which are not installed."""
    if shutil.which("apt-get") is None:
        pytest.skip("only Debian's libraries are tried")
    subprocess.run(["apt-get", "--quiet", "download", *packages], cwd=folder, check=True, capture_output=True)
    for package in folder.glob("*.deb"):
        subprocess.run(["dpkg", "--extract", package, folder], check=True)
    return os.pathsep.join(sorted({str(path.parent) for path in folder.rglob("*.so*")}))


@pytest.mark.long
@pytest.mark.parametrize("kind", list(LIBRARIES))
@pytest.mark.parametrize("master", ["local[1]", "local[2]"])
def test_native_libraries_are_not_taken(kind: str, master: str, here: dict[str, list[str]], tmp_path: Path) -> None:
    libraries = unpacked(LIBRARIES[kind], tmp_path)
    assert list(tmp_path.rglob("libblas.so.3"))
    assert list(tmp_path.rglob("liblapack.so.3"))
    there = told_by(NARROW if master == "local[1]" else "", master, libraries)
    assert there["arithmetic"].items() >= FIXED.items()
    assert there["made"] == here


if __name__ == "__main__":
    options, master, *makes = sys.argv[1:]
    own = session(environment_with(options, master))
    told = {"arithmetic": calculation_of(own)["arithmetic"], **({"made": made(own)} if makes else {})}
    sys.stdout.write(json.dumps(told) + "\n")
