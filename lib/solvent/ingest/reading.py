"""Records of landing files, and what they hold for each column as text.

A record is accepted with exactly the values a strict reader finds, or said not to parse, or its whole file is refused: `examine` looks at
all files of an arrival once, before `raw_rows` reads them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F

from solvent.config.model import Source
from solvent.ingest.csv import Csv
from solvent.ingest.json import Json
from solvent.ingest.landing import LandingFile
from solvent.ingest.texts import AT_START, BINARY, RAW, TEXT, texts_of
from solvent.tables.sources import FILE
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
    records, grammar = records_of(warehouse, source, folder, files), grammar_of(source)
    declared = isinstance(grammar, Csv) and bool(source.landing.reading["header"])
    header = F.when(is_header(source), F.col(RAW)) if declared else F.lit(None).cast("string")
    # Within one partition the number rises from row to row, and the first lines of a file are in one.
    seen = (
        records.withColumns({"_header": header, "_number": F.monotonically_increasing_id()})
        .groupBy(FILE, "_header")
        .agg(
            F.count("*").alias("records"),
            F.min(F.when(F.col(AT_START), F.col("_number"))).alias("first"),
            F.count_if(F.col(RAW).isNull()).alias("foreign"),
            F.count_if(BINARY).alias("binary"),
            F.count_if(grammar.goes_on(F.col(RAW))).alias("open"),
        )
        .collect()
    )
    rows: dict[str, list[Row]] = {file.file: [] for file in files}
    for row in seen:
        rows[row[FILE]].append(row)
    headers: dict[str, tuple[str, int]] = {}
    refusals: dict[str, str] = {}
    left_open, other_header = [], []
    for file in files:
        of_file = rows[file.file]
        first = min((row["first"] for row in of_file if row["first"] is not None), default=None)
        for row in of_file:
            if row["_header"] is not None and row["first"] == first:
                headers[file.file] = (row["_header"], row["records"])
        found = {name: sum(row[name] for row in of_file) for name in ("records", "foreign", "binary", "open")}
        if not found["records"]:
            refusals[file.file] = "is empty; remove it, or land it again whole"
        elif found["binary"]:
            refusals[file.file] = f"is binary, not {source.landing.format} text; remove it or land it again"
        elif found["foreign"]:
            refusals[file.file] = not_text(source)
        elif found["open"]:
            left_open.append(file)
        elif declared and file.file not in headers:
            other_header.append(file)
    if left_open:
        texts = first_of(records_of(warehouse, source, folder, left_open).where(grammar.goes_on(F.col(RAW))))
        refusals |= {file: not_closed(source, text) for file, text in texts.items()}
    if other_header:
        wanted = str(source.landing.reading["sep"]).join(column.name for column in source.columns)
        texts = first_of(records_of(warehouse, source, folder, other_header).where(AT_START))
        refusals |= {file: f"has the header {text}; expected: {wanted}" for file, text in texts.items()}
    return headers, refusals


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


def not_text(source: Source) -> str:
    """Why a file is refused whose bytes are not of its encoding."""
    name = str(source.landing.reading["encoding"])
    shown = f"{name.upper()} text" if name != "utf-16" else "UTF-16 text that begins with a byte order mark"
    return f"is not {shown}; set landing.options.encoding, or remove it"


def not_closed(source: Source, text: str) -> str:
    """Why a file is refused in which it cannot be told where a record ends, which begins with a text."""
    if source.landing.format == "json":
        return "is not one JSON document, an object or an array of objects; mend it, or write an object a line without multiLine"
    multiline = (
        ""
        if source.landing.reading["multiLine"]
        else "set landing.options.multiLine: true if values hold line breaks, or "
    )
    return f"a quote is not closed where it should be, after: {text}; {multiline}mend it"


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
