"""Landing files as text: by line, or whole, with what is no text told apart.

Spark's readers of csv and json decide themselves what a record is, and replace, skip or join what they do not understand. So files are
read as bytes here, and only what is text in the declared encoding goes on.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from solvent.config.landing import Landing, upper_half
from solvent.sources.landing import LandingFile, globbed
from solvent.sources.pins import FILE
from solvent.tables.warehouse import Warehouse

# A record, and why it does not parse as a whole.
RAW, CORRUPT = "_raw", "_corrupt"
# What of a file is text: null where it is none; and whether it is at the start of the file.
TEXT, AT_START, BINARY = "_text", "_at_start", "_binary"
BYTE_ORDER_MARK = "\ufeff"


def texts_of(warehouse: Warehouse, landing: Landing, folder: str, files: Sequence[LandingFile]) -> DataFrame:
    """The lines of files, or the whole of each, if records may have line breaks or bytes of a line break be part of another character.

    Returns:
        _file STRING: path below the folder; _text STRING: without line feed, null if it is not text in the declared encoding; _at_start
        BOOLEAN: whether it is of the part of a file that holds its first line; _binary BOOLEAN: whether it holds NUL.
    """
    reader = warehouse.spark.read.format("text").option("recursiveFileLookup", True)
    # A session may be set to leave out what it cannot read.
    reader = reader.option("ignoreCorruptFiles", False).option("ignoreMissingFiles", False)
    encoding = str(landing.reading["encoding"])
    lines = encoding == "utf-8" and not landing.reading["multiLine"]
    reader = reader.option("lineSep", "\n") if lines else reader.option("wholetext", True)
    value = F.col("value")
    # Hadoop takes a byte order mark away where it reads lines.
    text = F.when(F.is_valid_utf8(value), value) if lines else without_mark(decoded(value, encoding))
    # In UTF-16 every other byte may be NUL.
    nul = F.contains(text if encoding.startswith("utf-16") else value, F.lit("\x00"))
    return reader.load([globbed(f"{folder}/{file.file}") for file in files]).select(
        file_below(folder).alias(FILE),
        (F.col("_metadata.file_block_start") == 0).alias(AT_START),
        text.alias(TEXT),
        F.coalesce(nul, F.lit(False)).alias(BINARY),
    )


def file_below(folder: str) -> Column:
    """The path below a folder of the file that a row was read from, which Spark gives with its special characters as %20."""
    # url_decode takes + for a space, as forms of web pages do and Spark does not.
    path = F.url_decode(F.replace(F.col("_metadata.file_path"), F.lit("+"), F.lit("%2B")))
    root = folder.split("://", 1)[-1] + "/"
    return F.substr(path, F.instr(path, root) + F.lit(len(root)))


def decoded(value: Column, encoding: str) -> Column:
    """Bytes, which Spark takes for UTF-8, as text; null if they are none."""
    if encoding == "utf-8":
        return F.when(F.is_valid_utf8(value), value)
    content = value.cast("binary")
    bytes_ = F.decode(content, "ISO-8859-1")
    if not encoding.startswith("utf-16"):
        return one_by_one(bytes_, encoding)
    if encoding != "utf-16":
        return of_pairs(content, bytes_, encoding.upper().replace("16-", "16"))
    found = [(b"\xfe\xff", "UTF-16BE"), (b"\xff\xfe", "UTF-16LE")]
    rest = F.substr(bytes_, F.lit(3))
    texts = [
        F.when(F.startswith(content, F.lit(mark)), of_pairs(F.substr(content, F.lit(3)), rest, name))
        for mark, name in found
    ]
    return F.coalesce(*texts)


def without_mark(text: Column) -> Column:
    """A text without the byte order mark that it may begin with."""
    return F.when(F.startswith(text, F.lit(BYTE_ORDER_MARK)), F.substr(text, F.lit(2))).otherwise(text)


def one_by_one(latin: Column, encoding: str) -> Column:
    """The text of bytes, each of which is a character; they are given as those of ISO-8859-1."""
    half = dict(zip(map(chr, range(128, 256)), upper_half(encoding), strict=True))
    without = "".join(f"\\x{{{ord(byte):x}}}" for byte, character in half.items() if not character)
    other = {byte: character for byte, character in half.items() if character not in ("", byte)}
    text = F.translate(latin, "".join(other), "".join(other.values())) if other else latin
    return F.when(~F.rlike(latin, F.lit(f"[{without}]")), text) if without else text


def of_pairs(content: Column, latin: Column, charset: str) -> Column:
    """The text of UTF-16: its bytes, and the same as characters of ISO-8859-1, in which surrogates are seen to be in pairs."""
    order = slice(None, None, 1 if charset.endswith("BE") else -1)
    other, high, low = (
        "".join([first, r"[\x00-\xff]"][order]) for first in (r"[\x00-\xd7\xe0-\xff]", r"[\xd8-\xdb]", r"[\xdc-\xdf]")
    )
    return F.when(F.rlike(latin, F.lit(f"\\A(?:{other}|{high}{low})*+\\z")), F.decode(content, charset))
