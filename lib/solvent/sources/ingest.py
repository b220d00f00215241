"""From landing files into append-only Delta sources.

A batch is the set of files of a source not seen before; its name is the digest of their names and contents. It is done in steps, each of
which happens at most once however often it is tried: all files are read and judged; they are noted (ingest_files), which claims them
against other runs; bad rows go to quarantine and good rows to the source; the counts go to ingest_batches, whose row makes the batch
complete. A killed run is finished by the next. Sources do not depend on each other: they are taken in at the same time, and one whose files
are refused holds up no other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from solvent.config.base import digest_of, duration_text, first_of
from solvent.config.expressions import Column
from solvent.config.project import Project
from solvent.config.source import Source
from solvent.errors import IngestError
from solvent.session import SPARK_ERRORS, at_once, kept
from solvent.sources.acceptance import judged, sorted_out, within_reach
from solvent.sources.landing import SHOWN, LandingFile, files_below, holds_data, landing_files, listing, refuse, unread
from solvent.sources.pins import BATCH, BATCH_COLUMNS, BATCHES, FILE, QUARANTINE, source_table
from solvent.sources.reading import Headers, examine, raw_rows
from solvent.tables.digest import Content, contents_of
from solvent.tables.warehouse import Version, Warehouse

FILES = "ingest_files"
FILE_COLUMNS = (
    Column("source", "STRING"),
    Column("batch", "STRING"),
    Column("sequence", "BIGINT"),
    Column("file", "STRING"),
    Column("bytes", "BIGINT"),
    Column("modified", "TIMESTAMP"),
    Column("sha256", "STRING"),
)
QUARANTINE_COLUMNS = (
    Column("source", "STRING"),
    Column("batch", "STRING"),
    Column("file", "STRING"),
    Column("reason", "STRING"),
    Column("raw", "STRING"),
)
FATES = ("accepted", "quarantined", "duplicate")

DAMAGED = "cannot be read to its end, it is cut off or damaged; land it again whole"
# Source -> what is refused of it, a line each.
Refused = dict[str, list[str]]
Seen = Mapping[str, Mapping[str, Mapping[str, Any]]]


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
class Arrival:
    """Files of a source to take in: the batch they make, its number among those of the source, and the content before it.

    Attributes:
        predicted: What else is computed of its rows later, by key: times and label, if they are predicted.
    """

    name: str
    source: Source
    folder: str
    files: Sequence[LandingFile]
    batch: str
    sequence: int
    before: Content
    predicted: Mapping[str, str]


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
    seen, listed = rows_by(warehouse, FILES, project, "file"), listing(warehouse, landing)
    found = {name: files_below(folder, listed) for name, folder in folders.items()}
    data = {name: data_files(project.sources[name], folders[name], found[name], seen[name], say) for name in folders}
    files = landing_files(warehouse, data, seen)
    refused = changed(folders, files, seen)
    done = rows_by(warehouse, BATCHES, project, "batch")
    if entries_in(done) or any(files.values()):
        create_tables(warehouse, project)
    batches = []
    left = [
        one
        for name in folders
        if name not in refused
        for one in left_by_killed(project, name, folders[name], files[name], seen, done)
    ]
    for arrival in left:
        batches += take_in(warehouse, [arrival], entries_in(done), refused)
        done = rows_by(warehouse, BATCHES, project, "batch")
    new = [
        arrival_of(project, name, folders[name], unseen, done)
        for name in folders
        if name not in refused and (unseen := [file for file in files[name] if file.file not in seen[name]])
    ]
    if new:
        noted = len({row["batch"] for rows in seen.values() for row in rows.values()})
        batches += take_in(warehouse, new, entries_in(done), refused, (landing, noted))
    if refused and batches:
        say(f"taken in all the same: {', '.join(sorted({batch.source for batch in batches}))}")
    refuse([line for _, lines in sorted(refused.items()) for line in lines])
    return batches


def entries_in(ledger: Seen) -> int:
    """How many rows a ledger has."""
    return sum(len(rows) for rows in ledger.values())


def create_tables(warehouse: Warehouse, project: Project) -> None:
    """Makes the tables that are not there; a source that is there must be the one declared."""
    tables = {FILES: FILE_COLUMNS, BATCHES: BATCH_COLUMNS, QUARANTINE: QUARANTINE_COLUMNS}
    for name, source in sorted(project.sources.items()):
        tables[source_table(name)] = (*source.columns, Column(BATCH, "STRING"), Column(FILE, "STRING"))
    at_once(lambda table: warehouse.create(table, tables[table]), list(tables))


def rows_by(warehouse: Warehouse, ledger: str, project: Project, key: str) -> dict[str, dict[str, Mapping[str, Any]]]:
    """The rows of a ledger by source and key."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {name: {} for name in project.sources}
    for row in warehouse.rows(ledger):
        found.setdefault(row["source"], {})[row[key]] = row
    return found


def data_files(
    source: Source, folder: str, found: Mapping[str, Row], seen: Mapping[str, object], say: Callable[[str], object]
) -> dict[str, Row]:
    """The files of a folder that hold data, and were not written to just now; the others are told."""
    if not found:
        say(f"{folder}: holds no file, or does not exist")
    wait = source.landing.wait
    late = datetime.now(UTC) - wait
    young = {
        file for file, row in found.items() if wait and file not in seen and (row["modificationTime"] or late) > late
    }
    if young:
        say(
            f"{folder}: left for later, as they were written to in the last {duration_text(wait)}: {first_of(sorted(young), SHOWN)}"
        )
    found = {file: row for file, row in found.items() if file not in young}
    data = {file: row for file, row in found.items() if holds_data(file, source.landing.format, seen)}
    if left := sorted(found.keys() - data.keys()):
        say(f"{folder}: left alone, as by their names they hold no {source.landing.format}: {first_of(left, SHOWN)}")
    return data


