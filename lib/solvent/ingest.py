"""From landing files into append-only Delta sources.

A batch is the set of files of a source not seen before; its name is the digest of their names and contents. It is done in steps, each of
which happens at most once however often it is tried: the files are noted (ingest_files), bad rows go to quarantine, good rows to
the source, and the counts to ingest_batches, whose row makes the batch complete. A killed run is finished by the next.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from urllib.parse import unquote

from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, Row, Window
from pyspark.sql import functions as F

from solvent.config.expressions import Column as Declared
from solvent.config.model import Project, Source
from solvent.errors import IngestError
from solvent.session import SPARK_ERRORS
from solvent.tables.digest import Content, contents_of, row_hash
from solvent.tables.sources import BATCH_COLUMNS, BATCHES, source_table
from solvent.tables.warehouse import Warehouse

FILES, QUARANTINE = "ingest_files", "quarantine"
FILE_COLUMNS = (
    Declared("source", "STRING"),
    Declared("batch", "STRING"),
    Declared("sequence", "BIGINT"),
    Declared("file", "STRING"),
    Declared("bytes", "BIGINT"),
    Declared("modified", "TIMESTAMP"),
    Declared("sha256", "STRING"),
)
QUARANTINE_COLUMNS = (
    Declared("source", "STRING"),
    Declared("batch", "STRING"),
    Declared("file", "STRING"),
    Declared("reason", "STRING"),
    Declared("raw", "STRING"),
)
CORRUPT, BATCH, FILE = "_corrupt", "_batch", "_file"
HEAD = 65536
EMPTY = hashlib.sha256().hexdigest()


@dataclass(frozen=True)
class LandingFile:
    """A file in a landing folder: its path below the folder, size in bytes, time of change, and SHA-256 in hex."""

    file: str
    bytes: int
    modified: object
    sha256: str


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


def ingest(warehouse: Warehouse, project: Project, landing: str) -> list[Batch]:
    """Brings every new landing file of a project into its sources.

    Args:
        warehouse: The project's tables.
        project: Declares the sources.
        landing: The folder that holds one folder per source.

    Returns:
        The batches taken in now, in the alphabetical order of sources; none if there is nothing new.

    Raises:
        IngestError: If a file cannot be read as its source declares, or has changed since it was ingested. The sources before it, in
            alphabetical order, are then ingested, and nothing of its own.
    """
    create_tables(warehouse, project)
    folders = {
        name: f"{landing.rstrip('/')}/{source.landing.folder or name}" for name, source in project.sources.items()
    }
    seen: dict[str, dict[str, Row]] = {name: {} for name in project.sources}
    for row in warehouse.read(FILES).collect():
        seen.setdefault(row["source"], {})[row["file"]] = row
    complete = batches_of(warehouse)
    listed = listing(warehouse, landing)
    batches: list[Batch] = []
    for name, source in sorted(project.sources.items()):
        files = landing_files(warehouse, folders[name], listed, seen[name])
        batches.extend(ingest_source(warehouse, name, source, folders[name], files, seen[name], complete.get(name, {})))
    return batches


def create_tables(warehouse: Warehouse, project: Project) -> None:
    """Makes the tables that are not there; a source that is there must be the one declared."""
    warehouse.create(FILES, FILE_COLUMNS)
    warehouse.create(BATCHES, BATCH_COLUMNS)
    warehouse.create(QUARANTINE, QUARANTINE_COLUMNS)
    for name, source in sorted(project.sources.items()):
        stored = [Declared(column.name, column.type, column.nullable) for column in source.columns]
        warehouse.create(source_table(name), [*stored, Declared(BATCH, "STRING"), Declared(FILE, "STRING")])


def batches_of(warehouse: Warehouse) -> dict[str, dict[str, Row]]:
    """Complete batches by source and name."""
    found: dict[str, dict[str, Row]] = {}
    for row in warehouse.read(BATCHES).collect():
        found.setdefault(row["source"], {})[row["batch"]] = row
    return found


def listing(warehouse: Warehouse, landing: str) -> list[Row]:
    """Path, length and modificationTime of all files below a folder, without reading them; none if there is no such folder."""
    reader = warehouse.spark.read.format("binaryFile").option("recursiveFileLookup", True)
    try:
        files = reader.load(landing)
    except PySparkException as error:
        if "PATH_NOT_FOUND" in str(error.getCondition()):
            return []
        raise
    listed = files.select("path", "length", "modificationTime").collect()
    # Spark makes no row of an empty file, but lists it.
    root = f"{landing.rstrip('/')}/"
    full = {path_below(row["path"], root) for row in listed}
    paths = (path_below(unquote(path), root) for path in files.inputFiles())
    empty = [Row(path=f"{root}{path}", length=0, modificationTime=None) for path in paths if path not in full]
    return [*listed, *empty]


def ingest_source(
    warehouse: Warehouse,
    name: str,
    source: Source,
    folder: str,
    files: Sequence[LandingFile],
    seen: Mapping[str, Row],
    done: Mapping[str, Row],
) -> Iterator[Batch]:
    """First the batch that a killed run left, then one of the files not seen before."""
    changed = [file for file in files if file.file in seen and seen[file.file]["sha256"] != file.sha256]
    if changed:
        raise IngestError(
            f"{folder}/{changed[0].file}: has changed since it was ingested (SHA-256 was {seen[changed[0].file]['sha256'][:12]}, "
            f"is {changed[0].sha256[:12]}); restore it, and land corrections as a new file"
        )
    left = {row["batch"] for row in seen.values() if row["batch"] not in done}
    for batch in sorted(left):
        expected = {file for file, row in seen.items() if row["batch"] == batch}
        missing = sorted(expected - {file.file for file in files})
        if missing:
            raise IngestError(
                f"{folder}/{missing[0]}: is gone, and its ingestion was not finished; restore it and run again"
            )
        yield ingest_batch(
            warehouse, name, source, folder, [file for file in files if file.file in expected], batch, done
        )
        done = batches_of(warehouse)[name]
    new = sorted((file for file in files if file.file not in seen), key=lambda file: file.file)
    if new:
        batch = hashlib.sha256("\n".join(f"{name} {file.file} {file.sha256}" for file in new).encode()).hexdigest()
        check_heads(warehouse, source, folder, new)
        yield ingest_batch(warehouse, name, source, folder, new, batch, done)


def landing_files(
    warehouse: Warehouse, folder: str, listed: Sequence[Row], seen: Mapping[str, Row]
) -> list[LandingFile]:
    """The files of a folder; only those are read that are new, or differ from what was seen in size or time of change."""
    root = f"{folder.split('://', 1)[-1]}/"
    found = {path_below(row["path"], root): row for row in listed if root in row["path"]}
    same = {file: EMPTY for file, row in found.items() if row["length"] == 0} | {
        file: str(seen[file]["sha256"])
        for file, row in found.items()
        if file in seen and (row["length"], row["modificationTime"]) == (seen[file]["bytes"], seen[file]["modified"])
    }
    read = [row["path"] for file, row in found.items() if file not in same]
    sums = {}
    if read:
        hashed = warehouse.spark.read.format("binaryFile").load(read)
        sums = {
            row["path"]: row["sha256"]
            for row in hashed.select("path", F.sha2("content", 256).alias("sha256")).collect()
        }
    return [
        LandingFile(file, row["length"], row["modificationTime"], same.get(file) or sums[row["path"]])
        for file, row in sorted(found.items())
    ]


def path_below(path: str, root: str) -> str:
    """A file's path below a folder."""
    plain = root.split("://", 1)[-1]
    return path[path.index(plain) + len(plain) :]


