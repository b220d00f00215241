"""Every notebook runs from its folder on a small shop, in a kernel of its own process, and shows what it says it shows."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from solvent.investigation import investigations
from solvent.jobs.ingest import ingest_files
from solvent.jobs.monitor import monitor_version
from solvent.jobs.score import score_interval
from solvent.registry import CHAMPION

NOTEBOOKS = Path(__file__).resolve().parent.parent.parent / "notebooks"
HISTORY, SCORED, TURNS, ENDS = date(2024, 6, 10), date(2024, 7, 1), date(2024, 7, 13), date(2024, 8, 6)
Execute = Callable[..., NotebookNode]


def executed(kernel: KernelManager, folder: Path, name: str, **parameters: object) -> NotebookNode:
    """A notebook with other parameters, after it has run; they are set in a cell of their own, as papermill does."""
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", nbformat.NO_CONVERT)
    (place,) = (n for n, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ()))
    unknown = [one for one in parameters if one not in notebook.cells[place].source]
    assert not unknown, f"{name} has no parameter {unknown}"
    given = "\n".join(f"{one} = {value!r}" for one, value in parameters.items())
    notebook.cells.insert(place + 1, new_code_cell(given, id="given"))
    NotebookClient(notebook, km=kernel, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    return notebook


def opened(shop: Any) -> Iterator[Execute]:
    """A kernel in the folder notebooks/ of a shop, with the interpreter and the imports of the tests; one for several notebooks."""
    folder = shop.root / "notebooks"
    folder.mkdir(exist_ok=True)
    kernel = KernelManager(kernel_name="python3")
    kernel.start_kernel(cwd=str(folder), env=shop.environ)
    try:
        yield lambda name, **parameters: executed(kernel, folder, name, PROJECT="shop", **parameters)
    finally:
        kernel.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def execute(newly_released: Any) -> Iterator[Execute]:
    """Executes a notebook on a shop with a champion and a baseline, of which nothing is changed."""
    yield from opened(newly_released)


def texts(notebook: NotebookNode) -> dict[str, str]:
    """What each cell shows as text, tables as HTML."""
    found = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            data = [one.get("data", {}) for one in cell.outputs]
            told = [one.get("text", "") for one in cell.outputs]
            found[cell.id] = "".join([*told, *(one.get("text/html") or one.get("text/plain", "") for one in data)])
    return found


def pictures(notebook: NotebookNode) -> dict[str, bytes]:
    """The picture of each cell that shows one; no cell shows two."""
    found = {}
    for cell in notebook.cells:
        shown = [one["data"]["image/png"] for one in cell.get("outputs", ()) if "image/png" in one.get("data", {})]
        assert len(shown) <= 1, cell.id
        if shown:
            found[cell.id] = base64.b64decode(shown[0])
    return found


def require_sound(notebook: NotebookNode, *drawn: str) -> dict[str, str]:
    """Each of these cells shows a picture, no other does, and nothing is said to be wrong; the texts."""
    seen = pictures(notebook)
    assert list(seen) == list(drawn)
    assert all(one.startswith(b"\x89PNG") and len(one) > 2_000 for one in seen.values())
    assert [one for cell in notebook.cells for one in cell.get("outputs", ()) if one.output_type == "error"] == []
    return texts(notebook)


def test_data_and_features_are_explored(execute: Execute) -> None:
    notebook = execute("explore_data", AS_OF="2024-03-01")
    told = require_sound(notebook, "facts-by-day", "missing", "strength", "label")
    assert all(word in told["sources"] for word in ("orders", "customers", "1,530"))
    assert "Orders of the customer that were returned in the last 14 days" in told["features"]


def test_a_prediction_is_explained(execute: Execute) -> None:
    notebook = execute("explain_a_prediction")
    told = require_sound(notebook, "by-feature", "by-group")
    assert "shop version 1: {'id'" in told["open"]
    assert "amount" in told["facts"]
    assert "region" in told["beside"]
    assert "Region of the customer" in told["features"]
    assert "threshold" in told["score"]


def test_two_models_are_compared(execute: Execute) -> None:
    notebook = execute("compare_models")
    told = require_sound(notebook, "metrics", "slices", "predictions")
    assert all(word in told["changes"] for word in ("region", "north", "south"))
    assert "GBTClassifier" in told["differences"]
    # A model is compared with one of its own rows, and is the same.
    same = execute("compare_models", BEFORE="1", AFTER="1")
    assert "nothing" in texts(same)["differences"]


@pytest.mark.long
def test_an_alarm_is_investigated_and_a_row_of_it_explained(
    newly_released: Any, make_order_lines: Any, turned: Any, tmp_path: Path
) -> None:
    shop = newly_released.copied(tmp_path / "shop")
    lines = [*make_order_lines(HISTORY, TURNS), *map(turned, make_order_lines(TURNS, ENDS))]
    shop.land("orders", "july.csv", ["id,customer,placed,amount,returned", *lines])
    run = shop.run(ENDS)
    ingest_files(run)
    version = run.registry.find("shop", CHAMPION)
    score_interval(run, version, *(datetime(day.year, day.month, day.day, tzinfo=UTC) for day in (SCORED, ENDS)))
    monitor_version(run, version)
    (one,) = investigations(run.warehouse, version)
    for execute in opened(shop):
        notebook = execute("investigate_an_alarm")
        told = require_sound(notebook, "deviations", "causes", "inputs")
        assert f"{one.id} (opened)" in told["open"]
        assert all(found["metric"] in told["findings"] for found in one.findings)
        assert "order_amount" in told["places"]
        # The worst row of the alarm was never in a holdout: its features are built from the sources of its batch.
        hit = min(int(line.split(",")[0]) for line in lines if f">{line.split(',')[0]}<" in told["examples"])
        explained = require_sound(execute("explain_a_prediction", KEY={"id": hit}), "by-feature", "by-group")
        assert f"'id': {hit}" in explained["open"]
