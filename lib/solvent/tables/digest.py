"""Content digest of rows: exact, in one pass, and independent of the order of rows and files, of compaction and of partitioning.

Every row gives two 64-bit hashes (xxHash64 with different first arguments) over its values and which of them are null; a content is the
number of rows and the sums of both modulo 2^64. The sums of two sets of rows add up to those of their union, so the digest of a
source is known from those of its batches. Equal contents have equal digests; two contents that differ by chance agree with
probability about 2^-128. It is a check against change, not against an adversary who constructs collisions of xxHash64.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import DoubleType, FloatType, StructField, StructType

from solvent.tables.columns import named

WRAP = 2**64
# Three pieces of at most 22 bits: their sums stay below 2^63 for up to 2^41 rows, where a sum of whole hashes would overflow.
PIECES = ((0, 21), (21, 21), (42, 22))
SALTS = ("first", "second")


@dataclass(frozen=True)
class Content:
    """What a set of rows holds: their number and the sums of their two hashes, modulo 2^64."""

    rows: int = 0
    first: int = 0
    second: int = 0

    def __add__(self, other: Content) -> Content:
        """The content of both sets together."""
        return Content(self.rows + other.rows, (self.first + other.first) % WRAP, (self.second + other.second) % WRAP)

    def digest(self, columns: Sequence[str]) -> str:
        """SHA-256 over the declarations of the columns, such as "year int", and the content."""
        text = "\n".join([*columns, f"{self.rows} {self.first:016x} {self.second:016x}"])
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def text(self) -> str:
        """One string, read back by `parse`."""
        return f"{self.rows} {self.first:016x} {self.second:016x}"

    @staticmethod
    def parse(text: str) -> Content:
        """The content written as `text`."""
        rows, first, second = text.split(" ")
        return Content(int(rows), int(first, 16), int(second, 16))


def declarations(frame: DataFrame, names: Sequence[str]) -> list[str]:
    """Names and types of columns, as they enter a digest."""
    return named(StructType([frame.schema[name] for name in names]))


def exact(field: StructField) -> list[Column]:
    """What of a value is hashed: xxhash64 skips nulls and takes -0.0 for 0.0, so both are said apart."""
    value = F.col(f"`{field.name}`")
    parts = [value, value.isNull()]
    if isinstance(field.dataType, DoubleType | FloatType):
        parts.append(F.when(value == F.lit(0.0), value.cast("string")))
    return parts


def row_hash(frame: DataFrame, names: Sequence[str], salt: str = SALTS[0]) -> Column:
    """The 64-bit hash of the named values of a row, as BIGINT."""
    return F.xxhash64(F.lit(salt), *(part for name in names for part in exact(frame.schema[name])))


def hashed(salt: str) -> str:
    """The internal name of a hash as a column."""
    return f"_hash_{salt}"


def content_of(frame: DataFrame, names: Sequence[str] | None = None) -> Content:
    """The content of a frame's named columns (default: all), in one job."""
    return contents_of(frame, names)[0]


def contents_of(
    frame: DataFrame, names: Sequence[str] | None = None, *aggregates: Column, among: Column | None = None
) -> tuple[Content, tuple[object, ...]]:
    """The content of a frame's rows for which a condition holds (default: all), and further aggregates of the same pass over all rows."""
    names = names if names is not None else frame.columns
    counts = F.lit(True) if among is None else among
    # As columns, so that each hash is computed once for its pieces, and not at all for rows that do not count.
    hashes_of = {hashed(salt): F.when(counts, row_hash(frame, names, salt)) for salt in SALTS}

    def piece(salt: str, start: int, width: int) -> Column:
        bits = F.shiftrightunsigned(hashed(salt), start).bitwiseAND(F.lit(2**width - 1))
        return F.coalesce(F.sum(bits), F.lit(0))

    sums = [piece(salt, start, width) for salt in SALTS for start, width in PIECES]
    row = frame.withColumns(hashes_of).agg(F.count(hashed(SALTS[0])), *sums, *aggregates).collect()[0]
    hashes = [
        sum(int(row[1 + len(PIECES) * which + piece]) << start for piece, (start, _) in enumerate(PIECES)) % WRAP
        for which in range(len(SALTS))
    ]
    return Content(int(row[0]), *hashes), tuple(row[1 + len(PIECES) * len(SALTS) :])
