"""A retraining that is killed between its decision and its record: the next one records it, and does not make it again."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from solvent.jobs.ingest import ingest_files
from solvent.jobs.retrain import retrain_champion
from solvent.release import decisions
from solvent.retraining.ledger import RETRAININGS
from solvent.tables.folder import alone

KILLED, NEXT = date(2024, 3, 8), date(2024, 3, 9)


@pytest.mark.long
def test_the_next_retraining_records_one_that_was_decided_on(
    newly_released: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shop = newly_released.copied(tmp_path_factory.mktemp("killed") / "shop")
    shop.land_orders(date(2024, 3, 1), NEXT)
    path = shop.root / "conf/shop/model.yml"
    path.write_text(path.read_text() + "retrain: {every: 5 days}\n")
    shop.commit()
    run = shop.run(NEXT)
    ingest_files(run)
    RETRAININGS.create(run.warehouse)
    before = len(decisions(run.warehouse))
    command = [sys.executable, "-m", "solvent.cli", "--root", str(shop.root), "retrain", "--project", "shop"]
    folder = run.warehouse.folder(RETRAININGS.table)
    assert isinstance(folder, Path)
    # Nobody else writes the table now, so that the retraining waits there.
    with alone(folder):
        retraining = subprocess.Popen([*command, "--as-of", str(KILLED)], cwd=shop.root, env=shop.environ)
        while len(decisions(run.warehouse)) == before:
            assert retraining.poll() is None
            time.sleep(0.1)
        time.sleep(3)
        retraining.send_signal(signal.SIGKILL)
        assert retraining.wait() == -signal.SIGKILL
    assert RETRAININGS.rows(run.warehouse) == []
    decided = decisions(run.warehouse)[-1]
    # It is as if it had not been killed: the policy asks for the next one in five days.
    assert retrain_champion(run, "local") is None
    rows = RETRAININGS.select(run.warehouse, *RETRAININGS.names)
    assert [(row["as_of"], row["champion_version"], row["version"]) for row in rows] == [
        (KILLED, 1, decided.to_version)
    ]
    assert [(row["promoted"], row["reason"]) for row in rows] == [(decided.passed, decided.reason)]
    assert rows[0]["triggers"] == ["the last training looks from 2024-03-01, 7 days ago (every 5 days)"]
    assert len(decisions(run.warehouse)) == before + 1
