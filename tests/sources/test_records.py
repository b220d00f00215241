"""Files written and damaged at random: what is accepted of them is what Python's own readers find, and nothing is lost or made up."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from pyspark.sql import SparkSession

from solvent.config.source import Source
from solvent.sources.landing import LandingFile
from solvent.sources.reading import examine, raw_rows

NAMES = ("id", "name", "note")
# Pieces that mean something to some reader: line breaks, and what only looks like one; separators, quotes, escapes; marks of Unicode.
PIECES = [
    *"\n\r,;\t|\"'\\ ab01",
    "\r\n",
    '""',
    '",',
    ',"',
    '\n"',
    "||",
    "\u2028",
    "\x85",
    "\x0b",
    "\x1c",
    "é",
    "😀",
    "NA",
    "\ufeff",
]
COMPRESSIONS = {
    "": bytes,
    ".gz": gzip.compress,
    ".GZ": gzip.compress,
    ".bz2": bz2.compress,
    ".deflate": zlib.compress,
}


@dataclass(frozen=True)
class Written:
    """A file: its text, or bytes that may be none; and whether nothing is wrong with it."""

    name: str
    content: bytes
    clean: bool


def text_of(content: bytes, encoding: str) -> str:
    """The text of a file, without the mark it may begin with; a UnicodeDecodeError if it is none."""
    if encoding == "utf-16" and content[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise UnicodeDecodeError(encoding, content, 0, 2, "no byte order mark")
    return content.decode(encoding).removeprefix("\ufeff")


def in_pieces(random: Random, length: int, without: str = "") -> str:
    pieces = [piece for piece in PIECES if not set(piece) & set(without)]
    return "".join(random.choice(pieces) for _ in range(random.randrange(length)))


def encodable(text: str, encoding: str) -> str:
    return text.encode(encoding, errors="ignore").decode(encoding)


def damaged(random: Random, text: str) -> str:
    """A text with a few pieces put in, taken out, or cut off."""
    for _ in range(random.randrange(1, 4)):
        at = random.randrange(len(text) + 1)
        match random.randrange(4):
            case 0 | 1:
                text = text[:at] + random.choice(PIECES) + text[at:]
            case 2:
                text = text[:at] + text[at + random.randrange(1, 4) :]
            case _:
                text = text[:at] if random.random() < 0.3 else text
    return text


def csv_text(random: Random, options: dict[str, Any], encoding: str) -> str:
    """What Python's writer makes of random values."""
    out, breaks = io.StringIO(newline=""), "\r\n"
    without = "" if options.get("multiLine") else breaks
    without += options.get("sep", ",") + "\\\r\n" if options.get("quote") == "" else ""
    values = [
        [encodable(in_pieces(random, 6, without), encoding) for _ in NAMES]
        for _ in range(random.choice([0, 1, 3, 8, 40]))
    ]
    if random.random() < 0.05:
        values.append([encodable(in_pieces(random, 9, without) * 9000, encoding) for _ in NAMES])
    if len(options.get("sep", ",")) > 1:
        end = random.choice(["\n", "\r\n", "\r"])
        return "".join(
            options["sep"].join(quoted(random, one, options["sep"]) for one in row) + end for row in [NAMES, *values]
        )
    quoting = csv.QUOTE_NONE if options.get("quote") == "" else random.choice([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
    if options.get("escape"):
        quoting = csv.QUOTE_ALL
    writer = csv.writer(out, **dialect(options), quoting=quoting, lineterminator=random.choice(["\n", "\r\n", "\r"]))
    writer.writerows([NAMES, *values] if options.get("header") else values)
    return out.getvalue()


def quoted(random: Random, value: str, separator: str) -> str:
    plain = not set(value) & set(f'"\r\n{separator}') and random.random() < 0.5
    return value if plain else '"' + value.replace('"', '""') + '"'


def dialect(options: dict[str, Any]) -> dict[str, Any]:
    escape = options.get("escape")
    return {
        "delimiter": options.get("sep", ","),
        "strict": True,
        "quotechar": options.get("quote", '"') or None,
        "doublequote": escape is None,
        "escapechar": escape,
    }


def in_lines(text: str) -> list[str]:
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", text)


def csv_records(text: str, options: dict[str, Any]) -> Iterator[list[str] | None]:
    """Each record that Python's strict reader finds; None for a line that it refuses, after which it begins anew."""
    lines, at = in_lines(text), 0
    while at < len(lines):
        reader = csv.reader(
            iter(lines[at:]), **dialect(options), quoting=csv.QUOTE_NONE if options.get("quote") == "" else 0
        )
        try:
            row, count = next(reader), reader.line_num
        except csv.Error as error:
            row, count = None, len(lines) if "unexpected end" in str(error) else 1
        at += count
        if row != []:
            yield row


def csv_law(text: str, options: dict[str, Any], got: list[Any], clean: bool) -> None:
    """Of a file that is not refused each record is accepted as Python reads it, or in quarantine."""
    records = list(
        csv_records(text.replace("||", "\x01"), {**options, "sep": "\x01"})
        if options.get("sep") == "||"
        else csv_records(text, options)
    )
    found = [None if row is None else [value.replace("\x01", "||") for value in row] for row in records]
    if options.get("header"):
        assert [name.strip(" ") for name in found.pop(0) or ()] == list(NAMES)
    assert len(got) == len(found)
    nothing = {options.get("nullValue", ""), ""}
    right = Counter(
        tuple(None if value in nothing else value for value in row) for row in found if row and len(row) == len(NAMES)
    )
    accepted = Counter(tuple(None if value in nothing else value for value in row[:3]) for row in got if row[3] is None)
    assert not accepted - right, "what is accepted is not in the file"
    if clean or not options.get("escape"):
        assert accepted == right, "what is right is in quarantine"


class Number(str):
    """A number as it is written."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("twice")
    return dict(pairs)


def constant(text: str) -> Any:
    raise ValueError(text)


def loaded(text: str) -> Any:
    return json.loads(text, object_pairs_hook=once, parse_constant=constant, parse_int=Number, parse_float=Number)


def json_record(text: str) -> tuple[Any, ...] | None:
    """The values of a line as they are to be accepted; None if it is to be in quarantine."""
    try:
        found = loaded(text)
        if not isinstance(found, dict) or not set(found) <= set(NAMES) or re.search(r'"\\u0069d"\s*:', text):
            return None
        json.dumps(found, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    words = {True: "true", False: "false", None: None}
    return tuple(
        value if isinstance(value, str) else words[value] if not isinstance(value, dict | list) else json.dumps(value)
        for value in map(found.get, NAMES)
    )


def json_value(random: Random, depth: int = 3) -> Any:
    match random.randrange(9 if depth else 7):
        case 0:
            return random.choice([True, False, None])
        case 1:
            return random.choice([0, -0.0, 1.10, 10**30, -5, 1e300, 1.5e-7])
        case 2 | 3 | 4 | 5 | 6:
            return in_pieces(random, 6)
        case 7:
            return [json_value(random, depth - 1) for _ in range(random.randrange(4))]
        case _:
            return {in_pieces(random, 3): json_value(random, depth - 1) for _ in range(random.randrange(3))}


ODD = [
    "1e400",
    "-0",
    "1.0",
    "01",
    "+1",
    ".5",
    "1.",
    "NaN",
    "-Infinity",
    "'a'",
    '"\\ud800"',
    '"\\ud83d\\ude00"',
    '"\\x"',
    '"\\u00e9\\u0000"',
    "[1,]",
    '{"a":1,"a":2}',
    '[{"id":[]}]',
    '"a\tb"',
    "tru",
    "/**/1",
    "",
    "12345678901234567890.123456789",
    "[" * 16 + "]" * 16,
]


def json_line(random: Random) -> str:
    names = random.sample(NAMES, random.choice([3, 3, 3, 2, 1, 0]))
    line = json.dumps({name: json_value(random) for name in names}, ensure_ascii=random.random() < 0.5)
    match random.randrange(12):
        case 0:
            return line + random.choice([line, "," + line, " // x", "]", "x", "\r"])
        case 1:
            return line.replace(
                '"id"', random.choice(['"ID"', '"Id"', '"name"', '"ident"', '"\\u0069d"', "id", "'id'"]), 1
            )
        case 2 | 3 | 4:
            return '{"id": ' + random.choice(ODD) + random.choice(["", ', "name": ' + random.choice(ODD)]) + "}"
        case 5:
            return random.choice(["[" + line + "]", "5", '"id"', "null", "", "  ", "{}", "[]"])
        case _:
            return line


def json_text(random: Random, options: dict[str, Any], encoding: str) -> str:
    lines = [encodable(json_line(random), encoding) for _ in range(random.choice([1, 3, 8, 30]))]
    if random.random() < 0.05:
        lines.append(json.dumps({"id": in_pieces(random, 9) * 9000}))
    if not options.get("multiLine"):
        return random.choice(["\n", "\r\n"]).join(lines)
    return random.choice(["", " "]) + "[" + ",\n".join(line for line in lines if loads(line)) + "]\n"


def loads(line: str) -> bool:
    try:
        return isinstance(loaded(line), dict)
    except ValueError:
        return False


def json_law(text: str, options: dict[str, Any], got: list[Any], clean: bool) -> None:
    """Of a file that is not refused each object is accepted as Python reads it, or in quarantine."""
    lines = [line for line in text.split("\n") if line.strip(" \t\r\n")]
    if options.get("multiLine"):
        lines = [row["_raw"] for row in got]
        left = text
        for line in lines:
            between, _, left = left.partition(line)
            assert not between.strip("[, \t\r\n"), "something between two records is in none"
        assert not left.strip("] \t\r\n")
        assert not clean or len(lines) == len(json.loads(text))
    json_rows(lines, got)


def json_rows(lines: list[str], got: list[Any]) -> None:
    assert len(got) == len(lines)
    right = Counter(record for line in lines if (record := json_record(line)) is not None)
    accepted = Counter(tuple(flat(value) for value in row[:3]) for row in got if row[3] is None)
    assert accepted == right


def flat(value: str | None) -> str | None:
    """An object or array as Python writes it."""
    if value is None or value[:1] not in ("{", "["):
        return value
    try:
        return json.dumps(loaded(value))
    except ValueError:
        return value


ODD_NAMES = [
    "{}",
    "a+{}",
    "a b {}",
    "100%{}",
    "a%20b{}",
    "#{}",
    "what?{}",
    "[{}]",
    "{{{}}}",
    "st*r{}",
    "com,ma{}",
    "ü€{}",
    "back\\slash{}",
    "sub dir/{}",
    "a=b/{}+",
]


def written(random: Random, kind: str, options: dict[str, Any], number: int) -> Written:
    encoding = str(options.get("encoding", "utf-8"))
    text = (csv_text if kind == "csv" else json_text)(random, options, encoding)
    clean = random.random() < 0.4
    if clean and random.random() < 0.5:
        text = text[:-1] if text.endswith("\n") and not text.endswith("\r\n") else text
    if not clean:
        text = encodable(damaged(random, text), encoding)
    content = text.encode(encoding)
    if encoding == "utf-8" and random.random() < 0.2:
        content = b"\xef\xbb\xbf" + content
    if not clean and random.random() < 0.2:
        at = random.randrange(len(content) + 1)
        content = content[:at] + bytes([random.randrange(256)]) + content[at:]
    end = random.choice(list(COMPRESSIONS))
    name = random.choice(ODD_NAMES).format(number)
    return Written(f"{name}.{kind}{end}", content, clean)


DIALECTS: list[tuple[str, dict[str, Any]]] = [
    ("csv", {"header": True}),
    ("csv", {"HEADER": "TRUE", "multiLine": True}),
    ("json", {}),
    ("csv", {"header": True, "encoding": "cp1252", "Delimiter": ";", "nullValue": "NA"}),
    ("csv", {}),
    ("csv", {"header": True, "sep": "||"}),
    ("csv", {"sep": "\t", "quote": ""}),
    ("csv", {"quote": "'", "multiLine": True}),
    ("csv", {"escape": "\\", "header": True}),
    ("csv", {"escape": "\\", "multiLine": True}),
    ("csv", {"encoding": "utf-16", "header": True}),
    ("csv", {"encoding": "utf-16-le"}),
    ("csv", {"encoding": "utf-16-be", "multiLine": True}),
    ("csv", {"charset": "koi8-r"}),
    ("csv", {"charset": "ascii"}),
    ("json", {"multiLine": True}),
    ("json", {"encoding": "utf-16"}),
    ("json", {"encoding": "latin-1"}),
]


def canonical(options: dict[str, Any]) -> dict[str, Any]:
    names = {"HEADER": "header", "Delimiter": "sep", "charset": "encoding"}
    return {names.get(name, name): True if value == "TRUE" else value for name, value in options.items()}


class Reader:
    """What reading asks of a warehouse."""

    def __init__(self, spark: SparkSession) -> None:
        self.spark = spark


def hold(spark: SparkSession, folder: Path, kind: str, options: dict[str, Any], count: int) -> Counter[str]:
    """Writes files of a dialect, reads them, and compares; how many came out how."""
    random = Random(f"{kind} {options}")
    read = canonical(options)
    encoding = str(read.get("encoding", "utf-8"))
    files = {one.name: one for one in (written(random, kind, read, number) for number in range(count))}
    for one in files.values():
        path = folder / one.name
        path.parent.mkdir(parents=True, exist_ok=True)
        end = next((end for end in sorted(COMPRESSIONS, reverse=True) if end and one.name.endswith(end)), "")
        path.write_bytes(COMPRESSIONS[end](one.content))
    source = Source.model_validate(
        {
            "schema": ", ".join(f"{name} STRING" for name in NAMES),
            "key": ["id"],
            "landing": {"format": kind, "options": options},
        }
    )
    landed = [LandingFile(name, 1, None, "") for name in files]
    headers, refused = examine(Reader(spark), source, str(folder), landed)  # type: ignore[arg-type]
    left = [file for file in landed if file.file not in refused]
    rows: dict[str, list[Any]] = {file.file: [] for file in left}
    fit = {file: header for file, header in headers.items() if file not in refused}
    for row in raw_rows(Reader(spark), source, str(folder), left, fit).collect():  # type: ignore[arg-type]
        rows[row["_file"]].append(row)
    fates: Counter[str] = Counter()
    for name, one in files.items():
        if name in refused:
            fates["refused"] += 1
            assert not one.clean or "is empty" in refused[name], (name, refused[name], one.content[:300])
            continue
        try:
            (csv_law if kind == "csv" else json_law)(text_of(one.content, encoding), read, rows[name], one.clean)
        except AssertionError as error:
            raise AssertionError(f"{name}: {error}\n{one.content[:400]!r}\n{rows[name][:20]}") from error
        fates["accepted"] += sum(row["_corrupt"] is None for row in rows[name])
        fates["quarantined"] += sum(row["_corrupt"] is not None for row in rows[name])
    return fates


@pytest.fixture
def split(spark: SparkSession) -> Iterator[SparkSession]:
    """A session that reads files in parts of 32 kB."""
    own = {"spark.sql.files.maxPartitionBytes": "32kb", "spark.sql.files.openCostInBytes": "1kb"}
    before = {key: spark.conf.get(key) for key in own}
    for key, value in own.items():
        spark.conf.set(key, value)
    yield spark
    for key, value in before.items():
        spark.conf.set(key, str(value))


@pytest.mark.parametrize(("kind", "options"), DIALECTS[:4])
def test_records_are_accepted_as_they_stand_or_not_at_all(
    split: SparkSession, tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    fates = hold(split, tmp_path, kind, options, 60)
    assert min(fates[fate] for fate in ("accepted", "quarantined", "refused")) > 0 or kind == "json", fates


@pytest.mark.long
@pytest.mark.parametrize(("kind", "options"), DIALECTS)
def test_records_of_every_dialect_are_accepted_as_they_stand_or_not_at_all(
    split: SparkSession, tmp_path: Path, kind: str, options: dict[str, Any]
) -> None:
    fates = hold(split, tmp_path, kind, options, 150)
    assert fates["accepted"] > 50, fates
