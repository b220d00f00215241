"""The batches of predictions: which are claimed, and which are complete.

A batch is claimed before it is scored, and a row of the ledger completes it once its predictions are appended. Claims are numbered, by
turns: whoever has one completes those before it that may hold its rows, whosever they are, and then its own, from what the claims say. So a
row that two claims hold is scored for the first of them, whoever scores it and however often, and what a killed run left is found by the
next that comes near. Two runs may work on one batch at the same time; its predictions and its row of the ledger are appended once.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import attrgetter
from typing import Annotated

from pyspark.sql import functions as F

from solvent.config.base import digest_of
from solvent.errors import RefusedError, TurnError
from solvent.features.table import predicted_within
from solvent.registry import ModelVersion
from solvent.sources.pins import Pin
from solvent.tables import JSON, Between, Ledger, Warehouse


@dataclass(frozen=True)
class ScoreBatch:
    """What became of the rows of an interval: rows found = rows + scored_before + unscored.

    Attributes:
        batch: Digest that names it.
        sequence: The number of its claim.
        model: Registered name.
        model_version: Its version.
        model_digest: Its digest.
        manifest_digest: That of the model's manifest.
        since: First prediction time.
        until: Prediction times are before it.
        pins: What features were built from.
        code: Digest of the code.
        features_digest: Digest of the content of key and features of the rows scored.
        table: Where predictions are.
        version: Version of the table that brought them.
        rows: Rows scored.
        scored_before: Rows that had a prediction of this model.
        unscored: Rows for which the model gave no probability, or no finite number.
        seconds: How long it took.
        scored_at: When it was complete.
    """

    batch: str
    sequence: int
    model: str
    model_version: int
    model_digest: str
    manifest_digest: str
    since: datetime
    until: datetime
    pins: Annotated[tuple[Pin, ...], JSON]
    code: str
    features_digest: str
    table: str
    version: int
    rows: int
    scored_before: int
    unscored: int
    seconds: float
    scored_at: datetime


@dataclass(frozen=True)
class Interval:
    """What to score: prediction times in [since, until), with sources at pins."""

    since: datetime
    until: datetime
    pins: Annotated[tuple[Pin, ...], JSON]


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
        claimed_at: When.
    """

    batch: str
    sequence: int
    model: str
    model_version: int
    model_digest: str
    interval: Interval
    table: str
    claimed_at: datetime

    def overlaps(self, other: Claim) -> bool:
        """Whether a row may be in both."""
        return self.interval.since < other.interval.until and other.interval.since < self.interval.until


CLAIMS, BATCHES = Ledger("score_claims", Claim), Ledger("score_batches", ScoreBatch)


def claimed(warehouse: Warehouse, version: ModelVersion, interval: Interval, table: str) -> tuple[Claim, list[Claim]]:
    """Claims an interval for a model, unless it was claimed.

    Returns:
        The claim; and those of the model for the table that are not complete, from the first to this one.
    """
    name = batch_name(version, interval)
    while (mine := next(iter(CLAIMS.rows(warehouse, batch=name)), None)) is None:
        # Batches of before there were claims have numbers, too.
        last = CLAIMS.last(warehouse, "sequence"), BATCHES.last(warehouse, "sequence")
        turn = 1 + max((one.sequence for one in last if one is not None), default=0)
        claim = Claim(name, turn, version.name, version.version, version.digest, interval, table, datetime.now(UTC))
        # Where another claim had the turn, this one has a later one.
        with suppress(TurnError):
            CLAIMS.append(warehouse, [claim], name, turn)
    # Of the claims of years, only the names are read, and of those that wait all else.
    model = {"model_digest": mine.model_digest, "table": mine.table}
    complete = {row["batch"] for row in BATCHES.select(warehouse, "batch", model_digest=mine.model_digest)}
    known = CLAIMS.select(warehouse, "batch", sequence=Between(None, mine.sequence), **model)
    names = tuple(row["batch"] for row in known if row["batch"] not in complete)
    waiting = CLAIMS.rows(warehouse, batch=names, **model) if names else []
    return mine, sorted(waiting, key=attrgetter("sequence"))


def batch_name(version: ModelVersion, interval: Interval) -> str:
    """The digest that names a batch."""
    pins = [[pin.source, pin.digest] for pin in interval.pins]
    return digest_of([version.name, version.digest, interval.since.isoformat(), interval.until.isoformat(), pins])


def append_batch(warehouse: Warehouse, made: ScoreBatch) -> None:
    """Enters a batch into the ledger, which completes it."""
    BATCHES.append(warehouse, [made], made.batch)


def batches(warehouse: Warehouse, model_digest: str) -> list[ScoreBatch]:
    """The complete batches of a model, from the first."""
    return sorted(BATCHES.rows(warehouse, model_digest=model_digest), key=attrgetter("sequence"))


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
    return next(iter(BATCHES.rows(warehouse, batch=name)), None)


def has_predictions(warehouse: Warehouse, claim: Claim) -> bool:
    """Whether predictions of a claim are there."""
    within = predicted_within(claim.interval.since, claim.interval.until)
    return not warehouse.read(claim.table).where(within & (F.col("batch") == claim.batch)).isEmpty()
