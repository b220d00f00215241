"""Small tables read without a Spark session where they are in a folder of this machine: what a plan looks at takes no session to see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from deltalake import DeltaTable

from solvent.config.environment import Environment
from solvent.session import session
from solvent.tables.warehouse import Warehouse


def ledger_rows(environment: Environment, project: str, table: str) -> list[dict[str, Any]]:
    """All rows of a table that grows by a few rows for each run; none where there is no table.

    Args:
        environment: Where tables are.
        project: Whose.
        table: Its name.
    """
    path = environment.tables.path
    if path is None or "://" in path:
        warehouse = Warehouse(session(environment), environment.tables, project)
        if not warehouse.exists(table):
            return []
        return [row.asDict(recursive=True) for row in warehouse.read(table).collect()]
    folder = Path(path) / project / table
    if not (folder / "_delta_log").is_dir():
        return []
    rows: list[dict[str, Any]] = DeltaTable(folder).to_pyarrow_table().to_pylist()
    return rows
