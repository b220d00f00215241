"""SQL expressions and column declarations, checked without starting Spark."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from solvent.config.base import closest
from solvent.config.functions import ALLOWED, CONSTANT, REFUSED, SYNTAX, WITH_FROM

PRIMITIVES = (
    "BOOLEAN",
    "TINYINT",
    "SMALLINT",
    "INT",
    "BIGINT",
    "FLOAT",
    "DOUBLE",
    "DECIMAL",
    "STRING",
    "DATE",
    "TIMESTAMP",
)
# What an expression is written in. Only what sqlglot and Spark read alike: no comment, hint, parameter, variable, path or second statement.
TOKEN = re.compile(
    r"""
    (?P<space>\s+)
    | (?P<quoted>`[^`]+`)
    | (?P<text>'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*")
    | (?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?:BD|[LSYDF])?(?!\w))
    | (?P<word>\w+)
    | (?P<sign><=>|<<|>>>?|->|\|\||::|[<>!=]=|<>|[-+*/%&|^~!<>=(),.\[\]])
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
COMMENT = re.compile(r"--|/\*")
# What Spark takes for a moment that is another one whenever it is asked for.
CLOCK = re.compile(r"\s*(?i:now|today|tomorrow|yesterday|epoch)\s*((?i:z|utc|gmt|ut)\S*|[+-]\d\S*|[A-Z]\S+)?\s*")
# A typed literal, or a text that is cast where it stands: a date, and with a time of day if it has one.
MOMENT = re.compile(r"\s*[+-]?\d{4,}(-\d{1,2}(-\d{1,2}([ T].*)?)?)?\s*", re.DOTALL)
MOMENTS = ("date", "timestamp", "timestamptz", "timestampltz", "timestampntz")
ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-3][0-7]{2}|.)", re.DOTALL)


@dataclass(frozen=True)
class Column:
    """A declared column: its name, its Spark SQL type such as "INT", and whether it may be null."""

    name: str
    type: str
    nullable: bool = True

    @property
    def ddl(self) -> str:
        """The declaration as Spark SQL."""
        return f"`{self.name}` {self.type}{'' if self.nullable else ' NOT NULL'}"


# What may follow a column's type.
KEPT = (exp.NotNullColumnConstraint, exp.CommentColumnConstraint)


def parse_columns(ddl: str) -> tuple[Column, ...]:
    """The columns of a declaration such as "year INT NOT NULL, carrier STRING".

    Raises:
        ValueError: If it does not parse, has a column twice, a type that a landing file cannot hold, or more than may follow it.
    """
    try:
        table = sqlglot.parse_one(f"CREATE TABLE t ({ddl})", dialect="spark")
    except SqlglotError as error:
        raise ValueError(f"is not a list of columns: {first_line(error)}") from None
    if not isinstance(table.this, exp.Schema) or table.args.get("properties") or ";" in ddl or "--" in ddl:
        raise ValueError("is not a list of columns")
    columns = []
    for definition in table.this.expressions:
        kind = definition.args.get("kind")
        type_name = kind.sql("spark").replace(" ", "") if kind is not None else ""
        if not is_primitive(type_name):
            raise ValueError(
                f"column {definition.name} is {type_name or 'without type'}; allowed: {', '.join(PRIMITIVES)}"
            )
        # As Spark reads it, and as its tables name it.
        type_name = re.sub(r"^DECIMAL(\((\d+)\))?$", lambda found: f"DECIMAL({found[2] or 10},0)", type_name)
        require_name(definition.name)
        void = [one.sql("spark") for one in definition.constraints if not isinstance(one.kind, KEPT)]
        if void:
            raise ValueError(f"column {definition.name}: {void[0]} means nothing in a source; leave it out")
        not_null = any(
            isinstance(one.kind, exp.NotNullColumnConstraint) and not one.kind.args.get("allow_null")
            for one in definition.constraints
        )
        columns.append(Column(definition.name, type_name, not not_null))
    names = [column.name.lower() for column in columns]
    twice = {name for name in names if names.count(name) > 1}
    if twice or not columns:
        raise ValueError(f"column {', '.join(sorted(twice))} is declared twice" if twice else "declares no column")
    return tuple(columns)


def require_name(name: str) -> None:
    """Refuses a name that Spark would take for a path, or that ends within its own quotes.

    Raises:
        ValueError: Naming it.
    """
    if not name.strip() or re.search(r"[.`\x00-\x1f]", name):
        raise ValueError(f"column {name!r}: a name has no dot, backquote or line break, and is not empty")


def taken_by(name: str, names: Iterable[str]) -> str | None:
    """The one of names that Spark takes for the same as a name, whose letter case means nothing to it; None if none is."""
    return next((one for one in names if one.lower() == name.lower()), None)


def is_primitive(type_name: str) -> bool:
    """Whether Spark has such a type that one value of a landing file can be of; DECIMAL alone has digits, 38 at most."""
    found = re.fullmatch(r"DECIMAL\((\d+)(?:,(\d+))?\)", type_name)
    if found is None:
        return type_name in PRIMITIVES
    return 1 <= int(found[1]) <= 38 and int(found[2] or 0) <= int(found[1])