def changed(folders: Mapping[str, str], files: Mapping[str, Sequence[LandingFile]], seen: Seen) -> Refused:
    """The files that are not what they were when they were ingested."""
    refused: Refused = {}
    for name, folder in folders.items():
        for file in files[name]:
            row = seen[name].get(file.file)
            if row is None or row["sha256"] == file.sha256:
                continue
            added = (
                f"; if lines were added, cut it to its first {row['bytes']} bytes" if file.bytes > row["bytes"] else ""
            )
            refused.setdefault(name, []).append(
                f"{folder}/{file.file}: has changed since it was ingested (SHA-256 was {row['sha256'][:12]}, is "
                f"{file.sha256[:12]}); restore it, and land what is new or corrected as a new file{added}"
            )
    return refused


def growing(warehouse: Warehouse, arrivals: Sequence[Arrival], landing: str) -> Refused:
    """The files that are not, by size and time, what they were when they were hashed: what was read may be another thing."""
    listed, refused = listing(warehouse, landing), Refused()
    for one in arrivals:
        now = files_below(one.folder, listed)
        for file in one.files:
            row = now.get(file.file)
            if row is None or (row["length"], row["modificationTime"]) != (file.bytes, file.modified):
                refused.setdefault(one.name, []).append(
                    f"{one.folder}/{file.file}: was written to while it was read; run again when it is complete"
                )
    return refused


def left_by_killed(
    project: Project, name: str, folder: str, files: Sequence[LandingFile], seen: Seen, done: Seen
) -> list[Arrival]:
    """The arrivals of a source that were noted and not completed."""
    found = []
    for batch in sorted({row["batch"] for row in seen[name].values() if row["batch"] not in done[name]}):
        noted = {file for file, row in seen[name].items() if row["batch"] == batch}
        missing = sorted(noted - {file.file for file in files})
        if missing:
            raise IngestError(
                f"{folder}/{missing[0]}: is gone, and its ingestion was not finished; restore it and run again"
            )
        found.append(arrival_of(project, name, folder, [file for file in files if file.file in noted], done))
    return found


def arrival_of(project: Project, name: str, folder: str, files: Sequence[LandingFile], done: Seen) -> Arrival:
    """Files as the next batch of their source."""
    files = sorted(files, key=lambda file: file.file)
    batch = hashlib.sha256("\n".join(f"{name} {file.file} {file.sha256}" for file in files).encode()).hexdigest()
    before = reduce(Content.__add__, (Content.parse(row["content"]) for row in done[name].values()), Content())
    predicted = {} if name != project.prediction.source else project.prediction.computed
    return Arrival(name, project.sources[name], folder, files, batch, len(done[name]) + 1, before, predicted)


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
        unnoted: Where the files are, and how many batches were noted before; None if these are noted already.
    """
    looked = examined(warehouse, arrivals, refused)
    with ExitStack() as cached:
        sifted = at_once(lambda one: sift(warehouse, *one, cached), looked)
        if unnoted is not None:
            landing, noted = unnoted
            refused |= growing(warehouse, [one.arrival for one in sifted], landing)
            sifted = [one for one in sifted if one.arrival.name not in refused]
        if not sifted:
            return []
        if unnoted is not None:
            note(warehouse, [one.arrival for one in sifted], noted)
        versions = at_once(lambda one: stored(warehouse, one), sifted)
    taken = list(zip(sifted, versions, strict=True))
    now = datetime.now(UTC)
    ledger = [(*entry(*one), now) for one in taken]
    name = digest_of([one.arrival.batch for one in sifted])
    warehouse.append_rows(BATCHES, ledger, BATCH_COLUMNS, name, turn=done)
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


def note(warehouse: Warehouse, arrivals: Sequence[Arrival], noted: int) -> None:
    """Enters the files of arrivals, which claims them: of two runs at the same time, one goes on."""
    notes = [
        (one.name, one.batch, one.sequence, file.file, file.bytes, file.modified, file.sha256)
        for one in arrivals
        for file in one.files
    ]
    warehouse.append_rows(FILES, notes, FILE_COLUMNS, digest_of([one.batch for one in arrivals]), turn=noted)


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


def stored(warehouse: Warehouse, sifted: Sifted) -> Version:
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
        warehouse.append(QUARANTINE, refused, arrival.batch)
    table, columns = source_table(arrival.name), [column.name for column in arrival.source.columns]
    good = rows.where(F.col("_fate") == "accepted").select(*columns, F.lit(arrival.batch).alias(BATCH), FILE)
    warehouse.append(table, good, arrival.batch)
    return warehouse.brought(table, arrival.batch)


def entry(sifted: Sifted, version: Version) -> tuple[object, ...]:
    """A batch as its ledger has it, but for the time."""
    arrival = sifted.arrival
    counts = [sifted.counts[fate] for fate in FATES]
    return (
        *(arrival.name, arrival.batch, arrival.sequence, sum(counts), *counts),
        *(version.id, version.version, version.timestamp),
        *(sifted.content.text, (arrival.before + sifted.content).text),
    )


def batch_of(sifted: Sifted, version: Version) -> Batch:
    """A batch as its job tells it."""
    accepted, quarantined, duplicates = (sifted.counts[fate] for fate in FATES)
    rows_in = accepted + quarantined + duplicates
    name, files = sifted.arrival.name, len(sifted.arrival.files)
    return Batch(name, files, rows_in, accepted, quarantined, duplicates, version.version)
