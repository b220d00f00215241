"""SQL expressions and column declarations, checked without starting Spark."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from solvent.config.base import closest

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
# They depend on more than the row: on the clock, on chance, or on where the row is.
UNSTABLE = frozenset(
    {
        *("rand", "randn", "random", "randstr", "uniform", "shuffle", "uuid", "generate_uuid"),
        *(
            "now",
            "current_timestamp",
            "current_timestamp_l_t_z",
            "localtimestamp",
            "current_date",
            "curdate",
            "current_time",
        ),
        *("monotonically_increasing_id", "spark_partition_id", "input_file_name", "current_user", "unix_timestamp_now"),
    }
)


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


def parse_columns(ddl: str) -> tuple[Column, ...]:
    """The columns of a declaration such as "year INT NOT NULL, carrier STRING".

    Raises:
        ValueError: If it does not parse, has a column twice, or a type that a landing file cannot hold.
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
        not_null = any(isinstance(one.kind, exp.NotNullColumnConstraint) for one in definition.constraints)
        columns.append(Column(definition.name, type_name, not not_null))
    names = [column.name.lower() for column in columns]
    twice = {name for name in names if names.count(name) > 1}
    if twice or not columns:
        raise ValueError(f"column {', '.join(sorted(twice))} is declared twice" if twice else "declares no column")
    return tuple(columns)


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
    if not isinstance(parsed, exp.Select) or len(parsed.expressions) != 1 or clauses or parsed.find(exp.Star):
        raise ValueError("is not one Spark SQL expression")
    for call in parsed.find_all(exp.Func):
        name = (call.name if isinstance(call, exp.Anonymous) else call.sql_name()).lower()
        if name in UNSTABLE:
            raise ValueError(f"calls {name}, which gives another value each time; use what is in the row")
    return {column.name for column in parsed.find_all(exp.Column)}


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
