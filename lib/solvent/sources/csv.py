"""Records of csv by a strict grammar: RFC 4180 with any separator and quote, as Python's csv module reads it with strict=True.

A value in quotes holds anything, the quote doubled; another value does not begin with the quote and holds neither separator nor line break.
A record ends with its line, unless a value in quotes goes on. Where `escape` names another character than the quote, that stands before a
quote or itself within quotes, and nowhere else.

All repetitions of the regular expressions are possessive: they never go back, so that time is linear and no stack is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from solvent.config.landing import Landing
from solvent.sources.pins import FILE
from solvent.sources.texts import CORRUPT, RAW

SPECIAL = "\\^$.|?*+()[]{}"


def literal(text: str) -> str:
    """The regular expression of a text, also within brackets."""
    return "".join(f"\\x{{{ord(character):x}}}" for character in text)


@dataclass(frozen=True)
class Csv:
    """A dialect of csv as regular expressions and columns.

    Attributes:
        sep: What is between two values.
        quote: What is around a value; empty if nothing ever is.
        escape: What is before a quote in a value; the quote itself if it is doubled.
        null: The text that stands for no value, beside nothing at all.
    """

    sep: str
    quote: str
    escape: str
    null: str

    @classmethod
    def of(cls, landing: Landing) -> Csv:
        """The dialect that is declared."""
        return cls(*(str(landing.reading[name]) for name in ("sep", "quote", "escape", "nullValue")))

    @property
    def escapes(self) -> bool:
        """Whether another character than the quote stands before a quote."""
        return bool(self.quote) and self.escape != self.quote

    def without(self, characters: str) -> str:
        """Any number of characters of one line that are no separator and none of some others."""
        if len(self.sep) == 1:
            return f"[^{literal(self.sep + characters)}\\r\\n]*+"
        return f"(?:(?!{literal(self.sep)})[^{literal(characters)}\\r\\n])*+"

    @cached_property
    def quoted(self) -> str:
        """A value in quotes."""
        mark, escape = literal(self.quote), literal(self.escape)
        other = f"[^{mark}{escape}]*+"
        pairs = f"{escape}[{mark}{escape}]"
        return f"{mark}{other}(?:{pairs}{other})*+{mark}"

    @cached_property
    def field(self) -> str:
        """A value as it is written."""
        if not self.quote:
            return self.without("")
        return f"(?>{self.quoted}|(?!{literal(self.quote)}){self.without(self.escape if self.escapes else '')})"

    @cached_property
    def record(self) -> str:
        """A record without the line break after it."""
        return f"{self.field}(?:{literal(self.sep)}{self.field})*+"

    @cached_property
    def closed(self) -> str:
        """A line that is no record, but ends with all quotes closed however it is read, so that it takes no other with it."""
        mark, escape = literal(self.quote), literal(self.escape)
        if self.escapes:
            # Readers differ in what an escape does before another character, and in what may come after a quote.
            quoted = f"{mark}(?:[^{mark}{escape}\\r\\n]|{escape}[^\\r\\n])*+{mark}"
            plain = f"(?!{mark}){self.without(self.escape)}(?:{escape}(?!{literal(self.sep)})[^\\r\\n]{self.without(self.escape)})*+"
        else:
            quoted, plain = f"{self.quoted}{self.without(self.quote)}", f"(?!{mark}){self.without('')}"
        return f"(?>{quoted}|{plain})(?:{literal(self.sep)}(?>{quoted}|{plain}))*+"

    def records(self, text: Column) -> Column:
        """The records of a text, and empty lines, each without the line break after it. What is no record ends with its line."""
        text = F.when(F.endswith(text, F.lit("\r")), F.substr(text, F.lit(1), F.length(text) - 1)).otherwise(text)
        record = f"(?>{self.record}(?=[\\r\\n]|\\z)|[^\\r\\n]*+)(?:\\r\\n|[\\r\\n]|\\z)"
        parts = F.transform(
            F.regexp_extract_all(text, F.lit(record), F.lit(0)), lambda part: F.rtrim(part, F.lit("\r\n"))
        )
        several = F.contains(text, F.lit("\r")) | F.contains(text, F.lit("\n"))
        return F.when(text.isNotNull(), F.when(several, parts).otherwise(F.array(text)))

    def marked(self, record: Column) -> Column:
        """Whether a record holds a quote or an escape, so that it has to be looked at closely."""
        if not self.quote:
            return F.lit(False)
        marks = [F.contains(record, F.lit(mark)) for mark in dict.fromkeys((self.quote, self.escape))]
        return marks[0] if len(marks) == 1 else marks[0] | marks[1]

    def parses(self, record: Column) -> Column:
        """Whether it is one by the grammar."""
        return ~self.marked(record) | F.rlike(record, F.lit(f"\\A{self.record}\\z"))

    def goes_on(self, record: Column) -> Column:
        """Whether what is no record may hold a part of another, so that nothing of its file can be trusted."""
        return ~self.parses(record) & ~F.rlike(record, F.lit(f"\\A{self.closed}\\z"))

    def values(self, record: Column) -> Column:
        """The values of what parses: ARRAY<STRING>, null where nothing is between two separators."""
        simple = self.sep if len(self.sep) > 1 or self.sep not in SPECIAL else f"\\{self.sep}"
        plain = F.split(record, literal(self.sep) if len(self.sep) > 1 else simple, -1)
        if not self.quote:
            return plain
        separator = literal(self.sep)
        written = F.regexp_extract_all(F.concat(F.lit(self.sep), record), F.lit(f"{separator}({self.field})"), F.lit(1))
        return F.when(self.marked(record), F.transform(written, self.value)).otherwise(plain)

    def value(self, written: Column) -> Column:
        """What a value is, as it is written."""
        inner = F.substr(written, F.lit(2), F.length(written) - 2)
        if self.escapes:
            pair = f"{literal(self.escape)}([{literal(self.quote + self.escape)}])"
            inner = F.regexp_replace(inner, pair, "$1")
        else:
            inner = F.replace(inner, F.lit(self.quote * 2), F.lit(self.quote))
        return F.when(F.startswith(written, F.lit(self.quote)), inner).otherwise(F.nullif(written, F.lit("")))

    def read(self, records: DataFrame, names: Sequence[str]) -> DataFrame:
        """What records hold for each column, and why they do not parse; see raw_rows."""
        raw = F.col(RAW)
        values = records.select(
            FILE, RAW, F.when(self.parses(raw), self.values(raw)).alias("_values"), self.marked(raw).alias("_marked")
        )
        why = F.when(F.col("_values").isNull(), F.lit("does not parse: a quote or escape is where none may be")).when(
            F.size("_values") != len(names), F.lit("does not parse: another number of values than columns")
        )

        def value(place: int) -> Column:
            text = F.get("_values", F.lit(place))
            # Of a record without quotes, which is split at the separators, what is empty was not made null yet.
            nothing = (text == F.lit(self.null)) | (~F.col("_marked") & (text == F.lit("")))
            return F.when(~nothing, text)

        return values.select(
            *(value(place).alias(name) for place, name in enumerate(names)), why.alias(CORRUPT), RAW, FILE
        )
