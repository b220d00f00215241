"""The batches of predictions: which are claimed, and which are complete.

A batch is claimed before it is scored, and a row of the ledger completes it once its predictions are appended. Claims are numbered, by
turns: whoever has one completes those before it that may hold its rows, whosever they are, and then its own, from what the claims say. So a
row that two claims hold is scored for the first of them, whoever scores it and however often, and what a killed run left is found by the
next that comes near. Two runs may work on one batch at the same time; its predictions and its row of the ledger are appended once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from solvent.config.base import digest_of
from solvent.config.expressions import Column
from solvent.errors import RefusedError, TurnError
from solvent.registry import ModelVersion
from solvent.sources.pins import Pin
from solvent.tables.warehouse import Warehouse

CLAIMS, BATCHES = "score_claims", "score_batches"
CLAIM_COLUMNS = (
    Column("batch", "STRING"),
    Column("sequence", "BIGINT"),
    Column("model", "STRING"),
    Column("model_version", "BIGINT"),
    Column("model_digest", "STRING"),
    Column("since", "TIMESTAMP"),
    Column("until", "TIMESTAMP"),
    Column("pins", "STRING"),
    Column("table", "STRING"),
    Column("claimed_at", "TIMESTAMP"),
)
BATCH_COLUMNS = (
    Column("batch", "STRING"),
    Column("sequence", "BIGINT"),
    Column("model", "STRING"),
    Column("model_version", "BIGINT"),
    Column("model_digest", "STRING"),
    Column("manifest_digest", "STRING"),
    Column("since", "TIMESTAMP"),
    Column("until", "TIMESTAMP"),
    Column("pins", "STRING"),
    Column("code", "STRING"),
    Column("features_digest", "STRING"),
    Column("table", "STRING"),
    Column("version", "BIGINT"),
    Column("rows", "BIGINT"),
    Column("scored_before", "BIGINT"),
    Column("unscored", "BIGINT"),
    Column("seconds", "DOUBLE"),
    Column("scored_at", "TIMESTAMP"),
)


@dataclass(frozen=True)
class ScoreBatch:
    """What became of the rows of an interval: rows found = rows + scored_before + unscored.

    Attributes:
        batch: Digest that names it.
        model: Registered name.
        model_version: Its version.
        model_digest: Its digest.
        since: First prediction time.
        until: Prediction times are before it.
        pins: What features were built from.
        features_digest: Digest of the content of key and features of the rows scored.
        table: Where predictions are.
        version: Version of the table that brought them.
        rows: Rows scored.
        scored_before: Rows that had a prediction of this model.
        unscored: Rows for which the model gave no probability, or no finite number.
        seconds: How long it took.
    """

    batch: str
    model: str
    model_version: int
    model_digest: str
    since: datetime
    until: datetime
    pins: tuple[Pin, ...]
    features_digest: str
    table: str
    version: int
    rows: int
    scored_before: int
    unscored: int
    seconds: float


@dataclass(frozen=True)
class Interval:
    """What to score: prediction times in [since, until), with sources at pins."""

    since: datetime
    until: datetime
    pins: tuple[Pin, ...]


@dataclass(frozen=True)
class Claim:
    """An interval that a model is to score, as the one with a number.

    Attributes:
        batch: Digest that names it.
        sequence: Its number.
        model: Registered name.
        model_version: Its version.
        model_digest: Its digest.
        interval: What to score.
        table: Where predictions go.
    """

    batch: str
    sequence: int
    model: str
    model_version: int
    model_digest: str
    interval: Interval
    table: str

    def overlaps(self, other: Claim) -> bool:
        """Whether a row may be in both."""
        return self.interval.since < other.interval.until and other.interval.since < self.interval.until


def claimed(warehouse: Warehouse, version: ModelVersion, interval: Interval, table: str) -> tuple[Claim, list[Claim]]:
    """Claims an interval for a model, unless it was claimed.

    Returns:
        The claim; and those of the model for the table that are not complete, from the first to this one.
    """
    warehouse.create(CLAIMS, CLAIM_COLUMNS)
    name = batch_name(version, interval)
    while name not in (claims := claims_in(warehouse)):
        last = max((one.sequence for one in claims.values()), default=0)
        # Batches of before there were claims have numbers, too.
        turn = 1 + max([last, *(row["sequence"] for row in warehouse.rows(BATCHES))])
        row = (
            *(name, turn, version.name, version.version, version.digest, interval.since, interval.until),
            *(pins_text(interval.pins), table, datetime.now(UTC)),
        )
        # Where another claim had the turn, this one has a later one.
        with suppress(TurnError):
            warehouse.append_rows(CLAIMS, [row], CLAIM_COLUMNS, name, turn)
    mine, complete = claims[name], {one.batch for one in batches(warehouse, version.digest)}
    waiting = [one for one in claims.values() if one.sequence <= mine.sequence and one.batch not in complete]
    return mine, [one for one in waiting if (one.model_digest, one.table) == (mine.model_digest, mine.table)]


def claims_in(warehouse: Warehouse) -> dict[str, Claim]:
    """All claims by name, from the first."""
    rows = sorted(warehouse.rows(CLAIMS), key=lambda row: row["sequence"])
    return {
        row["batch"]: Claim(
            *(row["batch"], row["sequence"], row["model"], row["model_version"], row["model_digest"]),
            Interval(row["since"], row["until"], pins_in(row["pins"])),
            row["table"],
        )
        for row in rows
    }


def batch_name(version: ModelVersion, interval: Interval) -> str:
    """The digest that names a batch."""
    pins = [[pin.source, pin.digest] for pin in interval.pins]
    return digest_of([version.name, version.digest, interval.since.isoformat(), interval.until.isoformat(), pins])


def note(warehouse: Warehouse, made: ScoreBatch, sequence: int, manifest: str, code: str) -> None:
    """Enters a batch into the ledger, which completes it."""
    warehouse.create(BATCHES, BATCH_COLUMNS)
    row = (
        *(made.batch, sequence, made.model, made.model_version, made.model_digest, manifest),
        *(made.since, made.until, pins_text(made.pins), code, made.features_digest, made.table, made.version),
        *(made.rows, made.scored_before, made.unscored, made.seconds, datetime.now(UTC)),
    )
    warehouse.append_rows(BATCHES, [row], BATCH_COLUMNS, made.batch)


def batches(warehouse: Warehouse, model_digest: str) -> list[ScoreBatch]:
    """The complete batches of a model, from the first."""
    rows = warehouse.rows(BATCHES, model_digest=model_digest)
    return [batch_from(row) for row in sorted(rows, key=lambda row: row["sequence"])]


def require_scored(warehouse: Warehouse, version: ModelVersion) -> list[ScoreBatch]:
    """The complete batches of a version, from the first.

    Raises:
        RefusedError: If there is none.
    """
    found = batches(warehouse, version.digest)
    if not found:
        raise RefusedError(f"{version} has scored nothing; run `solvent score` first")
    return found


def find_batch(warehouse: Warehouse, name: str) -> ScoreBatch | None:
    """A complete batch, if there is one of that name."""
    return next((batch_from(row) for row in warehouse.rows(BATCHES, batch=name)), None)


def batch_from(row: Mapping[str, Any]) -> ScoreBatch:
    """A batch as the ledger has it."""
    values = {name: row[name] for name in ScoreBatch.__dataclass_fields__}
    return ScoreBatch(**{**values, "pins": pins_in(row["pins"])})


def pins_text(pins: Sequence[Pin]) -> str:
    """Pins as the tables have them."""
    return json.dumps([pin.document() for pin in pins])


def pins_in(text: str) -> tuple[Pin, ...]:
    """Pins from how the tables have them."""
    return tuple(Pin(**pin) for pin in json.loads(text))
