"""Notebooks hold no logic: they import lib, set parameters, call, and show. What they must not hold is refused, and so is stored output."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, new_output
from pyspark.sql import Column, DataFrame, GroupedData, SparkSession

ROOT = Path(__file__).resolve().parent.parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("**/*.ipynb"))
# Without branches, loops and functions there is no logic; what a notebook needs of it goes to lib, where it is tested.
STATEMENTS = (ast.Import, ast.ImportFrom, ast.Assign, ast.Expr)
LOGIC = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.IfExp, ast.BoolOp, ast.NamedExpr)
# They choose which columns and how many rows of a frame are shown, and change none of its values.
DISPLAY = {"head", "limit", "printSchema", "select", "show", "toPandas"}
SPARK = {
    name
    for kind in (DataFrame, GroupedData, SparkSession, Column)
    for name in dir(kind)
    if not name.startswith("_") and name not in DISPLAY
}
# Doors to code that is not in the notebook, and to the interpreter that runs it.
DOORS = {"__import__", "compile", "eval", "exec", "get_ipython", "globals", "open", "setattr"}


def refusals(notebook: NotebookNode) -> Iterator[str]:
    """What a notebook holds that it must not, each in a few words with the id of its cell."""
    if (notebook.nbformat, notebook.nbformat_minor) != (4, 5):
        yield f"format {notebook.nbformat}.{notebook.nbformat_minor}, and not 4.5"
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        yield "its kernel is not python3"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    if not code or code[0].metadata.get("tags") != ["parameters"]:
        yield "its first code cell is not tagged parameters"
    for cell in code:
        if cell.outputs or cell.execution_count is not None:
            yield f"{cell.id}: stored output"
        yield from (f"{cell.id}: {what}" for what in refused(cell.source))


def refused(source: str) -> Iterator[str]:
    """What the source of a cell holds that it must not."""
    if any(line.lstrip().startswith(("%", "!", "?")) for line in source.splitlines()):
        yield "magic"
        return
    try:
        tree = ast.parse(source)
    except SyntaxError:
        yield "not Python"
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and not isinstance(node, STATEMENTS):
            yield f"statement {type(node).__name__}"
        elif isinstance(node, LOGIC):
            yield f"logic {type(node).__name__}"
        elif isinstance(node, ast.Assign) and not all(isinstance(one, ast.Name | ast.Tuple) for one in node.targets):
            yield "assigns to a part of something"
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (f"imports {name}" for name in imported(node) if name.split(".")[0] != "solvent")
        elif isinstance(node, ast.Name) and node.id in DOORS:
            yield f"uses {node.id}"
        elif isinstance(node, ast.Attribute) and node.attr in {"spark", "sparkSession", "warehouse"}:
            yield f"reaches for .{node.attr}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in SPARK:
            yield f"transforms: .{node.func.attr}()"


def imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    """The modules that a statement imports."""
    return [node.module or "."] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]


def notebook_of(*sources: str) -> NotebookNode:
    """A notebook that keeps to the rules but for what its cells hold."""
    cells = [new_code_cell(source, id=f"cell-{place}") for place, source in enumerate(("PROJECT = 'shop'", *sources))]
    cells[0].metadata["tags"] = ["parameters"]
    made = new_notebook(cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    made.nbformat_minor = 5
    return made


def test_there_are_four_notebooks_at_least() -> None:
    assert {path.stem for path in NOTEBOOKS} >= {
        "explore_data",
        "explain_a_prediction",
        "compare_models",
        "investigate_an_alarm",
    }


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_keeps_to_the_rules(path: Path) -> None:
    notebook = nbformat.read(path, nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert list(refusals(notebook)) == []
    assert len({cell.id for cell in notebook.cells}) == len(notebook.cells)


def test_what_notebooks_are_for_is_allowed() -> None:
    allowed = notebook_of(
        "from solvent.exploration import open_project\nrun = open_project(PROJECT)",
        "frame.select('id', 'amount').limit(5).toPandas()",
        "first, second = 1, {'key': 2}\nprint(f'{first}: {run.project}')",
    )
    assert list(refusals(allowed)) == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def clean(rows):\n    return rows", "statement FunctionDef"),
        ("async def clean(rows):\n    return rows", "statement AsyncFunctionDef"),
        ("class Cleaner:\n    pass", "statement ClassDef"),
        ("clean = lambda rows: rows", "logic Lambda"),
        ("print(sorted(names, key=lambda name: name[1]))", "logic Lambda"),
        ("names = [name for name in names]", "logic ListComp"),
        ("for name in names:\n    print(name)", "statement For"),
        ("if late:\n    print(late)", "statement If"),
        ("with run as it:\n    print(it)", "statement With"),
        ("%run ./helpers.ipynb", "magic"),
        ("  %%bash\nls", "magic"),
        ("!pip install pandas", "magic"),
        ("files = !ls", "not Python"),
        ("import sys\nsys.path.append('..')", "imports sys"),
        ("from os import system", "imports os"),
        ("import solvent.settings, subprocess", "imports subprocess"),
        ("from . import helpers", "imports ."),
        ("import pyspark.sql.functions as F", "imports pyspark.sql.functions"),
        ("import pandas as pd", "imports pandas"),
        ("import solventless", "imports solventless"),
        ("get_ipython().run_line_magic('run', 'x')", "uses get_ipython"),
        ("exec('def clean(): pass')", "uses exec"),
        ("__import__('sys').path.append('..')", "uses __import__"),
        ("frame.groupBy('carrier').count()", "transforms: .groupBy()"),
        ("frame.withColumn('late', frame.delay > 15)", "transforms: .withColumn()"),
        ("frame.where('delay > 15').show()", "transforms: .where()"),
        ("frame.join(other, 'id')", "transforms: .join()"),
        ("spark.sql('SELECT 1').show()", "transforms: .sql()"),
        ("run.spark", "reaches for .spark"),
        ("run.warehouse.read('flights')", "reaches for .warehouse"),
        ("frame['late'] = 1", "assigns to a part of something"),
        ("run.as_of = None", "assigns to a part of something"),
    ],
)
def test_what_notebooks_must_not_hold_is_refused(source: str, said: str) -> None:
    assert f"cell-1: {said}" in list(refusals(notebook_of(source)))


def test_stored_output_another_format_another_kernel_and_missing_parameters_are_refused() -> None:
    shown, counted = notebook_of("1 + 1"), notebook_of("1 + 1")
    shown.cells[1].outputs = [new_output("stream", text="2")]
    counted.cells[1].execution_count = 3
    assert list(refusals(shown)) == list(refusals(counted)) == ["cell-1: stored output"]
    old, other, bare = notebook_of(), notebook_of(), notebook_of()
    old.nbformat_minor = 4
    other.metadata["kernelspec"]["name"] = "scala"
    bare.cells[0].metadata = {}
    assert list(refusals(old)) == ["format 4.4, and not 4.5"]
    assert list(refusals(other)) == ["its kernel is not python3"]
    assert list(refusals(bare)) == ["its first code cell is not tagged parameters"]
