"""Landing folders: which files there are, what they hold to the byte, and whether that is what their names say."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from urllib.parse import unquote

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from solvent.errors import IngestError
from solvent.session import SPARK_ERRORS
from solvent.tables.warehouse import Warehouse, in_utc

# By which a file is told to hold data.
ENDS = {"csv": (".csv", ".tsv"), "json": (".json", ".jsonl", ".ndjson")}
# Spark reads a file for its hash into one array of bytes.
LARGEST = 2**31 - 1 - 1024
# How many files are named at once.
SHOWN = 20
EMPTY = hashlib.sha256().hexdigest()
# Compressions that Spark reads by the end of a file's name, in any letter case, that can be told by how they begin, and that can be seen
# to be whole: of zstd, Hadoop's reader takes a file whose last part is cut off, and its lz4 and snappy have no mark at their end.
COMPRESSIONS = {".gz": "1f8b", ".bz2": "425a683[1-9]", ".deflate": "78"}
# What is not read, by the end of its name, or by how it begins.
ARCHIVES = {
    ".zip": "504b0304",
    ".zst": "28b52ffd",
    ".xz": "fd377a585a",
    ".7z": "377abcaf",
    ".rar": "526172211a",
    ".lz4": "04224d18",
    ".snappy": "ff060000734e",
}
PACKED = (*COMPRESSIONS, *ARCHIVES)
HEAD = 8
# bzip2 ends with this mark, a checksum of 32 bits, and bits that fill the last byte; its reader in Java takes what has no end.
BZIP2_END, CHECKSUM = f"{0x177245385090:048b}", 32
TAIL = 11


@dataclass(frozen=True)
class LandingFile:
    """A file in a landing folder: its path below the folder, size in bytes, time of change, and SHA-256 in hex.

    Attributes:
        head: Its first bytes in hex, if it was read now.
        tail: Its last bytes likewise.
    """

    file: str
    bytes: int
    modified: datetime | None
    sha256: str
    head: str = ""
    tail: str = ""

    @property
    def compression(self) -> str | None:
        """The end of its name that names a compression."""
        return next((end for end in COMPRESSIONS if self.file.lower().endswith(end)), None)

    @property
    def refusal(self) -> str | None:
        """Why it cannot be read, by its size, name and first bytes; None if it may be."""
        if (why := unreadable(self.file, self.bytes)) is not None:
            return why
        if not self.bytes:
            return "is empty; remove it, or land it again whole"
        for kind, begins in ARCHIVES.items():
            if self.file.lower().endswith(kind) or re.match(begins, self.head):
                return f"is {kind[1:]}, which is not read; land what is in it as it is, or as {', '.join(COMPRESSIONS)}"
        named = self.compression
        if named is not None and self.head and not re.match(COMPRESSIONS[named], self.head):
            return f"is not compressed as its end {named} says; land it again whole"
        if named == ".bz2" and self.head and not ends_as_bzip2(self.tail):
            return "has no end of bzip2 where it ends, so that it is cut off, or more than that is in it; land it again whole"
        found = next((end for end in (".gz", ".bz2") if re.match(COMPRESSIONS[end], self.head)), None)
        if named is None and found is not None:
            return f"is compressed, which its name does not say; land it with the end {found}"
        return None


@dataclass(frozen=True)
class IngestedFile:
    """A landing file as it was when a batch claimed it."""

    source: str
    batch: str
    sequence: int
    file: str
    bytes: int
    modified: datetime | None
    sha256: str


def contents(warehouse: Warehouse, paths: Sequence[str]) -> DataFrame:
    """Files, or those below folders, with what they hold; a session may be set to leave out what it cannot read, and this is not."""
    reader = warehouse.spark.read.format("binaryFile").option("recursiveFileLookup", True)
    reader = reader.option("ignoreCorruptFiles", False).option("ignoreMissingFiles", False)
    return reader.load([globbed(path) for path in paths])


def listing(warehouse: Warehouse, landing: str) -> list[Row]:
    """Path, length and modificationTime in UTC of all files below a folder, without reading them; none if there is no such folder."""
    try:
        files = contents(warehouse, [landing])
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


def holds_data(file: str, format_: str, seen: Iterable[str]) -> bool:
    """Whether a file is to be read, by the end of its name: that of its format, or of a file that was ingested before, packed or not."""
    if any(file.lower().endswith(kind) for kind in ARCHIVES):
        return True
    return file in seen or end_of(file) in {*ENDS[format_], *map(end_of, seen)}


def end_of(file: str) -> str:
    """The end of a name in lower case, without that of a compression."""
    path = PurePosixPath(file.lower())
    return path.with_suffix("").suffix if path.suffix in PACKED else path.suffix


def landing_files(
    warehouse: Warehouse,
    found: Mapping[str, Mapping[str, Row]],
    seen: Mapping[str, Mapping[str, IngestedFile]],
) -> dict[str, list[LandingFile]]:
    """The files of each source, in one job; only those are read that are new, or differ from what was seen in size or time.

    Args:
        warehouse: Reads them.
        found: Source -> the listed files of its folder that hold data, by their path below it.
        seen: Source -> what was ingested before.
    """
    known = {source: known_sums(files, seen[source]) for source, files in found.items()}
    read = [row for source, files in found.items() for file, row in files.items() if file not in known[source]]
    sums = hashed(warehouse, read) if read else {}

    def described(source: str, file: str, row: Row) -> LandingFile:
        found = (known[source][file],) if file in known[source] else sums[row["path"]]
        return LandingFile(file, row["length"], row["modificationTime"], *found)

    return {source: [described(source, *one) for one in sorted(files.items())] for source, files in found.items()}


def unreadable(file: str, size: int) -> str | None:
    """Why Spark cannot read a file whatever it holds, by its name and its size in bytes; None if it can."""
    if ":" in file:
        return "has a colon in its name, which Hadoop takes for something else; give it another name"
    return f"is larger than {LARGEST:,} bytes; land it in several files" if size > LARGEST else None


def refuse(refusals: Sequence[str]) -> None:
    """Ends with all refusals, one a line.

    Raises:
        IngestError: If there are any.
    """
    if refusals:
        more = [f"and {len(refusals) - SHOWN} more"] if len(refusals) > SHOWN else []
        raise IngestError("\n".join([*refusals[:SHOWN], *more]))


def files_below(folder: str, listed: Sequence[Row]) -> dict[str, Row]:
    """The listed files of a folder, by their path below it."""
    root = f"{folder.split('://', 1)[-1]}/"
    return {path_below(row["path"], root): row for row in listed if root in row["path"]}


def known_sums(files: Mapping[str, Row], seen: Mapping[str, IngestedFile]) -> dict[str, str]:
    """The SHA-256 of files that need not be read for it: those seen before and left alone, and that of nothing where there is none."""
    nothing = (file for file, row in files.items() if row["length"] == 0 or unreadable(file, row["length"]))
    return dict.fromkeys(nothing, EMPTY) | {
        file: seen[file].sha256
        for file, row in files.items()
        if file in seen and (row["length"], row["modificationTime"]) == (seen[file].bytes, seen[file].modified)
    }


def hashed(warehouse: Warehouse, rows: Sequence[Row]) -> dict[str, tuple[str, str, str]]:
    """SHA-256, first and last bytes by path.

    Raises:
        IngestError: If a file cannot be opened.
    """
    files = contents(warehouse, [row["path"] for row in rows])
    head, tail = (F.lower(F.hex(F.substring("content", *part))) for part in ((1, HEAD), (-TAIL, TAIL)))
    files = files.select("path", F.sha2("content", 256).alias("sha256"), head.alias("head"), tail.alias("tail"))
    try:
        read = files.collect()
    except SPARK_ERRORS as error:
        paths = {path_below(row["path"], "/"): row["path"] for row in rows}
        raise IngestError(
            f"{paths[unread(error, paths)]}: cannot be opened; let it be read by whoever runs this, or remove it"
        ) from None
    return {row["path"]: (row["sha256"], row["head"], row["tail"]) for row in read}


def unread(error: Exception, files: Iterable[str]) -> str:
    """The one of some files, by their paths below a folder, that Spark could not read to its end; any other failure is raised again."""
    # Spark names files with special characters as %20.
    text = unquote(str(error))
    named = [file for file in files if f"/{file}" in text]
    if "FAILED_READ_FILE" not in text or not named:
        raise error
    return max(named, key=len)


def ends_as_bzip2(tail: str) -> bool:
    """Whether the last bytes of a file, in hex, are the end of a stream of bzip2."""
    bits = "".join(f"{byte:08b}" for byte in bytes.fromhex(tail))
    ends = (bits[: len(bits) - filled - CHECKSUM] for filled in range(8))
    return any(end.endswith(BZIP2_END) and not int(bits[len(end) + CHECKSUM :] or "0", 2) for end in ends)


def globbed(path: str) -> str:
    """A path that matches itself only, where Spark takes a pattern."""
    return re.sub(r"([\[\]{}*?\\])", r"\\\1", path)


def path_below(path: str, root: str) -> str:
    """A file's path below a folder."""
    plain = root.split("://", 1)[-1]
    return path[path.index(plain) + len(plain) :]
