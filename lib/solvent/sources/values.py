"""Which texts are values of which type: one rule for each, so that a file has the same content today and tomorrow, here and elsewhere.

Spark's own cast is more generous than that: it takes "12:30" for a time of today, "202401" for a year, "1e400" for infinity, and rounds
what has too many digits. So a text must first look like a value, and then be one.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column as Expression
from pyspark.sql import functions as F

from solvent.config.expressions import Column
from solvent.config.landing import FORMATS
from solvent.tables.columns import type_of

WHOLE = r"[+-]?[0-9]+"
NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?"
NOT_ZERO = r"\A[^eE]*[1-9]"
DAY = r"(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}"
OFFSET = r"(Z|[+-][0-9]{2}(:?[0-9]{2})?)?"
# Of more than six digits after the second, all others must be zero, as Spark's times end there.
CLOCK = rf"[0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}}(\.[0-9]{{1,6}}0*)?{OFFSET})?"
SHAPES = {
    "BOOLEAN": r"(?i)(true|t|yes|y|1|false|f|no|n|0)",
    **dict.fromkeys(("TINYINT", "SMALLINT", "INT", "BIGINT"), WHOLE),
    **dict.fromkeys(("FLOAT", "DOUBLE"), NUMBER),
    "DATE": DAY,
    "TIMESTAMP": f"{DAY}([T ]{CLOCK})?",
}
# What Python can hold, too; an offset can carry a time out of it.
FIRST, LAST = "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"


def value_of(column: Column, reading: Mapping[str, object]) -> Expression:
    """The value of a column's text, with the column's type; null if it is none.

    Args:
        column: A column, which is STRING in the rows.
        reading: How the source's landing files are read; dateFormat and timestampFormat replace the shape of ISO 8601.
    """
    text, kind = F.col(f"`{column.name}`"), column.type
    if kind == "STRING":
        return text
    pattern = reading.get(FORMATS.get(kind, ""))
    if pattern is not None:
        value = F.try_to_timestamp(text, F.lit(str(pattern)))
        return F.when(is_in_range(value), value.cast(kind))
    value = text.try_cast(type_of(kind))
    fits = text.rlike(rf"\A{shape_of(kind)}\z")
    if kind in ("FLOAT", "DOUBLE"):
        # Too large a number would be infinite, and too small a one zero.
        fits &= (F.abs(value) < F.lit(float("inf"))) & ((value != 0) | ~text.rlike(NOT_ZERO))
    elif kind == "TIMESTAMP":
        fits &= is_in_range(value)
    return F.when(fits, value)


def shape_of(kind: str) -> str:
    """The regular expression of the texts of a type."""
    if not kind.startswith("DECIMAL"):
        return SHAPES[kind]
    precision, scale = (int(digits) for digits in kind[len("DECIMAL(") : -1].split(","))
    return rf"[+-]?(?=\.?[0-9])0*[0-9]{{0,{precision - scale}}}(\.[0-9]{{0,{scale}}}0*)?"


def is_in_range(time: Expression) -> Expression:
    """Whether a time is within the years 1 to 9999; null if it is null."""
    return time.between(F.lit(FIRST).cast("timestamp"), F.lit(LAST).cast("timestamp"))
