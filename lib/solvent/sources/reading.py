"""Records of landing files, and what they hold for each column as text.

A record is accepted with exactly the values a strict reader finds, or said not to parse, or its whole file is refused: `examine` looks at
all files of an arrival once, before `raw_rows` reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from solvent.config.source import Source
from solvent.sources.csv import Csv
from solvent.sources.json import Json
from solvent.sources.landing import LandingFile
from solvent.sources.pins import FILE
from solvent.sources.texts import AT_START, BINARY, RAW, TEXT, texts_of
from solvent.tables.warehouse import Warehouse

# File -> its first record where that is a header, and how often it comes in the file.
Headers = Mapping[str, tuple[str, int]]


def grammar_of(source: Source) -> Csv | Json:
    """How the records of a source are written."""
    return Csv.of(source.landing) if source.landing.format == "csv" else Json.of(source.landing)


def records_of(warehouse: Warehouse, source: Source, folder: str, files: Sequence[LandingFile]) -> DataFrame:
    """The records of files: _file STRING, _at_start BOOLEAN, _binary BOOLEAN, _raw STRING, null where a file holds no text."""
    texts = texts_of(warehouse, source.landing, folder, files)
    records = texts.select(FILE, AT_START, BINARY, F.explode_outer(grammar_of(source).records(F.col(TEXT))).alias(RAW))
    return records.where(F.col(RAW).isNull() | (F.col(RAW) != ""))


def examine(
    warehouse: Warehouse, source: Source, folder: str, files: Sequence[LandingFile]
) -> tuple[Headers, dict[str, str]]:
    """Looks for what makes a file as a whole unfit to be read, in one pass.

    Args:
        warehouse: Reads them.
        source: How they are declared.
        folder: Where they are.
        files: Which; none is empty.

    Returns:
        The headers of those that have one; and why files are refused.
    """
    tallies: dict[str, list[Row]] = {file.file: [] for file in files}
    for row in tallied(records_of(warehouse, source, folder, files), source):
        tallies[row[FILE]].append(row)
    headers = {file: header for file, rows in tallies.items() if (header := header_in(rows)) is not None}
    found = {file: defect_of(rows, has_header(source) and file not in headers) for file, rows in tallies.items()}
    refusals: dict[str, str] = {}
    for defect, (condition, says) in DEFECTS.items():
        named = [file for file in files if found[file.file] == defect]
        shown = dict.fromkeys((file.file for file in named), "")
        if named and condition is not None:
            shown = first_of(records_of(warehouse, source, folder, named).where(condition(source)))
        refusals |= {file: says(source, text) for file, text in shown.items()}
    return headers, refusals


def has_header(source: Source) -> bool:
    """Whether the files of a source begin with a header."""
    return bool(source.landing.reading.get("header"))


def tallied(records: DataFrame, source: Source) -> list[Row]:
    """For each file, and in it for what is a header and for all else: how many records there are, and what is wrong with how many."""
    header = F.when(is_header(source), F.col(RAW)) if has_header(source) else F.lit(None).cast("string")
    # Within one partition the number rises from row to row, and the first lines of a file are in one.
    numbered = records.withColumns({"_header": header, "_number": F.monotonically_increasing_id()})
    tallies = numbered.groupBy(FILE, "_header").agg(
        F.count("*").alias("records"),
        F.min(F.when(F.col(AT_START), F.col("_number"))).alias("first"),
        F.count_if(F.col(RAW).isNull()).alias("foreign"),
        F.count_if(BINARY).alias("binary"),
        F.count_if(goes_on(source)).alias("open"),
    )
    return tallies.collect()


def header_in(rows: Sequence[Row]) -> tuple[str, int] | None:
    """The first record of a file, and how often it is there, if it is a header."""
    first = min((row["first"] for row in rows if row["first"] is not None), default=None)
    found = [(row["_header"], row["records"]) for row in rows if row["_header"] is not None and row["first"] == first]
    return found[0] if found else None


def defect_of(rows: Sequence[Row], without_header: bool) -> str | None:
    """What makes a file unfit; None if nothing does."""
    if not rows:
        return "empty"
    found = next((name for name in ("binary", "foreign", "open") if any(row[name] for row in rows)), None)
    return found or ("header" if without_header else None)


def first_of(records: DataFrame) -> dict[str, str]:
    """The first record of each file, as far as it is shown."""
    numbered = records.select(
        FILE, F.substring(RAW, 1, 120).alias("text"), F.monotonically_increasing_id().alias("number")
    )
    return {
        row[FILE]: row["text"] for row in numbered.groupBy(FILE).agg(F.min_by("text", "number").alias("text")).collect()
    }


def is_header(source: Source) -> Column:
    """Whether a record is the header that is declared, spaces around names aside."""
    csv, names = Csv.of(source.landing), [column.name for column in source.columns]
    near = F.contains(RAW, F.lit(names[0])) & F.contains(RAW, F.lit(names[-1])) & csv.parses(F.col(RAW))
    return near & (F.transform(csv.values(F.col(RAW)), lambda name: F.trim(name)) == F.array(*map(F.lit, names)))


def goes_on(source: Source) -> Column:
    """Whether it cannot be told where a record ends."""
    return grammar_of(source).goes_on(F.col(RAW))


def not_text(source: Source, _: str) -> str:
    """Why a file is refused whose bytes are not of its encoding."""
    name = str(source.landing.reading["encoding"])
    shown = f"{name.upper()} text" if name != "utf-16" else "UTF-16 text that begins with a byte order mark"
    return f"is not {shown}; set landing.options.encoding, or remove it"


def not_closed(source: Source, text: str) -> str:
    """Why a file is refused in which it cannot be told where a record ends, which begins with a text."""
    if source.landing.format == "json":
        return "is not one JSON document, an object or an array of objects; mend it, or write an object a line without multiLine"
    several = "set landing.options.multiLine: true if values hold line breaks, or "
    mend = "mend it" if source.landing.reading["multiLine"] else f"{several}mend it"
    return f"a quote is not closed where it should be, after: {text}; {mend}"


def other_header(source: Source, text: str) -> str:
    """Why a file is refused that begins with a text instead of the header."""
    wanted = str(source.landing.reading["sep"]).join(column.name for column in source.columns)
    return f"has the header {text}; expected: {wanted}"


# Defect of a file -> which of its records shows it, if one is shown; and what is said of it.
DEFECTS: dict[str, tuple[Callable[[Source], Column] | None, Callable[[Source, str], str]]] = {
    "empty": (None, lambda *_: "is empty; remove it, or land it again whole"),
    "binary": (None, lambda source, _: f"is binary, not {source.landing.format} text; remove it or land it again"),
    "foreign": (None, not_text),
    "open": (goes_on, not_closed),
    "header": (lambda _: F.col(AT_START), other_header),
}


def raw_rows(
    warehouse: Warehouse,
    source: Source,
    folder: str,
    files: Sequence[LandingFile],
    headers: Headers,
) -> DataFrame:
    """The records of files, with what they hold for each column as text.

    Args:
        warehouse: Reads them.
        source: How they are declared.
        folder: Where they are.
        files: Which.
        headers: As `examine` saw them.

    Returns:
        Every declared column as STRING, null where the record has no value; _corrupt STRING: why it does not parse, null if it does;
        _raw STRING: its text; _file STRING: its file's path below the folder.
    """
    records = records_of(warehouse, source, folder, files).select(FILE, RAW)
    return grammar_of(source).read(
        without_headers(warehouse, records, headers), [column.name for column in source.columns]
    )


def without_headers(warehouse: Warehouse, records: DataFrame, headers: Headers) -> DataFrame:
    """Records less the first of each file that has a header; rows have no order, but equal ones need none."""
    for header in sorted({text for text, _ in headers.values()}):
        files = [file for file, (text, _) in headers.items() if text == header]
        here = F.lit(True) if len(files) == len(headers) else F.col(FILE).isin(files)
        records = records.where(~((F.col(RAW) == header) & here))
    again = [(file, text, times - 1) for file, (text, times) in sorted(headers.items()) if times > 1]
    if not again:
        return records
    columns = dict(zip((FILE, RAW, "_times"), map(list, zip(*again, strict=True)), strict=True))
    copies = warehouse.spark.createDataFrame(pa.table(columns))
    return records.union(copies.select(FILE, F.explode(F.array_repeat(RAW, F.col("_times").cast("int"))).alias(RAW)))
