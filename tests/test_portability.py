"""No code of jobs or lib asks for what a session of Spark Connect does not have."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

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
    assert found
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
