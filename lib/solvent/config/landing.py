"""How a source's landing files are written: their format, and the options of it that are read."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from datetime import timedelta
from functools import cached_property
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from solvent.config.base import Duration, Frozen

Option = str | bool | int

# As Spark reads them: two characters for one that is hard to write.
ESCAPED = {"\\t": "\t", "\\\\": "\\", '\\"': '"', "\\'": "'"}
# https://spark.apache.org/docs/latest/sql-ref-datetime-pattern.html, less those that are for writing only.
PATTERN_LETTERS = "GyMLdDahHkKmsSVzOXxZ"
BREAKS = "\r\n\x00"
UNICODE = ("utf-8", "utf-16", "utf-16-le", "utf-16-be")


def truth(value: Option) -> bool:
    """True or false, also as a word."""
    if isinstance(value, bool):
        return value
    words = {"true": True, "false": False}
    if str(value).lower() not in words:
        raise ValueError("write true or false")
    return words[str(value).lower()]


def word(value: Option) -> str:
    """A text; YAML takes some words for something else."""
    if isinstance(value, bool):
        raise ValueError("write it in quotes, as YAML takes it for true or false")
    return str(value)


def separator(value: Option) -> str:
    """What is between two values."""
    text = ESCAPED.get(word(value), word(value))
    if not text or any(character in text for character in (*BREAKS, "\\")):
        raise ValueError("give the characters between two values, without line breaks and backslashes; \\t is a tab")
    return text


def mark(value: Option) -> str:
    """A single character."""
    text = ESCAPED.get(word(value), word(value))
    if len(text) != 1 or text in BREAKS:
        raise ValueError("give one character")
    return text


def quote(value: Option) -> str:
    """A single character, or nothing: then there are no quoted values."""
    return mark(value) if value != "" else ""


def pattern(value: Option) -> str:
    """A pattern of dates or times, of letters that Spark reads; what is in quotes stands for itself."""
    text = word(value)
    bare = re.sub("'[^']*'", "", text)
    foreign = "".join(sorted(set(re.findall("[A-Za-z']", bare)) - set(PATTERN_LETTERS)))
    if not text.strip() or foreign or "SSSSSSS" in bare:
        wrong = f"does not read {foreign}" if foreign else "reads at most SSSSSS"
        raise ValueError(f"give a pattern such as dd.MM.yyyy or yyyy-MM-dd HH:mm:ss.SSS; Spark {wrong}")
    return text


def encoding(value: Option) -> str:
    """An encoding by Python's name: one of Unicode, or one of a byte for each character that begins as ASCII does."""
    try:
        name = codecs.lookup(word(value)).name.removesuffix("-sig")
        if name in UNICODE or (plain(name) and any(upper_half(name))) or name == "ascii":
            return name
    except (LookupError, ValueError):
        pass
    raise ValueError("give UTF-8, UTF-16, or an encoding of one byte for each character, such as windows-1252")


def plain(name: str) -> bool:
    """Whether an encoding begins as ASCII does, and no byte waits for another."""
    return all(bytes([byte]).decode(name) == chr(byte) for byte in range(128)) and None not in (
        decoded(name, byte) for byte in range(128, 256)
    )


def decoded(name: str, byte: int) -> str | None:
    """The character of a byte: empty if it has none, None if it is only a part of one."""
    try:
        return codecs.getincrementaldecoder(name)().decode(bytes([byte])) or None
    except UnicodeDecodeError:
        return ""


def upper_half(name: str) -> list[str]:
    """The characters of the bytes 128 to 255 in an encoding of one byte for each; empty for those that have none."""
    return [decoded(name, byte) or "" for byte in range(128, 256)]


# Type -> the option that says how its values are written.
FORMATS = {"DATE": "dateFormat", "TIMESTAMP": "timestampFormat"}
READINGS: dict[str, Callable[[Option], str | bool]] = {
    "encoding": encoding,
    "multiLine": truth,
    **dict.fromkeys(FORMATS.values(), pattern),
    "header": truth,
    "sep": separator,
    "quote": quote,
    "escape": mark,
    "nullValue": word,
}
ALIASES = {"charset": "encoding", "delimiter": "sep"}
ALLOWED = {"csv": tuple(READINGS), "json": ("encoding", "multiLine", *FORMATS.values())}
DEFAULTS: dict[str, str | bool] = {
    **{"encoding": "utf-8", "multiLine": False},
    **{"header": False, "sep": ",", "quote": '"', "nullValue": ""},
}


class Landing(Frozen):
    """How a source's landing files are read, and where they are.

    Attributes:
        format: What they hold.
        options: Those of Spark's reader that are allowed, by its names, in any letter case.
        folder: Where they are, below the environment's landing folder and the project's name; default: the source's name.
        wait: How long nothing was written to a file before it is read. It shapes no content, and so no digest.
    """

    format: Literal["csv", "json"] = "csv"
    options: dict[str, Option] = {}
    folder: str | None = None
    wait: Duration = Field(default=timedelta(0), exclude=True)

    @field_validator("folder")
    @classmethod
    def is_below(cls, folder: str | None) -> str | None:
        """Refuses what is no plain path below the project's landing folder."""
        if folder is not None and (":" in folder or {"", ".", ".."} & set(folder.split("/"))):
            raise ValueError("give a path below <landing>/<project>, such as eu/orders")
        return folder

    @cached_property
    def reading(self) -> dict[str, str | bool]:
        """The options as they are read, by Spark's names, with the defaults of those that have one."""
        given: dict[str, str | bool] = {}
        allowed = {name.lower(): name for name in ALLOWED[self.format]}
        allowed |= {alias: name for alias, name in ALIASES.items() if name in ALLOWED[self.format]}
        for key, value in self.options.items():
            if key.lower() not in allowed:
                names = ", ".join(ALLOWED[self.format])
                raise ValueError(f"options.{key}: is no option of {self.format} files; allowed: {names}")
            name = allowed[key.lower()]
            if name in given:
                raise ValueError(f"options.{key}: is given twice, as {name}")
            try:
                given[name] = READINGS[name](value)
            except ValueError as error:
                raise ValueError(f"options.{key}: found {value!r}; {error}") from None
        read = {name: value for name, value in DEFAULTS.items() if name in ALLOWED[self.format]} | given
        return {"escape": read["quote"], **read} if self.format == "csv" else read

    @model_validator(mode="after")
    def can_be_read(self) -> Self:
        """Refuses options that are not read, and characters of csv that are the same."""
        reading = self.reading
        if self.format == "csv":
            marks = {str(reading["quote"]), str(reading["escape"])} - {""}
            if any(one in str(reading["sep"]) for one in marks):
                raise ValueError("options.sep: holds the character of quote or escape")
        return self