def check_heads(warehouse: Warehouse, source: Source, folder: str, files: Sequence[LandingFile]) -> None:
    """Refuses, before any row is read, files that are not what the source declares.

    Raises:
        IngestError: Naming the file, what was found and what to do.
    """
    paths = [f"{folder}/{file.file}" for file in files]
    empty = [path for path, file in zip(paths, files, strict=True) if not file.bytes]
    if empty:
        raise IngestError(f"{empty[0]}: is empty; remove it, or land it again whole")
    heads = (
        warehouse.spark.read.format("binaryFile")
        .load(paths)
        .select("path", F.substring("content", 1, HEAD).alias("head"))
    )
    for row in sorted(heads.toLocalIterator(), key=lambda row: row["path"]):
        check_head(row["path"].split(":", 1)[-1], bytes(row["head"]), source)


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
        separator = str(source.landing.options.get("sep", ","))
        found = [name.strip().strip('"') for name in text.splitlines()[0].lstrip("\ufeff").split(separator)]
        wanted = [column.name for column in source.columns]
        if found != wanted:
            raise IngestError(f"{path}: has the header {', '.join(found)[:200]}; expected: {', '.join(wanted)}")


def raw_rows(warehouse: Warehouse, source: Source, folder: str, files: Sequence[LandingFile]) -> DataFrame:
    """The rows of files as text: every column STRING, _raw STRING, _corrupt STRING, _file STRING."""
    schema = ", ".join(f"`{column.name}` STRING" for column in source.columns)
    reader = warehouse.spark.read.format(source.landing.format).schema(f"{schema}, {CORRUPT} STRING")
    for key, value in source.landing.options.items():
        reader = reader.option(key, str(value).lower() if isinstance(value, bool) else str(value))
    # A wrong header was refused before; columns are by position.
    reader = (
        reader.option("mode", "PERMISSIVE").option("columnNameOfCorruptRecord", CORRUPT).option("enforceSchema", True)
    )
    rows = reader.load([f"{folder}/{file.file}" for file in files])
    name = F.regexp_replace(F.col("_metadata.file_path"), "^.*" + regex_quoted(f"{folder.split('://', 1)[-1]}/"), "")
    texts = [F.col(f"`{column.name}`") for column in source.columns]
    values = F.to_csv(F.struct(*texts)) if source.landing.format == "csv" else F.to_json(F.struct(*texts))
    return rows.select(
        *texts, CORRUPT, F.coalesce(F.col(CORRUPT), values).alias("_raw"), F.url_decode(name).alias(FILE)
    )


