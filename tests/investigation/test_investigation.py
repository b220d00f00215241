"""An alarm on a small model: one investigation with its page, its states, its message, and monitoring that starts anew."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from click.testing import CliRunner
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from solvent.cli import main
from solvent.features import Feature
from solvent.features.profile import Reference
from solvent.investigation import investigations, judged_from, notify
from solvent.investigation.cells import cell_sums, splits_of
from solvent.investigation.investigation import INVESTIGATIONS, may_open
from solvent.investigation.webhook import DELIVERIES, deliver
from solvent.jobs import alarms
from solvent.jobs.alarms import notify_webhook
from solvent.jobs.ingest import ingest_files
from solvent.jobs.monitor import monitor_version
from solvent.jobs.score import score_interval
from solvent.kinds import KINDS
from solvent.report import investigation_page

HISTORY, SCORED, TURNS, ENDS = date(2024, 6, 10), date(2024, 7, 1), date(2024, 7, 13), date(2024, 8, 6)
RESOLVED = date(2024, 8, 1)


def moment(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def baseline(run: Any) -> Any:
    """The version that lives here: a baseline is watched, too."""
    return run.registry.find("shop_baseline", "1")


@pytest.fixture(scope="module")
def living(released: Any, make_order_lines: Any, turned: Any) -> Any:
    """A Shop whose baseline scored 36 days, of which the last 24 have the opposite outcome."""
    lines = [*make_order_lines(HISTORY, TURNS), *map(turned, make_order_lines(TURNS, ENDS))]
    released.land("orders", "july.csv", ["id,customer,placed,amount,returned", *lines])
    run = released.run()
    ingest_files(run)
    score_interval(run, baseline(run), moment(SCORED), moment(ENDS))
    return released


@pytest.fixture(scope="module")
def dossiers() -> list[Any]:
    """What pages were made of."""
    return []


@pytest.fixture(scope="module")
def opened(living: Any, dossiers: list[Any]) -> Any:
    """The investigation that monitoring opens."""

    def kept(dossier: Any, *others: Any) -> str:
        dossiers.append(dossier)
        return investigation_page(dossier, *others)

    told: list[str] = []
    run = living.run(ENDS, told.append)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alarms, "investigation_page", kept)
        monitor_version(run, baseline(run))
    (found,) = investigations(run.warehouse, baseline(run))
    assert any(f"investigation {found.id}" in line and found.report in line for line in told)
    return found


def command(shop: Any, *words: str) -> Any:
    return CliRunner().invoke(main, ["--root", str(shop.root), *words, "--project", "shop"])


def test_an_alarm_opens_one_investigation_that_says_what_since_when_and_where(living: Any, opened: Any) -> None:
    assert (opened.state, opened.as_of, opened.reason) == ("opened", ENDS, "")
    assert opened.change_low <= TURNS <= opened.change_high
    assert opened.change <= opened.alarm <= TURNS + timedelta(days=14)
    assert {("auc", "all"), ("log_loss", "all")} <= {(one["metric"], one["slice"]) for one in opened.findings}
    assert opened.causes[0]["kind"] == "relation"
    assert "order_amount" in opened.causes[0]["text"]
    with open(opened.report, encoding="utf-8") as page:
        text = page.read()
    assert f"since <b>{opened.change}</b>" in text
    assert f"solvent resolve {opened.id}" in text
    # The environment of the shop allows rows.
    assert text.count('<tr class="example">') == 10
    assert "http" not in text.replace("http-equiv", "")
    run = living.run(ENDS)
    again = monitor_version(run, baseline(run))
    assert [one.id for one in investigations(run.warehouse, baseline(run))] == [opened.id]
    # One at a time, and one for each alarm.
    other = replace(opened, id="another alarm")
    assert not may_open(again, [other])
    assert not may_open(again, [replace(other, state="acknowledged")])
    assert not may_open(again, [replace(opened, state="resolved")])
    assert may_open(again, [replace(other, state="resolved")])
    assert INVESTIGATIONS.frame(run.warehouse).where(f"id = '{opened.id}'").count() == 1


def test_a_page_shows_no_row_where_the_environment_does_not_allow_it(
    living: Any, opened: Any, dossiers: list[Any]
) -> None:
    (dossier,) = dossiers
    hidden, shown = (investigation_page(dossier, living.run().project, "local", rows) for rows in (False, True))
    assert len(dossier.look.examples.rows) == 10
    for row in dossier.look.examples.rows:
        assert f"<td>{row[0]}</td>" in shown
        assert row[0] not in hidden
    assert "10 rows were found and are left out" in hidden


class Receiver:
    """A server that answers with the statuses given, then with 200, and keeps what it was sent."""

    def __init__(self, *statuses: int) -> None:
        self.statuses, self.received = list(statuses), []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status = receiver.statuses.pop(0) if receiver.statuses else 200
                if status == 200:
                    receiver.received.append(body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook/secret"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made: list[Receiver] = []

    def make(*statuses: int) -> Receiver:
        made.append(Receiver(*statuses))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_a_message_is_tried_again_at_once_and_its_failure_is_told_without_the_secret(receiver: Any) -> None:
    there = receiver(503, 503)
    assert deliver(there.url, "a1", {"id": "a1"}).delivered
    assert there.received == [{"id": "a1"}]
    for statuses in ((503, 503, 503), (302,), (404,)):
        refused = deliver(receiver(*statuses).url, "a1", {"id": "a1"})
        assert (refused.delivered, refused.outcome) == (False, f"status {statuses[0]}")
    there.close()
    gone = deliver(there.url, "a1", {"id": "a1"})
    assert (gone.delivered, gone.host) == (False, "127.0.0.1")
    assert "secret" not in str(gone)


def test_what_was_not_delivered_is_delivered_at_the_next_run_and_once(living: Any, opened: Any, receiver: Any) -> None:
    told: list[str] = []
    run = living.run(ENDS, told.append)
    version, warehouse = baseline(run), run.warehouse
    down = receiver()
    down.close()
    notify_webhook(run, version, down.url)
    assert "not delivered, the next run tries again" in told[-1]
    up = receiver()
    assert [one.delivered for one in notify(warehouse, "shop", version, up.url)] == [True]
    assert notify(warehouse, "shop", version, up.url) == []
    (message,) = up.received
    assert (message["id"], message["model"], message["since"]) == (
        opened.id,
        "shop_baseline",
        opened.change.isoformat(),
    )
    assert (message["report"], message["first_cause"]) == (opened.report, opened.first_cause)
    rows = DELIVERIES.frame(warehouse).where(f"id = '{opened.id}'").collect()
    assert sorted(row["delivered"] for row in rows) == [False, True]
    assert all("secret" not in str(row) for row in rows)


def test_it_is_acknowledged_and_resolved_by_command_and_monitoring_starts_anew(living: Any, opened: Any) -> None:
    version = baseline(living.run())
    assert f"{opened.id}  opened" in command(living, "investigations").output
    assert command(living, "acknowledge", opened.id, "--reason", "Ada looks").exit_code == 0
    again = command(living, "acknowledge", opened.id, "--reason", "Ada looks")
    assert (again.exit_code, again.output.splitlines()[-1]) == (
        3,
        f"error: investigation {opened.id}: was acknowledged before: Ada looks",
    )
    unknown = command(living, "resolve", "feedfacebeef", "--reason", "?")
    assert (unknown.exit_code, opened.id in unknown.output) == (2, True)
    early = command(living, "resolve", opened.id, "--reason", "?", "--as-of", str(opened.alarm))
    assert early.exit_code == 3
    done = command(living, "resolve", opened.id, "--reason", "a sale", "--as-of", str(RESOLVED))
    assert (done.exit_code, "a sale" in done.output) == (0, True)
    assert command(living, "resolve", opened.id, "--reason", "a sale").exit_code == 3
    run = living.run(ENDS)
    (found,) = investigations(run.warehouse, version)
    assert found == replace(opened, state="resolved", reason="a sale", as_of=RESOLVED)
    assert judged_from(run.warehouse, version, ENDS) == RESOLVED
    assert judged_from(run.warehouse, version, RESOLVED - timedelta(days=1)) is None
    monitored = monitor_version(run, version)
    assert monitored.life[0] == RESOLVED
    assert not any(one.deviates for one in monitored.verdict.findings)
    # 27 days of holdout, and 31 of the life that came before.
    assert max(one.expected.windows for one in monitored.verdict.findings) == 58
    assert len(investigations(run.warehouse, version)) == 1


@pytest.mark.parametrize("kind", ["binary", "regression"])
def test_sums_of_cells_are_those_of_the_rows_by_day(spark: SparkSession, kind: Any) -> None:
    rows = [
        (datetime(2024, 3, day, hour, tzinfo=UTC), value, place, prediction, label)
        for day, hour, value, place, prediction, label in [
            (1, 3, 1.0, "x", 0.25, 1.0),
            (1, 23, 5.0, None, 0.5, 0.0),
            (1, 9, None, "x", 0.75, 1.0),
            (2, 0, math.nan, "y", 0.25, 0.0),
        ]
    ]
    schema = "prediction_time TIMESTAMP, value DOUBLE, place STRING, prediction DOUBLE, label DOUBLE"
    frame = spark.createDataFrame(rows, schema).withColumn(
        "loss", KINDS[kind].loss(F.col("label"), F.col("prediction"))
    )
    reference = {"value": Reference("value", (2.0,), (), {})}
    found = cell_sums(frame, reference, [Feature("value", "double", "")], ["place"]).collect()
    days, (value, place) = splits_of(found)
    losses = [(p - y) ** 2 if kind == "regression" else -math.log(p if y else 1 - p) for *_, p, y in rows]
    assert days == [date(2024, 3, 1), date(2024, 3, 2)]
    assert value.cells == ("(missing)", "0", "1")
    assert place.cells == ("(missing)", "x", "y")
    expected = [
        [(1, losses[2], 1.0, 0.75), (1, losses[0], 1.0, 0.25), (1, losses[1], 0.0, 0.5)],
        [(1, losses[3], 0.0, 0.25), (0, 0, 0, 0), (0, 0, 0, 0)],
    ]
    assert value.sums.tolist() == [[pytest.approx(cell) for cell in day] for day in expected]
    assert place.sums[0, 1].tolist() == pytest.approx([2, losses[0] + losses[2], 2.0, 1.0])
