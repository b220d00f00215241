"""No code of jobs or lib asks for what a session of Spark Connect, an older Spark, or another release of a library does not have."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from pyspark.sql import functions as F

ROOT = Path(__file__).resolve().parent.parent
CODE = sorted(path for folder in ("jobs", "lib") for path in (ROOT / folder).rglob("*.py"))
# RDDs, the Spark context and the way into its JVM; createDataFrame and DataFrame.sparkSession are there everywhere.
CLASSIC = {
    "rdd",
    "RDD",
    "sparkContext",
    "SparkContext",
    "_sc",
    "_jc",
    "_jdf",
    "_jsc",
    "_jvm",
    "_jsparkSession",
    "_to_java",
}

# Modules of libraries that their documentation names; what is in others, or begins with _, may change with any release.
DOCUMENTED = {
    *(
        "pyspark",
        "pyspark.errors",
        "pyspark.logger",
        "pyspark.sql",
        "pyspark.sql.functions",
        "pyspark.sql.types",
        "pyspark.sql.window",
    ),
    *("pyspark.ml", "pyspark.ml.feature", "pyspark.ml.functions", "pyspark.ml.param", "py4j.protocol"),
    *("deltalake", "deltalake.exceptions", "pyarrow", "pyarrow.compute", "pyarrow.parquet"),
    *("mlflow", "mlflow.entities", "mlflow.entities.model_registry", "mlflow.exceptions", "mlflow.models"),
    *("mlflow.pyfunc", "mlflow.types", "mlflow.data.delta_dataset_source", "mlflow.data.meta_dataset"),
}
LIBRARIES = {"pyspark", "py4j", "delta", "deltalake", "pyarrow", "mlflow"}
OLDEST_SPARK = (4, 0)


def classic_names(source: str) -> list[str]:
    """What a module names that only a classic session has."""
    named = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute):
            named.append(node.attr)
        elif isinstance(node, ast.Name):
            named.append(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            named += [part for one in node.names for part in one.name.split(".")]
            named += (getattr(node, "module", None) or "").split(".")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "getattr":
            named += [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return sorted(CLASSIC.intersection(named))


def test_no_module_reaches_for_a_classic_session() -> None:
    found = {path.relative_to(ROOT).as_posix(): classic_names(path.read_text()) for path in CODE}
    # How far Spark is, only the context of a classic session tells, and only the server of any other.
    assert found.pop("lib/solvent/progress.py") == ["sparkContext"]
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("frame.rdd.map(str)", "rdd"),
        ("spark.sparkContext.setJobGroup('a', 'b')", "sparkContext"),
        ("from pyspark import SparkContext", "SparkContext"),
        ("getattr(spark, '_jvm').java.lang.System.gc()", "_jvm"),
        ("def f(frame):\n    return frame._jdf.queryExecution()", "_jdf"),
    ],
)
def test_a_module_that_would_is_found(source: str, name: str) -> None:
    assert classic_names(source) == [name]


def undocumented(source: str) -> list[str]:
    """What a module imports of Spark, Delta, Arrow or MLflow that is not for others to use."""
    imported = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported += [(one.name, "") for one in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            imported += [(node.module, one.name) for one in node.names]
    return [
        f"{module}.{name}".rstrip(".")
        for module, name in imported
        if module.split(".")[0] in LIBRARIES and (module not in DOCUMENTED or name.startswith("_"))
    ]


def test_only_what_libraries_document_is_imported() -> None:
    found = {path.relative_to(ROOT).as_posix(): undocumented(path.read_text()) for path in CODE}
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("from pyspark.sql.pandas.types import to_arrow_schema", "pyspark.sql.pandas.types.to_arrow_schema"),
        ("from pyspark.sql.types import _parse_datatype_string", "pyspark.sql.types._parse_datatype_string"),
        ("def f():\n    import mlflow.utils.file_utils", "mlflow.utils.file_utils"),
    ],
)
def test_an_import_of_what_is_not_documented_is_found(source: str, name: str) -> None:
    assert undocumented(source) == [name]


def functions_in(source: str) -> set[str]:
    """The functions of Spark that a module calls by name."""
    attributes = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Attribute))
    return {one.attr for one in attributes if isinstance(one.value, ast.Name) and one.value.id == "F"}


def test_each_function_is_one_of_the_oldest_spark() -> None:
    """As its documentation says since when there is such a function."""
    since = {}
    for name in sorted(set().union(*(functions_in(path.read_text()) for path in CODE))):
        added = re.search(r"versionadded:: (\d+)\.(\d+)", str(getattr(F, name).__doc__))
        assert added is not None, name
        since[name] = (int(added[1]), int(added[2]))
    assert len(since) > 50
    assert {name: version for name, version in since.items() if version > OLDEST_SPARK} == {}