def regex_quoted(text: str) -> str:
    """A text that matches itself."""
    return r"\Q" + text + r"\E"


def judged(raw: DataFrame, source: Source) -> DataFrame:
    """Rows by their declared types, with the reason why a row cannot be accepted, or null."""
    typed = {column.name: F.expr(f"try_cast(`{column.name}` AS {column.type})") for column in source.columns}
    reasons: list[Column] = [
        F.when(F.col(CORRUPT).isNotNull(), F.lit("does not parse: another number of values than columns"))
    ]
    for column in source.columns:
        text, value = F.col(f"`{column.name}`"), typed[column.name]
        bad = text.isNotNull() & value.isNull()
        reasons.append(F.when(bad, F.concat(F.lit(f"{column.name}: not {column.type}: "), F.substring(text, 1, 80))))
        if not column.nullable:
            why = "key" if column.name in source.key else "required"
            reasons.append(F.when(text.isNull(), F.lit(f"{column.name}: {why} is missing")))
    values = raw.select(
        *(typed[column.name].alias(column.name) for column in source.columns),
        "_raw",
        FILE,
        F.coalesce(*reasons).alias("_reason"),
    )
    return expected(values, source)


def expected(values: DataFrame, source: Source) -> DataFrame:
    """Adds what breaks an expectation, or has no time, to the reasons."""
    # Only rows that parse have values to derive from; under ANSI mode an expression over others may fail.
    sound = F.col("_reason").isNull()
    reasons = [F.col("_reason")]
    for name, condition in source.expect.items():
        broken = F.when(sound, ~F.coalesce(F.expr(condition), F.lit(False)))
        reasons.append(F.when(broken, F.lit(f"expectation {name} does not hold: {condition}")))
    # A fact whose times cannot be told would be seen by every feature or by none.
    for name, expression in source.derive.items():
        values = values.withColumn(name, F.when(sound, F.expr(expression)))
    for time, expression in {"event_time": source.event_time, "available_time": source.available_time}.items():
        untold = F.when(sound, F.expr(expression).isNull())
        reasons.append(F.when(untold, F.lit(f"{time} cannot be told: {expression} is null")))
    return values.withColumn("_reason", F.coalesce(*reasons)).drop(*source.derive)


