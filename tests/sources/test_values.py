"""What each type takes for a value, held against Python's own parsers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from solvent.config.expressions import parse_columns
from solvent.sources.values import value_of

WHOLE = {"TINYINT": 8, "SMALLINT": 16, "INT": 32, "BIGINT": 64}
BOOLEANS = {
    word: word in ("true", "t", "yes", "y", "1")
    for word in ["true", "t", "yes", "y", "1", "false", "f", "no", "n", "0"]
}


def whole(bits: int) -> Callable[[str], int | None]:
    def parse(text: str) -> int | None:
        value = int(text) if re.fullmatch("[+-]?[0-9]+", text) else 2**bits
        return value if -(2 ** (bits - 1)) <= value < 2 ** (bits - 1) else None

    return parse


def double(text: str) -> float | None:
    """Finite, plainly written, and zero only if that is what it says."""
    try:
        exact = Decimal(text)
    except ArithmeticError:
        return None
    if not re.fullmatch("[-+.0-9eE]+", text):
        return None
    value = float(text)
    return None if value in (float("inf"), float("-inf")) or (value == 0) != (exact == 0) else value


def decimal(precision: int, scale: int) -> Callable[[str], Decimal | None]:
    def parse(text: str) -> Decimal | None:
        if not re.fullmatch("[-+.0-9]+", text):
            return None
        with localcontext() as context:
            context.prec = 200
            try:
                exact = Decimal(text)
            except ArithmeticError:
                return None
            unscaled = exact.scaleb(scale)
            return exact if unscaled == int(unscaled) and abs(unscaled) < 10**precision else None

    return parse


def day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None


def micros(time: datetime) -> int:
    return (time.replace(tzinfo=None) - datetime(1970, 1, 1)) // timedelta(microseconds=1)


def moment(text: str) -> int | None:
    """A date, and if there is more, T or a blank, hours and minutes at least; after seconds, an offset of at most 18 hours."""
    found = re.fullmatch(r"([^T ]+)(?:([T ])([^-+Z]+)(Z|[-+].*)?)?", text)
    if not found or day(found[1]) is None:
        return None
    try:
        clock = re.sub(r"(\.\d{6})0+$", r"\1", found[3] or "00:00")
        if not re.fullmatch(r"\d\d:\d\d(:\d\d(\.\d{1,6})?)?", clock):
            return None
        if found[4] and len(clock) == 5:
            return None
        digits = clock.partition(".")[2]
        clock = clock.replace(f".{digits}", f".{digits:0<6}") if digits else clock
        value = datetime.fromisoformat(f"{found[1]}T{clock}{found[4] or 'Z'}")
        offset = value.utcoffset()
        assert offset is not None
        if abs(offset.total_seconds()) > 18 * 3600:
            return None
        return micros(value.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


PARSERS: dict[str, Callable[[str], Any]] = {
    "BOOLEAN": lambda text: BOOLEANS.get(text.lower()),
    **{kind: whole(bits) for kind, bits in WHOLE.items()},
    "DOUBLE": double,
    "DECIMAL(5,2)": decimal(5, 2),
    "DECIMAL(38,10)": decimal(38, 10),
    "DECIMAL": decimal(10, 0),
    "DATE": day,
    "TIMESTAMP": moment,
}
ODD = [
    *(
        "",
        " ",
        "5 ",
        " 5",
        "5\n",
        "\u0665",
        "1_0",
        "0x1p3",
        "12d",
        "12f",
        "NaN",
        "Infinity",
        "-inf",
        ".",
        "+",
        "1.",
        ".5",
    ),
    *(
        "1e400",
        "1e-400",
        "0e-400",
        "-0",
        "127",
        "128",
        "-128",
        "2147483648",
        "9223372036854775807",
        "9223372036854775808",
    ),
    *("8.94", "999.99", "999.995", "1000", "0001000.50000", "1e2", "TRUE", "f", "Yes", "on", "2"),
    *("2024", "202401", "2024-1-5", "2024-02-29", "2023-02-29", "0000-01-01", "2024-01-05T", "20240105", "2024-W01-1"),
    *("12:30", "T12:30", "2024-01-05 10", "2024-01-05 24:00", "2024-01-05 10:00:60", "2024-01-05T10:00:00.1234560000"),
    *("2024-01-05T10:00:00.1234567", "2024-01-05 10:00:00+00", "2024-01-05 10:00+0530", "2024-01-05 10:00:00 UTC"),
    *(
        "0001-01-01 00:00+01:00",
        "9999-12-31 23:59-01",
        "2024-01-05 10:00+18:00",
        "2024-01-05 10:00+18:01",
        "epoch",
        "now",
        "today",
    ),
]
DIGITS = st.text("0123456789", min_size=1, max_size=40)
NUMBERS = st.builds(
    "{}{}{}{}{}".format,
    st.sampled_from(["", "-", "+"]),
    st.one_of(st.integers(0, 2**64).map(str), DIGITS),
    st.one_of(st.just(""), st.just("."), DIGITS.map(".{}".format)),
    st.one_of(st.just(""), st.integers(-400, 400).map("e{}".format), st.integers(0, 9).map("E+{}".format)),
    st.sampled_from([*[""] * 6, "d", "f", "L", " "]),
)
TIMES = st.builds(
    "{}{}{}{}".format,
    st.one_of(
        st.dates().map(str),
        st.builds("{:04}-{:02}-{:02}".format, st.integers(0, 9999), st.integers(0, 13), st.integers(0, 32)),
    ),
    st.sampled_from(["", " ", "T", "t", "  "]),
    st.one_of(
        st.just(""),
        st.times().map(str),
        st.builds("{:02}:{:02}".format, st.integers(0, 25), st.integers(0, 61)),
        st.builds("{:02}:{:02}:{:02}.{}".format, st.integers(0, 25), st.integers(0, 61), st.integers(0, 61), DIGITS),
    ),
    st.sampled_from([*[""] * 4, "Z", "+01", "-0330", "+05:30", "+18:00", "-18:30", "+1", " UTC", "Europe/Berlin"]),
)


def drawn(strategy: st.SearchStrategy[str], count: int) -> list[str]:
    """Many texts, so that one job of Spark's judges all of them."""
    found: list[str] = []

    @settings(max_examples=count, database=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def collect(text: str) -> None:
        found.append(text)

    collect()
    return found


def taken(spark: SparkSession, texts: list[str], kinds: Iterable[str], **options: str) -> list[dict[str, Any]]:
    """Each text as each type takes it; times as microseconds, since Spark gives them as the driver's local clock reads."""
    frame = spark.createDataFrame([(text,) for text in texts], "text STRING")
    columns = {kind: parse_columns(f"text {kind}")[0] for kind in kinds}
    values = {kind: value_of(column, options) for kind, column in columns.items()}
    if "TIMESTAMP" in values:
        values["TIMESTAMP"] = F.unix_micros(values["TIMESTAMP"])
    return [row.asDict() for row in frame.select(*(value.alias(kind) for kind, value in values.items())).collect()]


def test_a_text_is_taken_for_exactly_its_value_or_refused(spark: SparkSession) -> None:
    texts = [*ODD, *BOOLEANS, *drawn(NUMBERS, 400), *drawn(TIMES, 400), *drawn(st.text(max_size=12), 100)]
    texts = [text for text in texts if "\x00" not in text]
    found = taken(spark, texts, PARSERS)
    for text, values in zip(texts, found, strict=True):
        for kind, value in values.items():
            wanted = PARSERS[kind](text)
            assert (value, str(value)) == (wanted, str(wanted)) or (kind.startswith("DECIMAL") and value == wanted), (
                kind,
                text,
            )
    # The generated texts must not all be refused.
    assert all(sum(row[kind] is not None for row in found) > 5 for kind in PARSERS)


def test_float_is_the_nearest_one_and_finite(spark: SparkSession) -> None:
    texts = ["0.1", "16777217", "3.4028235e38", "3.4028236e38", "1e39", "1e-45", "1e-46", "0e99", "NaN", "1f"]
    found = [row["FLOAT"] for row in taken(spark, texts, ["FLOAT"])]
    assert found == [
        *(float(np.float32(text)) for text in texts[:3]),
        None,
        None,
        float(np.float32("1e-45")),
        None,
        0.0,
        None,
        None,
    ]


def test_a_declared_format_is_the_only_one(spark: SparkSession) -> None:
    texts = ["05/01/2024", "31/02/2024", "5/1/2024", "2024-01-05", "05/01/2024 10:30", "05/01/2024 10:30 "]
    formats = {"dateFormat": "dd/MM/yyyy", "timestampFormat": "dd/MM/yyyy HH:mm"}
    found = taken(spark, texts, ["DATE", "TIMESTAMP", "INT"], **formats)
    assert [row["DATE"] for row in found] == [date(2024, 1, 5), *[None] * 5]
    assert [row["TIMESTAMP"] for row in found] == [*[None] * 4, micros(datetime(2024, 1, 5, 10, 30)), None]
