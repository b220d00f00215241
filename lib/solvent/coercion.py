"""Refuses expressions in which Spark would make a time of a text by its own reading, asked for or not.

Spark takes "12:30" for a time of today and "202401" for a year, so that what such an expression gives is another thing tomorrow. Where it
does so is seen in its own plans, in which each cast is written out: an expression is taken apart, and each of its operators and calls is
planned over columns of the types of its operands. A cast of such a column tells which operand is taken for a time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import sqlglot
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from sqlglot import exp
from sqlglot.dialects.spark import Spark
from sqlglot.parsers.spark import SparkParser

from solvent.config.expressions import MOMENT

# In a plan: a cast to a type that holds a time, of anything or of an operand.
TO_TIME = r" as (?P<type>(?:[^()]|\(\d+(?:,\d+)?\))*?\b(?:date|timestamp)\w*[^()]*)\)"
CAST = re.compile(TO_TIME)
CAST_OF_OPERAND = re.compile(rf"cast\(_p(?P<number>\d+)#\d+L?{TO_TIME}")
# A time read by a format, and then cut to a date.
BY_FORMAT = "cast(gettimestamp("
TIME, TEXT = re.compile(r"\b(date|timestamp)"), re.compile(r"\b(string|variant)\b")
# They read the times in a document by a schema.
READERS = ("from_json", "from_csv", "variant_get", "try_variant_get")
# A plan shows no more than 25 parts of anything.
MOST = 20
FORMATS = {"date": "yyyy-MM-dd", "timestamp": "yyyy-MM-dd HH:mm:ss"}
NAMES = (exp.DataType, exp.Identifier, exp.Lambda, exp.Var)
WORDS = (exp.Boolean, exp.Interval, exp.Introducer, exp.Null)
LEAVES = (*NAMES, *WORDS, exp.Column, exp.Literal)
GROUPS = (exp.All, exp.Any, exp.If, exp.Tuple)


def typed_literal(_: SparkParser, text: exp.Expr, kind: exp.DataType) -> exp.Introducer:
    """A constant such as DATE '2024-01-31', which is no cast."""
    return exp.Introducer(this=exp.var(kind.sql(dialect=Spark)), expression=text)


class Plain(Spark):
    """Spark's dialect with all functions and constants as they are written."""

    class Parser(SparkParser):
        """Knows the forms of the grammar only."""

        FUNCTIONS: ClassVar[dict[str, Any]] = {}
        TYPE_LITERAL_PARSERS: ClassVar[dict[Any, Any]] = dict.fromkeys(exp.DataType.TEMPORAL_TYPES, typed_literal)


def require_no_text_for_a_time(facts: DataFrame, expressions: Mapping[str, str]) -> None:
    """Refuses expressions that take a text for a time without a format.

    Args:
        facts: Has all columns that they may read; nothing of it is read.
        expressions: Key -> an expression that Spark understands.

    Raises:
        ValueError: Naming the key, the text, and what to write instead.
    """
    keys = list(expressions)
    for first in range(0, len(keys), MOST):
        some = {key: expressions[key] for key in keys[first : first + MOST]}
        if not may_make_times(facts, list(some.values())):
            continue
        for key, expression in some.items():
            found = text_for_a_time(facts, expression)
            if found is not None:
                raise ValueError(f"{key}: {' '.join(expression.split())}: {found}")


def may_make_times(facts: DataFrame, expressions: Sequence[str]) -> bool:
    """Whether one of some expressions makes a time of something that is none by its type."""
    text = "".join(plan(facts, ", ".join(f"({one})" for one in expressions)) or ["more fields"])
    reads = any(name in one.lower() for one in expressions for name in READERS)
    return reads or "more fields" in text or CAST.search(text) is not None


def text_for_a_time(facts: DataFrame, expression: str) -> str | None:
    """What is wrong with an expression that makes a time of a text; None if it makes none."""
    tree = sqlglot.parse_one(expression, dialect=Plain)
    kinds = types_of(facts, {written(one) for node in operations(tree) for one in (node, *operands(node))})
    if tree.find(exp.Lambda) is None and not any(kind is None or TEXT.search(kind) for kind in kinds.values()):
        return None
    read, again = (plan(facts, f"({one}) AS value") for one in (expression, written(tree)))
    if read is None or again is None or read[-1] != again[-1]:
        return f"may take a text for a time; Spark reads it otherwise than {written(tree)}, so write it in several columns of derive"
    found = (taken_for_a_time(facts, node, kinds) for node in operations(tree))
    return next((one for one in found if one is not None), None)


def operations(tree: exp.Expr) -> Iterator[exp.Expr]:
    """The operators and calls of an expression, without those within a lambda, which belong to its call."""
    for node in tree.walk(prune=lambda one: isinstance(one, LEAVES)):
        if not isinstance(node, (*LEAVES, *GROUPS)) or (
            isinstance(node, exp.If) and not isinstance(node.parent, exp.Case)
        ):
            yield node


