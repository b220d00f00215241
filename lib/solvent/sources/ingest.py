"""From landing files into append-only Delta sources.

A batch is the set of files of a source not seen before; its name is the digest of their names and contents. It is done in steps, each of
which happens at most once however often it is tried: all files are read and judged; they are noted (ingest_files), which claims them
against other runs; bad rows go to quarantine and good rows to the source; the counts go to ingest_batches, whose row makes the batch
complete. A killed run is finished by the next. Sources do not depend on each other: they are taken in at the same time, and one whose files
are refused holds up no other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import digest_of
from solvent.config.expressions import Column
from solvent.config.project import Project
from solvent.session import SPARK_ERRORS, at_once, kept
from solvent.sources.acceptance import judged, sorted_out, within_reach
from solvent.sources.arrivals import (
    FILES,
    Arrival,
    Refused,
    arrival_of,
    changed_files,
    claim_files,
    data_files,
    files_taken_in,
    growing_files,
    unfinished_arrivals,
)
from solvent.sources.landing import files_below, landing_files, listing, refuse, unread
from solvent.sources.pins import BATCH, BATCHES, FILE, QUARANTINE, IngestedBatch, last_batches, source_table
from solvent.sources.reading import Headers, examine, raw_rows
from solvent.tables import Content, Version, Warehouse, contents_of

FATES = ("accepted", "quarantined", "duplicate")
DAMAGED = "cannot be read to its end, it is cut off or damaged; land it again whole"


@dataclass(frozen=True)
class Batch:
    """What became of the files of a batch: rows_in = accepted + quarantined + duplicates."""

    source: str
    files: int
    rows_in: int
    accepted: int
    quarantined: int
    duplicates: int
    version: int


@dataclass(frozen=True)
class Sifted:
    """The rows of an arrival with their fates, cached; how many have which fate; and the content of those accepted."""

    arrival: Arrival
    rows: DataFrame
    counts: Mapping[str, int]
    content: Content


def ingest(
    warehouse: Warehouse, project: Project, landing: str, say: Callable[[str], object] = lambda _: None
) -> list[Batch]:
    """Brings every new landing file of a project into its sources.

    Args:
        warehouse: The project's tables.
        project: Declares the sources.
        landing: The folder that holds one folder per source.
        say: Is told of files that are left alone or for later, and of folders without a file.

    Returns:
        The batches taken in now, in the alphabetical order of sources; none if there is nothing new.

    Raises:
        IngestError: If a file cannot be read as its source declares, or has changed since it was ingested. Nothing of its source is
            ingested then, and all of the others.
    """
    folders = {
        name: f"{landing.rstrip('/')}/{source.landing.folder or name}"
        for name, source in sorted(project.sources.items())
    }
    # Counted before anything else is read, so that what another run appends meanwhile takes the turn.
    noted = FILES.count(warehouse)
    listed = listing(warehouse, landing)
    found = {name: files_below(folder, listed) for name, folder in folders.items()}
    seen = files_taken_in(warehouse, found)
    data = {name: data_files(warehouse, project, name, folders[name], found[name], seen[name], say) for name in folders}
    files = landing_files(warehouse, data, seen)
    refused = changed_files(folders, files, seen)
    complete, done = BATCHES.count(warehouse), last_batches(warehouse, folders)
    if complete or any(files.values()):
        create_tables(warehouse, project)
    batches = []
    left = {name: folder for name, folder in folders.items() if name not in refused}
    for arrival in unfinished_arrivals(warehouse, project, left, files, done):
        batches += take_in(warehouse, [arrival], complete, refused)
        complete, done = BATCHES.count(warehouse), last_batches(warehouse, folders)
    new = [
        arrival_of(project, name, folders[name], unseen, done.get(name))
        for name in folders
        if name not in refused and (unseen := [file for file in files[name] if file.file not in seen[name]])
    ]
    if new:
        batches += take_in(warehouse, new, complete, refused, (landing, noted))
    if refused and batches:
        say(f"taken in all the same: {', '.join(sorted({batch.source for batch in batches}))}")
    refuse([line for _, lines in sorted(refused.items()) for line in lines])
    return batches


def create_tables(warehouse: Warehouse, project: Project) -> None:
    """Makes the tables that are not there; a source that is there must be the one declared."""
    create = [partial(ledger.create, warehouse) for ledger in (FILES, BATCHES, QUARANTINE)]
    for name, source in sorted(project.sources.items()):
        columns = (*source.columns, Column(BATCH, "STRING"), Column(FILE, "STRING"))
        create.append(partial(warehouse.create, source_table(name), columns))
    at_once(lambda one: one(), create)


def take_in(
    warehouse: Warehouse,
    arrivals: Sequence[Arrival],
    done: int,
    refused: Refused,
    unnoted: tuple[str, int] | None = None,
) -> list[Batch]:
    """Takes in one arrival of each source, whatever part of it was done before.

    Args:
        warehouse: The project's tables.
        arrivals: What to take in; all of it is read before anything is written.
        done: How many batches were complete before.
        refused: Is given those arrivals of which a file is unfit; they are not taken in.
        unnoted: Where the files are, and how many files were noted before; None if these are noted already.
    """
    looked = examined(warehouse, arrivals, refused)
    with ExitStack() as cached:
        sifted = at_once(lambda one: sift(warehouse, *one, cached), looked)
        if unnoted is not None:
            landing, noted = unnoted
            refused |= growing_files(warehouse, [one.arrival for one in sifted], landing)
            sifted = [one for one in sifted if one.arrival.name not in refused]
        if not sifted:
            return []
        if unnoted is not None:
            claim_files(warehouse, [one.arrival for one in sifted], noted)
        versions = at_once(lambda one: append_sifted(warehouse, one), sifted)
    now, taken = datetime.now(UTC), list(zip(sifted, versions, strict=True))
    name = digest_of([one.arrival.batch for one in sifted])
    BATCHES.append(warehouse, [ingested_batch(*one, now) for one in taken], name, turn=done)
    return [batch_of(*one) for one in taken]


def examined(warehouse: Warehouse, arrivals: Sequence[Arrival], refused: Refused) -> list[tuple[Arrival, Headers]]:
    """The arrivals whose files are fit, each with its headers, once it has been read to its end; refused is given the others."""

    def look(arrival: Arrival) -> tuple[Headers, dict[str, str]]:
        unfit = {file.file: why for file in arrival.files if (why := file.refusal) is not None}
        while files := [file for file in arrival.files if file.file not in unfit]:
            try:
                headers, found = examine(warehouse, arrival.source, arrival.folder, files)
                return headers, unfit | found
            except SPARK_ERRORS as error:
                unfit[unread(error, [file.file for file in files])] = DAMAGED
        return {}, unfit

    looked = list(zip(arrivals, at_once(look, arrivals), strict=True))
    refused |= {
        arrival.name: [f"{arrival.folder}/{file}: {why}" for file, why in sorted(unfit.items())]
        for arrival, (_, unfit) in looked
        if unfit
    }
    return [(arrival, headers) for arrival, (headers, unfit) in looked if not unfit]


def sift(warehouse: Warehouse, arrival: Arrival, headers: Headers, cached: ExitStack) -> Sifted:
    """Reads and judges all rows of an arrival, once, and keeps them until the end of cached."""
    source = arrival.source
    names = [column.name for column in source.columns]
    raw = raw_rows(warehouse, source, arrival.folder, arrival.files, headers)
    new, earlier = judged(raw, source, arrival.predicted), None
    fates = [F.count_if(F.col("_fate") == fate) for fate in FATES]
    if arrival.sequence > 1:
        stored = warehouse.read(source_table(arrival.name)).where(F.col(BATCH) != arrival.batch)
        new = cached.enter_context(kept(new))
        earlier = within_reach(stored, new, source)
    rows = cached.enter_context(kept(sorted_out(new, source, earlier)))
    content, counts = contents_of(rows, names, *fates, among=F.col("_fate") == "accepted")
    return Sifted(arrival, rows, {fate: int(str(count)) for fate, count in zip(FATES, counts, strict=True)}, content)


def append_sifted(warehouse: Warehouse, sifted: Sifted) -> Version:
    """Appends refused rows to quarantine and accepted ones to the source; the version of the source that has them."""
    arrival, rows = sifted.arrival, sifted.rows
    if sifted.counts["quarantined"]:
        refused = rows.where(F.col("_fate") == "quarantined").select(
            F.lit(arrival.name).alias("source"),
            F.lit(arrival.batch).alias("batch"),
            F.col(FILE).alias("file"),
            F.col("_reason").alias("reason"),
            F.col("_raw").alias("raw"),
        )
        QUARANTINE.append_frame(warehouse, refused, arrival.batch)
    table, columns = source_table(arrival.name), [column.name for column in arrival.source.columns]
    good = rows.where(F.col("_fate") == "accepted").select(*columns, F.lit(arrival.batch).alias(BATCH), FILE)
    warehouse.append(table, good, arrival.batch)
    return warehouse.brought(table, arrival.batch)


def ingested_batch(sifted: Sifted, version: Version, now: datetime) -> IngestedBatch:
    """A batch as its ledger has it."""
    arrival, counts = sifted.arrival, sifted.counts
    return IngestedBatch(
        source=arrival.name,
        batch=arrival.batch,
        sequence=arrival.sequence,
        rows_in=sum(counts.values()),
        accepted=counts["accepted"],
        quarantined=counts["quarantined"],
        duplicates=counts["duplicate"],
        table_id=version.id,
        version=version.version,
        version_timestamp=version.timestamp,
        content=sifted.content.text,
        total_content=(arrival.before + sifted.content).text,
        ingested_at=now,
    )


def batch_of(sifted: Sifted, version: Version) -> Batch:
    """A batch as its job tells it."""
    accepted, quarantined, duplicates = (sifted.counts[fate] for fate in FATES)
    rows_in = accepted + quarantined + duplicates
    name, files = sifted.arrival.name, len(sifted.arrival.files)
    return Batch(name, files, rows_in, accepted, quarantined, duplicates, version.version)