def sorted_out(rows: DataFrame, source: Source, stored: DataFrame) -> DataFrame:
    """Each row's fate: "accepted", "duplicate" (same key and values are there or came before) or "quarantined".

    Args:
        rows: Judged rows.
        source: Declares the key.
        stored: Rows of the source from earlier batches.

    Returns:
        rows with _fate STRING and _reason STRING.
    """
    names = [column.name for column in source.columns]
    rows = rows.withColumn("_hash", row_hash(rows, names))
    there = stored.select(*source.key, row_hash(stored, names).alias("_there"))
    # The least file and hash wins, so that the outcome does not depend on the order of rows.
    same_key = Window.partitionBy(*source.key, F.col("_reason").isNull()).orderBy(FILE, "_hash")
    ranked = (
        rows.join(there, list(source.key), "left")
        .withColumn("_first", F.first("_hash").over(same_key))
        .withColumn("_rank", F.row_number().over(same_key))
    )
    kept = F.coalesce(F.col("_there"), F.col("_first"))
    is_first = F.col("_there").isNull() & (F.col("_rank") == 1)
    fate = (
        F.when(F.col("_reason").isNotNull(), F.lit("quarantined"))
        .when(is_first, F.lit("accepted"))
        .when(F.col("_hash") == kept, F.lit("duplicate"))
        .otherwise(F.lit("quarantined"))
    )
    conflict = F.lit(f"conflict: another row has the same {', '.join(source.key)} and other values")
    return ranked.withColumn("_fate", fate).withColumn(
        "_reason", F.coalesce(F.col("_reason"), F.when(F.col("_fate") == "quarantined", conflict))
    )


def ingest_batch(
    warehouse: Warehouse,
    name: str,
    source: Source,
    folder: str,
    files: Sequence[LandingFile],
    batch: str,
    done: Mapping[str, Row],
) -> Batch:
    """Takes in one batch of files, whatever part of it was done before."""
    sequence = len(done) + 1
    table, columns = source_table(name), [column.name for column in source.columns]
    stored = warehouse.read(table).where(F.col(BATCH) != batch)
    rows = sorted_out(judged(raw_rows(warehouse, source, folder, files), source), source, stored).persist()
    try:
        try:
            counts = {row["_fate"]: row["count"] for row in rows.groupBy("_fate").count().collect()}
        except SPARK_ERRORS as error:
            raise unreadable(error, folder, files) from None
        note = [(name, batch, sequence, file.file, file.bytes, file.modified, file.sha256) for file in files]
        warehouse.append(FILES, frame(warehouse, note, FILE_COLUMNS), f"{batch}")
        if counts.get("quarantined"):
            bad = rows.where(F.col("_fate") == "quarantined")
            refused = bad.select(
                F.lit(name).alias("source"), F.lit(batch).alias("batch"), F.col(FILE).alias("file"),
                F.col("_reason").alias("reason"), F.col("_raw").alias("raw"),
            )  # fmt: skip
            warehouse.append(QUARANTINE, refused, batch)
        good = rows.where(F.col("_fate") == "accepted").select(*columns, F.lit(batch).alias(BATCH), FILE)
        version = warehouse.append(table, good, batch)
    finally:
        rows.unpersist()
    content, _ = contents_of(warehouse.read(table, version).where(F.col(BATCH) == batch), columns)
    total = reduce(Content.__add__, (Content.parse(str(row["content"])) for row in done.values()), content)
    current = warehouse.require(table)
    outcome = [counts.get(fate, 0) for fate in ("accepted", "quarantined", "duplicate")]
    committed = warehouse.spark.sql(f"DESCRIBE HISTORY {warehouse.name(table)} LIMIT 30").where(
        F.col("version") == version
    )
    stamp = committed.select("timestamp").collect()[0][0]
    entry = (
        name,
        batch,
        sequence,
        sum(outcome),
        *outcome,
        current.id,
        version,
        stamp.isoformat(),
        content.text,
        total.text,
    )
    ledger = frame(warehouse, [entry], BATCH_COLUMNS[:-1]).withColumn("ingested_at", F.current_timestamp())
    warehouse.append(BATCHES, ledger, batch)
    return Batch(name, len(files), sum(outcome), outcome[0], outcome[1], outcome[2], version)


def frame(warehouse: Warehouse, rows: Sequence[tuple[object, ...]], columns: Sequence[Declared]) -> DataFrame:
    """A few rows as one partition."""
    schema = ", ".join(column.ddl for column in columns)
    return warehouse.spark.createDataFrame(list(rows), schema).coalesce(1)


def unreadable(error: Exception, folder: str, files: Sequence[LandingFile]) -> Exception:
    """The user's error behind a failed read, or the failure itself."""
    text = str(error)
    named = [file.file for file in files if file.file in text]
    if "FAILED_READ_FILE" in text or "EOFException" in text or "ZipException" in text or "Unexpected end" in text:
        where = f"{folder}/{named[0]}" if named else folder
        return IngestError(f"{where}: cannot be read to its end, it is cut off or damaged; land it again whole")
    return error