def columns_used(expression: str) -> set[str]:
    """The columns a Spark SQL expression reads.

    Raises:
        ValueError: If it is not an expression.
    """
    try:
        parsed = sqlglot.parse_one(f"SELECT {expression}", dialect="spark")
    except SqlglotError as error:
        raise ValueError(f"is not a Spark SQL expression: {first_line(error)}") from None
    except RecursionError:
        raise ValueError("is nested too deeply") from None
    clauses = [name for name, value in parsed.args.items() if value and name != "expressions"]
    if (
        not isinstance(parsed, exp.Select)
        or len(parsed.expressions) != 1
        or clauses
        or parsed.find(exp.Star, exp.Alias)
    ):
        raise ValueError("is not one Spark SQL expression")
    if parsed.find(exp.Subquery, exp.Values, exp.From, exp.Window) or len(list(parsed.find_all(exp.Query))) > 1:
        raise ValueError("asks a query; an expression is of one row")
    columns = {column.name for column in parsed.find_all(exp.Column)}
    require_pure(expression, columns)
    for part in parsed.find_all(exp.Func, exp.DPipe):
        require_stable(part)
    return columns


def require_pure(expression: str, columns: Iterable[str]) -> None:
    """Refuses calls of functions that are not allowed, and words of queries, windows and sessions.

    By its words, and not by what a parser makes of them, so that nothing depends on two parsers agreeing.

    Raises:
        ValueError: Naming the function or word.
    """
    known = {column.lower() for column in columns}
    words = [*tokens(expression), ("end", "")]
    opened: list[str] = []
    before = ("start", "")
    for (kind, text), (_, following) in pairwise(words):
        word = text.lower()
        if kind == "text":
            if before[0] == "text":
                raise ValueError(f"has two texts in a row, {before[1]} and {text}; write one")
            if before[0] == "word" and len(before[1]) == 1:
                raise ValueError(f"has a text with a prefix, {before[1]}{text}; write the text itself")
            require_no_clock(text, before[1].lower())
        if following == "(" and kind == "quoted":
            raise ValueError(f"calls {text}; write the name of a function without backquotes")
        if kind == "word" and following == "(":
            if before[1] == ".":
                raise ValueError(f"calls {text} of a catalog; only functions of Spark are allowed")
            quantifier = word in ("any", "some", "all") and before[1].lower() in ("like", "ilike")
            if word not in ALLOWED and word not in SYNTAX and not quantifier:
                raise ValueError(f"calls {word}, which is not one of Spark's functions that depend on the row alone")
        elif kind == "word" and word in REFUSED and word not in known:
            separates = word == "from" and (before[1].lower() == "distinct" or (opened and opened[-1] in WITH_FROM))
            if not separates:
                raise ValueError(f"has the word {text}; an expression is of what is in the row alone")
        if text == "(":
            opened.append(before[1].lower())
            if following == ")" and opened[-1] == "unix_timestamp":
                raise ValueError("calls unix_timestamp of nothing, which is the present time; use what is in the row")
        elif text == ")" and opened:
            opened.pop()
        before = (kind, text)


def tokens(expression: str) -> list[tuple[str, str]]:
    """The words of an expression with their kinds, without space.

    Raises:
        ValueError: If there is something that an expression has no use for.
    """
    found, at = [], 0
    while at < len(expression):
        one = TOKEN.match(expression, at)
        if COMMENT.match(expression, at):
            raise ValueError("has a comment; write it in a line of its own after #")
        if one is None or one.lastgroup is None:
            raise ValueError(f"is not one Spark SQL expression: {expression[at]!r} has no place in it")
        if one.lastgroup != "space":
            found.append((one.lastgroup, one.group()))
        at = one.end()
    return found


def require_no_clock(literal: str, typed: str) -> None:
    """Refuses a text that Spark reads as a moment which depends on today."""
    text = ESCAPE.sub(unescaped, literal[1:-1])
    if CLOCK.fullmatch(text):
        raise ValueError(
            f"has the text {literal}, which Spark takes for another moment each day; use what is in the row"
        )
    if typed in ("date", "timestamp", "timestamp_ltz", "timestamp_ntz") and not MOMENT.fullmatch(text):
        raise ValueError(f"has the {typed} {literal}, which is not one of the calendar, such as {typed} '2024-12-31'")


def unescaped(found: re.Match[str]) -> str:
    """The character that an escape in a text stands for, as far as it could be a letter or digit."""
    code = found[1]
    if code[0] in "uU" and len(code) > 1:
        return chr(min(int(code[1:], 16), 0x10FFFF))
    return chr(int(code, 8)) if len(code) > 1 else code


def require_stable(part: exp.Condition) -> None:
    """Refuses texts that are put together of nothing in the row, which could be a word for the present.

    Raises:
        ValueError: Naming the function.
    """
    if isinstance(part, exp.Cast):
        text = part.this
        if isinstance(text, exp.Literal) and text.is_string and part.to.is_type(*MOMENTS):
            require_no_clock(f"'{text.name}'", "timestamp")
        return
    if part.find(exp.Column) or part.find_ancestor(exp.Lambda) or isinstance(part, exp.Connector | exp.Case | exp.If):
        return
    text = part.sql("spark")
    if isinstance(part, exp.DPipe) or re.split(r"\W", text)[0].lower() not in CONSTANT:
        raise ValueError(f"computes {text}, which is of no column; write the value that it has")


def check_expression(expression: str, known: Iterable[str]) -> None:
    """Refuses an expression that does not parse or reads an unknown column.

    Raises:
        ValueError: Saying which column, and which was probably meant.
    """
    known = set(known)
    for name in sorted(columns_used(expression) - known):
        raise ValueError(f"reads the unknown column '{name}'; {closest(name, known)}")


def first_line(error: Exception) -> str:
    """The error's own words without the marked-up excerpt."""
    return str(error).splitlines()[0]
