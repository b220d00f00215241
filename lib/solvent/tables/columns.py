"""Declared columns as Spark's and Arrow's types. Spark itself would have to run to be asked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pyarrow as pa
import sqlglot
from deltalake import Schema
from pyspark.sql import types as t
from sqlglot import exp

from solvent.config.expressions import Column

PLAIN = {
    "BOOLEAN": t.BooleanType(),
    "TINYINT": t.ByteType(),
    "SMALLINT": t.ShortType(),
    "INT": t.IntegerType(),
    "BIGINT": t.LongType(),
    "FLOAT": t.FloatType(),
    "DOUBLE": t.DoubleType(),
    "STRING": t.StringType(),
    "BINARY": t.BinaryType(),
    "DATE": t.DateType(),
    "TIMESTAMP": t.TimestampType(),
}


def schema_of(columns: Sequence[Column]) -> t.StructType:
    """The columns as a schema."""
    return t.StructType([t.StructField(one.name, type_of(one.type), one.nullable) for one in columns])


def arrow_schema(schema: t.StructType) -> pa.Schema:
    """The same columns as Delta has them in Arrow, where times are in UTC."""
    return pa.schema(Schema.from_json(schema.json()).to_arrow())


def named(schema: t.StructType) -> list[str]:
    """Names and types of columns as they enter digests, such as "price decimal(10,2)"."""
    return [f"{field.name} {field.dataType.simpleString()}" for field in schema]


def as_written(ddl: str) -> list[str]:
    """The same with types as somebody has written them, such as "price decimal", where each pin named them so."""
    declared = sqlglot.parse_one(f"CREATE TABLE t ({ddl})", dialect="spark").this.expressions
    return [f"{one.name} {one.args['kind'].sql('spark').replace(' ', '').lower()}" for one in declared]


@cache
def type_of(ddl: str) -> t.DataType:
    """A type of SQL, such as "ARRAY<STRUCT<lower: DOUBLE>>"."""
    return type_in(exp.DataType.build(ddl, dialect="spark"))


def type_in(kind: exp.DataType) -> t.DataType:
    """A parsed type."""
    inner = kind.expressions
    match kind.this:
        case exp.DataType.Type.ARRAY:
            return t.ArrayType(type_in(inner[0]))
        case exp.DataType.Type.MAP:
            return t.MapType(type_in(inner[0]), type_in(inner[1]))
        case exp.DataType.Type.STRUCT:
            return t.StructType([t.StructField(one.name, type_in(one.args["kind"])) for one in inner])
        case exp.DataType.Type.DECIMAL:
            return t.DecimalType(*(int(one.name) for one in inner))
    return PLAIN[kind.sql("spark")]


def difference(found: t.StructType, wanted: t.StructType) -> str | None:
    """The first column, by name, that is not as it was declared; None if all are."""
    has, declared = ({field.name: field.dataType for field in one} for one in (found, wanted))
    for name in sorted(has.keys() | declared.keys()):
        if has.get(name) != declared.get(name):
            kinds = [one[name].simpleString().upper() if name in one else "missing" for one in (has, declared)]
            return f"column {name} is {kinds[0]} in the table and {kinds[1]} in the declaration"
    return None
