"""Records of JSON by a strict grammar: one object of RFC 8259 a line, or a document that is one object or an array of objects.

A value is taken by its text: a string is what it says, a number or a literal stays as it is written, null is nothing, and an object or
an array is its own JSON. A key that is not declared, or given twice, is no small thing: what it holds would be lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from solvent.config.landing import Landing
from solvent.sources.pins import FILE
from solvent.sources.texts import CORRUPT, RAW

SPACE = "[ \\t\\r\\n]*+"
HEX = "[0-9a-fA-F]"
# Half a surrogate pair is no character, and no text that is stored could hold it.
CODE = f"(?:(?![dD][89a-fA-F]){HEX}{{4}}|[dD][89abAB]{HEX}{{2}}\\\\u[dD][c-fC-F]{HEX}{{2}})"
PLAIN = '[^"\\\\\\x00-\\x1f]*+'
STRING = f'"{PLAIN}(?:\\\\(?:["\\\\/bfnrt]|u{CODE}){PLAIN})*+"'
# Anything that ends where a string does, however wrong it is within.
STRING_LIKE = '"[^"\\\\]*+(?:\\\\[\\s\\S][^"\\\\]*+)*+"'
NUMBER = "-?+(?:0|[1-9][0-9]*+)(?:\\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+"
DEPTH = 16


def nested(string: str, depth: int = DEPTH) -> str:
    """An object or an array by its brackets and strings alone, to a depth."""
    inner = ""
    for _ in range(depth):
        inner = f'[\\[{{](?:[^"\\[\\]{{}}]++|{string}' + (f"|{inner}" if inner else "") + ")*+[\\]}]"
    return inner


VALUE = f"(?:{STRING}|{NUMBER}|true|false|null|{nested(STRING)})"
PAIR = f"{SPACE}({STRING}){SPACE}:{SPACE}({VALUE}){SPACE}"
OBJECT = f"\\A{SPACE}\\{{(?:{PAIR}(?:,{PAIR})*+|{SPACE})\\}}{SPACE}\\z"
ITEM = f'(?:{nested(STRING_LIKE, DEPTH + 1)}|{STRING_LIKE}|[^"\\[\\]{{}}, \\t\\r\\n]++)'
ARRAY = f"\\A{SPACE}\\[{SPACE}(?:{ITEM}{SPACE}(?:,{SPACE}{ITEM}{SPACE})*+)?+\\]{SPACE}\\z"


@dataclass(frozen=True)
class Json:
    """JSON as regular expressions and columns.

    Attributes:
        whole: Whether a file is one document, and not one for each line.
    """

    whole: bool

    @classmethod
    def of(cls, landing: Landing) -> Json:
        """The way of writing that is declared."""
        return cls(bool(landing.reading["multiLine"]))

    def records(self, text: Column) -> Column:
        """The objects of a text, by their brackets: ARRAY<STRING>; the empty text for none."""
        if not self.whole:
            return F.transform(F.split(text, "\n", -1), lambda line: F.trim(line, F.lit(" \t\r\n")))
        inner = F.regexp_replace(text, f"\\A{SPACE}\\[|\\]{SPACE}\\z", "")
        items = F.regexp_extract_all(inner, F.lit(ITEM), F.lit(0))
        several = F.when(F.size(items) > 0, items).otherwise(F.array(F.lit("")))
        alone = F.array(F.trim(text, F.lit(" \t\r\n")))
        return F.when(text.isNotNull(), F.when(F.rlike(text, F.lit(ARRAY)), several).otherwise(alone))

    def goes_on(self, record: Column) -> Column:
        """Whether a document has no end, so that nothing of its file can be trusted."""
        # An array that is none by its brackets was not taken apart.
        closed = F.rlike(record, F.lit(f"\\A{ITEM}\\z")) & ~F.startswith(record, F.lit("["))
        return ~closed if self.whole else F.lit(False)

    def read(self, records: DataFrame, names: Sequence[str]) -> DataFrame:
        """What records hold for each column, and why they do not parse; see raw_rows."""
        raw = F.when(F.rlike(RAW, F.lit(OBJECT)), F.col(RAW))
        pair = F.lit(f"[{{,]{PAIR}")
        parts = records.select(
            FILE,
            RAW,
            F.transform(F.regexp_extract_all(raw, pair, F.lit(1)), unquoted).alias("_keys"),
            F.regexp_extract_all(raw, pair, F.lit(2)).alias("_written"),
        )
        parts = parts.withColumn("_strings", strings(F.col("_written")))
        other = F.get(F.array_except("_keys", F.array(*map(F.lit, names))), F.lit(0))
        unknown = F.concat(F.lit("the key "), F.substr(other, F.lit(1), F.lit(80)), F.lit(" is not declared"))
        wrong = F.exists("_written", lambda text: is_nested(text) & F.try_parse_json(text).isNull())
        reasons = [
            F.when(F.col("_keys").isNull() | wrong, F.lit("does not parse: not one JSON object")),
            F.when(F.size(F.array_distinct("_keys")) != F.size("_keys"), F.lit("does not parse: a key is given twice")),
            F.when(F.size("_strings") != F.size("_written"), F.lit("does not parse: a string is too long")),
            unknown,
        ]
        return parts.select(
            *(value(name).alias(name) for name in names), F.coalesce(*reasons).alias(CORRUPT), RAW, FILE
        )


def unquoted(string: Column) -> Column:
    """What is between the quotes of a string."""
    return F.substr(string, F.lit(2), F.length(string) - 2)


def is_nested(written: Column) -> Column:
    """Whether a value is an object or an array."""
    return F.startswith(written, F.lit("[")) | F.startswith(written, F.lit("{"))


def strings(written: Column) -> Column:
    """What strings say, in place of values as they are written; null in place of others."""
    quote = F.lit('"')
    tokens = F.transform(written, lambda text: F.when(F.startswith(text, quote), text).otherwise(F.lit("null")))
    escaped = F.from_json(F.concat(F.lit("["), F.array_join(tokens, ","), F.lit("]")), "array<string>")
    plain = F.transform(written, lambda text: F.when(F.startswith(text, quote), unquoted(text)))
    return F.when(F.contains(RAW, F.lit("\\")), escaped).otherwise(plain)


def value(name: str) -> Column:
    """The text of a key's value; null if it is null or not there."""
    place = (F.array_position("_keys", F.lit(name)) - 1).cast("int")
    written, string = F.get("_written", place), F.get("_strings", place)
    return F.when(F.startswith(written, F.lit('"')), string).when(written != "null", written)
