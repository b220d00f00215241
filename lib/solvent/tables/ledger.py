"""Small tables read without a Spark session where they are in a folder of this machine: what a plan looks at takes no session to see."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from solvent.config.environment import Environment
from solvent.session import session
from solvent.tables.warehouse import Warehouse, folder_of


def ledger_rows(environment: Environment, project: str, table: str) -> list[dict[str, Any]]:
    """All rows of a table that grows by a few rows for each run, times in UTC without a zone; none where there is no table.

    Args:
        environment: Where tables are.
        project: Whose.
        table: Its name.
    """
    folder = folder_of(environment.tables, project, table)
    if folder is None:
        warehouse = Warehouse(session(environment), environment.tables, project)
        if not warehouse.exists(table):
            return []
        return [row.asDict(recursive=True) for row in warehouse.read(table).collect()]
    if not (folder / "_delta_log").is_dir():
        return []
    # Each file is read here and now: a dataset's reading threads now and then end the process with an abort.
    names = pa.table(DeltaTable(folder).get_add_actions())["path"].to_pylist()
    return [row for name in names for row in pq.read_table(folder / name, use_threads=False).to_pylist()]
