"""What has arrived in landing folders: files that were not taken in yet, and those that a killed run has left.

Each file that is there is compared with what was noted of it when it was taken in: so much is read of the ledger of files, and no more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from pyspark.sql import Row

from solvent.config.base import digest_of, duration_text, first_of
from solvent.config.project import Project
from solvent.config.source import Source
from solvent.errors import IngestError
from solvent.sources.landing import SHOWN, IngestedFile, LandingFile, files_below, holds_data, listing
from solvent.sources.pins import IngestedBatch
from solvent.tables import Between, Content, Ledger, Warehouse

FILES = Ledger("ingest_files", IngestedFile)
# Source -> what is refused of it, a line each.
Refused = dict[str, list[str]]
# Source -> file -> how it was taken in.
Seen = Mapping[str, Mapping[str, IngestedFile]]


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


def files_taken_in(warehouse: Warehouse, found: Mapping[str, Mapping[str, Row]]) -> Seen:
    """How those of the listed files were taken in that were, by source and file."""
    seen: dict[str, dict[str, IngestedFile]] = {name: {} for name in found}
    listed = [file for files in found.values() for file in files]
    if listed:
        within = Between(min(listed), max(listed))
        for row in FILES.rows(warehouse, source=tuple(found), file=within):
            if row.file in found[row.source]:
                seen[row.source][row.file] = row
    return seen


def data_files(
    warehouse: Warehouse,
    project: Project,
    name: str,
    folder: str,
    found: Mapping[str, Row],
    seen: Mapping[str, object],
    say: Callable[[str], object],
) -> dict[str, Row]:
    """The files of a folder that hold data, and were not written to just now; the others are told."""
    if not found:
        say(f"{folder}: holds no file, or does not exist")
    landing = project.sources[name].landing
    wait = landing.wait
    late = datetime.now(UTC) - wait
    young = {
        file for file, row in found.items() if wait and file not in seen and (row["modificationTime"] or late) > late
    }
    if young:
        say(
            f"{folder}: left for later, as they were written to in the last {duration_text(wait)}: {first_of(sorted(young), SHOWN)}"
        )
    found = {file: row for file, row in found.items() if file not in young}
    data = {file: row for file, row in found.items() if holds_data(file, landing.format, seen)}
    if len(data) < len(found):
        # Ends of names that were taken in once still count; of a folder that holds nothing else, they are not asked for.
        earlier = {row["file"] for row in FILES.select(warehouse, "file", source=name)}
        data = {file: row for file, row in found.items() if holds_data(file, landing.format, earlier)}
    if left := sorted(found.keys() - data.keys()):
        say(f"{folder}: left alone, as by their names they hold no {landing.format}: {first_of(left, SHOWN)}")
    return data


def changed_files(folders: Mapping[str, str], files: Mapping[str, Sequence[LandingFile]], seen: Seen) -> Refused:
    """The files that are not what they were when they were ingested."""
    refused: Refused = {}
    for name, folder in folders.items():
        for file in files[name]:
            row = seen[name].get(file.file)
            if row is None or row.sha256 == file.sha256:
                continue
            added = f"; if lines were added, cut it to its first {row.bytes} bytes" if file.bytes > row.bytes else ""
            refused.setdefault(name, []).append(
                f"{folder}/{file.file}: has changed since it was ingested (SHA-256 was {row.sha256[:12]}, is "
                f"{file.sha256[:12]}); restore it, and land what is new or corrected as a new file{added}"
            )
    return refused


def growing_files(warehouse: Warehouse, arrivals: Sequence[Arrival], landing: str) -> Refused:
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


def unfinished_arrivals(
    warehouse: Warehouse,
    project: Project,
    folders: Mapping[str, str],
    files: Mapping[str, Sequence[LandingFile]],
    done: Mapping[str, IngestedBatch],
) -> list[Arrival]:
    """The arrivals that a killed run has noted and not completed: of a source, the last at most, as each is completed before the next.

    Raises:
        IngestError: If a file of one is gone.
    """
    noted = FILES.latest(warehouse, "sequence", "source", folders)
    found = []
    for name in folders:
        if name not in noted or (name in done and done[name].sequence >= noted[name].sequence):
            continue
        wanted = {row["file"] for row in FILES.select(warehouse, "file", source=name, batch=noted[name].batch)}
        missing = sorted(wanted - {file.file for file in files[name]})
        if missing:
            raise IngestError(
                f"{folders[name]}/{missing[0]}: is gone, and its ingestion was not finished; restore it and run again"
            )
        left = [file for file in files[name] if file.file in wanted]
        found.append(arrival_of(project, name, folders[name], left, done.get(name)))
    return found


def arrival_of(
    project: Project, name: str, folder: str, files: Sequence[LandingFile], last: IngestedBatch | None
) -> Arrival:
    """Files as the next batch of their source, after the last complete one."""
    files = sorted(files, key=lambda file: file.file)
    batch = hashlib.sha256("\n".join(f"{name} {file.file} {file.sha256}" for file in files).encode()).hexdigest()
    before = Content.parse(last.total_content) if last is not None else Content()
    sequence = last.sequence + 1 if last is not None else 1
    predicted = {} if name != project.prediction.source else project.prediction.computed
    return Arrival(name, project.sources[name], folder, files, batch, sequence, before, predicted)


def claim_files(warehouse: Warehouse, arrivals: Sequence[Arrival], noted: int) -> None:
    """Enters the files of arrivals, which claims them: of two runs at the same time, one goes on.

    Raises:
        TurnError: If it is the other one.
    """
    rows = [
        IngestedFile(one.name, one.batch, one.sequence, file.file, file.bytes, file.modified, file.sha256)
        for one in arrivals
        for file in one.files
    ]
    FILES.append(warehouse, rows, digest_of([one.batch for one in arrivals]), turn=noted)
