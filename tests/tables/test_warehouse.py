"""Tables under several writers."""

from __future__ import annotations

import time
from pathlib import Path
from threading import Barrier, Thread

from pyspark.sql import SparkSession

from solvent.config.environment import Tables
from solvent.config.expressions import Column
from solvent.tables.warehouse import Warehouse


def test_a_table_is_made_once_by_writers_that_come_while_it_is_being_made(spark: SparkSession, tmp_path: Path) -> None:
    warehouse = Warehouse(spark, Tables(path=str(tmp_path)), "race")
    failed: list[str] = []

    def make(table: str, gate: Barrier, delay: float) -> None:
        gate.wait(60)
        time.sleep(delay)
        try:
            warehouse.create(table, [Column("a", "INT")])
        except Exception as error:
            failed.append(str(error))

    for number in range(10):
        gate = Barrier(3)
        writers = [Thread(target=make, args=(f"t{number}", gate, 0.03 * late * (number % 5))) for late in range(3)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert warehouse.read(f"t{number}").columns == ["a"]
    assert failed == []