def operands(node: exp.Expr) -> Iterator[exp.Expr]:
    """What an operator or a call is given."""
    for one in node.iter_expressions():
        if isinstance(one, GROUPS):
            yield from operands(one)
        elif not isinstance(one, (*NAMES, *WORDS)):
            yield one


def taken_for_a_time(facts: DataFrame, node: exp.Expr, types: Mapping[str, str | None]) -> str | None:
    """What is wrong with an operator or a call that takes a text of its operands for a time."""
    if isinstance(node, exp.Anonymous) and str(node.this).lower() in READERS:
        kind = types[written(node)]
        return refusal(node, "what it reads", "timestamp") if kind is None or TIME.search(kind) else None
    given = list(operands(node))
    kinds = [types[written(one)] for one in given]
    closed = node.find(exp.Lambda) is None and None not in kinds
    if closed and not any(TEXT.search(kind) for kind in kinds if kind is not None):
        return None
    if len(given) > MOST:
        mixed = not closed or any(TIME.search(kind) for kind in kinds if kind is not None)
        return refusal(node, "one of its texts", "timestamp") if mixed else None
    text, kept = planned(facts, node, given, kinds)
    for cast in CAST_OF_OPERAND.finditer(text):
        operand, kind = given[int(cast["number"])], kinds[int(cast["number"])]
        constant = isinstance(operand, exp.Literal) and MOMENT.fullmatch(operand.name)
        if kind is not None and TEXT.search(kind) and not constant:
            return refusal(node, written(operand), cast["type"])
    if closed and not kept:
        return None
    of_others = len(CAST.findall(text)) - len(CAST_OF_OPERAND.findall(text)) - text.count(BY_FORMAT)
    reads = any(f"{name}(" in text for name in READERS)
    return refusal(node, "what is in it", "timestamp") if of_others or reads else None


def planned(
    facts: DataFrame, node: exp.Expr, given: Sequence[exp.Expr], kinds: Sequence[str | None]
) -> tuple[str, bool]:
    """Spark's plan of an operator or call over columns _p0, _p1, ... of the types of its operands, and whether one stays as it is.

    Some functions want a text, such as a format, where it stands.
    """
    known = [number for number, kind in enumerate(kinds) if kind is not None]
    for replaced in (known, [number for number in known if not isinstance(given[number], exp.Literal)], []):
        copy = node.copy()
        for number, one in enumerate(list(operands(copy))):
            if number in replaced:
                one.replace(exp.column(f"_p{number}"))
        plans = plan(facts, written(copy), {f"_p{number}": str(kinds[number]) for number in replaced})
        if plans is not None:
            texts_kept = any(
                TEXT.search(kinds[number] or "string") for number in set(range(len(given))) - set(replaced)
            )
            return "\n".join(plans), texts_kept
    return "", True


def plan(facts: DataFrame, selected: str, further: Mapping[str, str] | None = None) -> tuple[str, str] | None:
    """How Spark resolves, and then optimizes, expressions over columns of which it knows the types only; None if it cannot."""
    columns = {**{name: facts.schema[name].dataType.simpleString() for name in facts.columns}, **(further or {})}
    struct = ", ".join(f"`{name}`: {kind}" for name, kind in columns.items())
    rows = f"inline(array_repeat(CAST(NULL AS STRUCT<{struct}>), CAST(id AS INT)))"
    try:
        # What is selected was held to expressions of the row alone, and is only planned.
        told = facts.sparkSession.sql(f"EXPLAIN EXTENDED SELECT {selected} FROM (SELECT {rows} FROM range(1))")  # noqa: S608
    except PySparkException:
        return None
    text = re.sub(r"#\d+", "#0", str(told.collect()[0][0]))
    if "== Optimized Logical Plan ==" not in text:
        return None
    analyzed, optimized = text.split("== Analyzed Logical Plan ==")[1].split("== Optimized Logical Plan ==")
    tops = (analyzed.split("\nProject ", 1)[-1], optimized.strip().removeprefix("Project "))
    first, last = ("" if top.startswith("Generate ") else top.split("\n+- ")[0] for top in tops)
    return first, last


def types_of(facts: DataFrame, parts: Iterable[str]) -> dict[str, str | None]:
    """The types of parts of an expression; None of those that have none of their own."""
    parts = list(parts)
    try:
        schema = facts.select(*(F.expr(part).alias(str(number)) for number, part in enumerate(parts))).schema
    except PySparkException:
        if len(parts) == 1:
            return {parts[0]: None}
        return {part: kind for one in parts for part, kind in types_of(facts, [one]).items()}
    return {part: field.dataType.simpleString() for part, field in zip(parts, schema.fields, strict=True)}


def written(node: exp.Expr) -> str:
    """A part of an expression, as text."""
    return node.sql(dialect=Plain, normalize_functions=False)


def refusal(node: exp.Expr, what: str, kind: str) -> str:
    """What is said of a text that is taken for a time."""
    made = "date" if kind == "date" else "timestamp"
    return (
        f"{written(node)} takes {what} for a {made} by Spark's own reading, in which 12:30 is a time of today; "
        f"write a format, as in to_{made}(text, '{FORMATS[made]}'), or declare a column {made.upper()}"
    )
