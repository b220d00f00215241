"""Landing folders: which files there are, what they hold to the byte, and whether they are what their source declares."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pyspark.errors import PySparkException
from pyspark.sql import Row
from pyspark.sql import functions as F

from solvent.config.model import Source
from solvent.errors import IngestError
from solvent.tables.warehouse import Warehouse, in_utc

HEAD = 65536
# Spark reads a file for its hash into one array of bytes.
LARGEST = 2**31 - 1 - 1024
EMPTY = hashlib.sha256().hexdigest()


@dataclass(frozen=True)
class LandingFile:
    """A file in a landing folder: its path below the folder, size in bytes, time of change, and SHA-256 in hex."""

    file: str
    bytes: int
    modified: object
    sha256: str


def listing(warehouse: Warehouse, landing: str) -> list[Row]:
    """Path, length and modificationTime in UTC of all files below a folder, without reading them; none if there is no such folder."""
    reader = warehouse.spark.read.format("binaryFile").option("recursiveFileLookup", True)
    try:
        files = reader.load(landing)
    except PySparkException as error:
        if "PATH_NOT_FOUND" in str(error.getCondition()):
            return []
        raise
    listed = [Row(**in_utc(row.asDict())) for row in files.select("path", "length", "modificationTime").collect()]
    # Spark makes no row of an empty file, but lists it.
    root = f"{landing.rstrip('/')}/"
    full = {path_below(row["path"], root) for row in listed}
    paths = (path_below(unquote(path), root) for path in files.inputFiles())
    empty = [Row(path=f"{root}{path}", length=0, modificationTime=None) for path in paths if path not in full]
    return [*listed, *empty]


def landing_files(
    warehouse: Warehouse,
    folders: Mapping[str, str],
    listed: Sequence[Row],
    seen: Mapping[str, Mapping[str, Mapping[str, Any]]],
) -> dict[str, list[LandingFile]]:
    """The files of each source's folder, in one job; only those are read that are new, or differ from what was seen in size or time.

    Raises:
        IngestError: If a file is too large to be read at once.
    """
    found = {source: files_below(folder, listed) for source, folder in folders.items()}
    known = {source: known_sums(files, seen[source]) for source, files in found.items()}
    read = [row for source, files in found.items() for file, row in files.items() if file not in known[source]]
    sums = hashed(warehouse, read) if read else {}
    return {
        source: [
            LandingFile(file, row["length"], row["modificationTime"], known[source].get(file) or sums[row["path"]])
            for file, row in sorted(files.items())
        ]
        for source, files in found.items()
    }


def files_below(folder: str, listed: Sequence[Row]) -> dict[str, Row]:
    """The listed files of a folder, by their path below it."""
    root = f"{folder.split('://', 1)[-1]}/"
    return {path_below(row["path"], root): row for row in listed if root in row["path"]}


def known_sums(files: Mapping[str, Row], seen: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The SHA-256 of files that need not be read for it: those that are empty, and those seen before and left alone."""
    return {file: EMPTY for file, row in files.items() if row["length"] == 0} | {
        file: str(seen[file]["sha256"])
        for file, row in files.items()
        if file in seen and (row["length"], row["modificationTime"]) == (seen[file]["bytes"], seen[file]["modified"])
    }


def hashed(warehouse: Warehouse, rows: Sequence[Row]) -> dict[str, str]:
    """SHA-256 by path."""
    large = [row["path"] for row in rows if row["length"] > LARGEST]
    if large:
        raise IngestError(f"{large[0]}: is larger than {LARGEST:,} bytes; land it in several files")
    files = warehouse.spark.read.format("binaryFile").load([row["path"] for row in rows])
    return {
        row["path"]: row["sha256"] for row in files.select("path", F.sha2("content", 256).alias("sha256")).collect()
    }


def path_below(path: str, root: str) -> str:
    """A file's path below a folder."""
    plain = root.split("://", 1)[-1]
    return path[path.index(plain) + len(plain) :]


def check_heads(
    warehouse: Warehouse, sources: Mapping[str, Source], paths: Mapping[str, str], empty: Sequence[str]
) -> None:
    """Refuses, before any row is read, files that are not what their source declares.

    Args:
        warehouse: Reads them.
        sources: Source -> its declaration.
        paths: Path of a new file -> its source.
        empty: Those without content.

    Raises:
        IngestError: Naming the file, what was found and what to do.
    """
    if empty:
        raise IngestError(f"{empty[0]}: is empty; remove it, or land it again whole")
    source_of = {without_scheme(path): source for path, source in paths.items()}
    files = warehouse.spark.read.format("binaryFile").load(list(paths))
    heads = files.select("path", F.substring("content", 1, HEAD).alias("head"))
    for row in sorted(heads.toLocalIterator(), key=lambda row: row["path"]):
        source = sources[source_of[without_scheme(row["path"])]]
        check_head(row["path"].split(":", 1)[-1], bytes(row["head"]), source)


def without_scheme(path: str) -> str:
    """A path as it is the same with and without file:, file:// or another scheme before it."""
    return re.sub(r"^(\w[\w+.-]*:)?/*", "", path)


def check_head(path: str, head: bytes, source: Source) -> None:
    """Refuses one file by its first bytes."""
    if path.endswith(".zip") or head[:4] == b"PK\x03\x04":
        raise IngestError(f"{path}: is a zip archive, which Spark cannot read in parts; land its members, or gzip")
    if path.endswith(".gz"):
        try:
            head = zlib.decompressobj(31).decompress(head)
        except (zlib.error, gzip.BadGzipFile):
            raise IngestError(f"{path}: is not gzip, as its name says; land it again whole") from None
    if b"\x00" in head:
        raise IngestError(f"{path}: is binary, not {source.landing.format} text; remove it or land it again")
    try:
        text = head.decode(
            str(source.landing.options.get("encoding", "utf-8")), errors="ignore" if len(head) >= HEAD else "strict"
        )
    except UnicodeDecodeError:
        raise IngestError(f"{path}: is not UTF-8 text; set landing.options.encoding, or remove it") from None
    if source.landing.format == "csv" and source.landing.options.get("header"):
        first = next(iter(text.splitlines()), "")
        separator = str(source.landing.options.get("sep", ","))
        found = [name.strip().strip('"') for name in first.lstrip("\ufeff").split(separator)]
        wanted = [column.name for column in source.columns]
        if found != wanted:
            raise IngestError(f"{path}: has the header {', '.join(found)[:200]}; expected: {', '.join(wanted)}")
