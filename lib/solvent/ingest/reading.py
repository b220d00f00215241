"""Records of landing files, and what they hold for each column as text."""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.model import Source
from solvent.ingest.landing import LandingFile
from solvent.tables.sources import FILE
from solvent.tables.warehouse import Warehouse

# Why a record as a whole does not parse.
CORRUPT = "_corrupt"


def raw_rows(warehouse: Warehouse, source: Source, folder: str, files: Sequence[LandingFile]) -> DataFrame:
    """The records of files, with what they hold for each column as text.

    Returns:
        Every declared column as STRING, null where the record has no value; _corrupt STRING: why it does not parse, null if it does;
        _raw STRING: its text; _file STRING: its file's path below the folder.
    """
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
    why = F.when(F.col(CORRUPT).isNotNull(), F.lit("does not parse: another number of values than columns"))
    return rows.select(
        *texts, why.alias(CORRUPT), F.coalesce(F.col(CORRUPT), values).alias("_raw"), F.url_decode(name).alias(FILE)
    )


def regex_quoted(text: str) -> str:
    """A text that matches itself."""
    return r"\Q" + text + r"\E"
