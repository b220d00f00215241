"""Rows as frozen dataclasses: the columns that their fields are, and their values as Delta has them.

The annotation of a field is its type: str STRING, int BIGINT, float DOUBLE, bool BOOLEAN, date DATE, datetime TIMESTAMP, each also with
`| None`; a tuple is an ARRAY, a Mapping of texts a MAP, and a dataclass within these a STRUCT. `Annotated[int, "INT"]` names another type,
and `Annotated[..., JSON]` is stored as text of JSON. A field that is a dataclass itself stands for its fields, in its place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import date, datetime
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from solvent.config.expressions import Column

Row = TypeVar("Row")

JSON = "JSON"
TYPES = {
    str: "STRING",
    int: "BIGINT",
    float: "DOUBLE",
    bool: "BOOLEAN",
    date: "DATE",
    datetime: "TIMESTAMP",
}


@cache
def kinds_of(row: Any) -> dict[str, Any]:
    """Field -> its annotation but for `| None`, in the order of columns."""
    hints = get_type_hints(row, include_extras=True)
    return {field.name: without_none(hints[field.name]) for field in fields(row)}


def without_none(kind: Any) -> Any:
    """What an annotation allows beside None."""
    if get_origin(kind) not in (Union, UnionType):
        return kind
    (found,) = (one for one in get_args(kind) if one is not NoneType)
    return found


def is_row(kind: Any) -> bool:
    """Whether an annotation is a dataclass."""
    return is_dataclass(kind)


def row_columns(row: type) -> tuple[Column, ...]:
    """The columns of a row."""
    found: list[Column] = []
    for name, kind in kinds_of(row).items():
        found += row_columns(kind) if is_row(kind) else [Column(name, sql_type(kind))]
    return tuple(found)


def sql_type(kind: Any) -> str:
    """The type of a column, as "ARRAY<STRUCT<lower:DOUBLE>>"."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return "STRING" if inner[1] is JSON else str(inner[1])
    if is_row(kind):
        return f"STRUCT<{','.join(f'{name}:{sql_type(one)}' for name, one in kinds_of(kind).items())}>"
    if origin in (tuple, Sequence):
        return f"ARRAY<{sql_type(inner[0])}>"
    if origin is Mapping:
        return f"MAP<{sql_type(inner[0])},{sql_type(inner[1])}>"
    return TYPES[kind]


def values_of(row: Any) -> dict[str, Any]:
    """Column -> value of a row, in their order."""
    found: dict[str, Any] = {}
    for name, kind in kinds_of(cast("Any", type(row))).items():
        value = getattr(row, name)
        found |= values_of(value) if is_row(kind) else {name: stored(kind, value)}
    return found


def stored(kind: Any, value: Any) -> Any:
    """A value as Arrow takes it."""
    origin, inner = get_origin(kind), get_args(kind)
    if value is None:
        return None
    if origin is Annotated:
        return json.dumps(value, default=vars) if inner[1] is JSON else value
    if is_row(kind):
        return values_of(value)
    return [stored(inner[0], one) for one in value] if origin in (tuple, Sequence) else value


def row_of(row: Callable[..., Row], values: Mapping[str, Any]) -> Row:
    """The row of some values; what is missing, or null, is its field's default, where it has one."""
    kinds, found = kinds_of(row), dict[str, Any]()
    for field in fields(cast("Any", row)):
        kind, value = kinds[field.name], values.get(field.name)
        if is_row(kind):
            found[field.name] = row_of(kind, values)
        elif value is not None or not has_default(field):
            found[field.name] = loaded(kind, value)
    return row(**found)


def loaded(kind: Any, value: Any) -> Any:
    """A value from how it is stored."""
    kind = without_none(kind)
    origin, inner = get_origin(kind), get_args(kind)
    if value is None:
        return None
    if origin is Annotated:
        return loaded(inner[0], json.loads(value)) if inner[1] is JSON else value
    if is_row(kind):
        return row_of(kind, value)
    if origin in (tuple, Sequence):
        return tuple(loaded(inner[0], one) for one in value)
    return dict(value) if origin is Mapping else value


def has_default(field: Field[Any]) -> bool:
    """Whether a row may be made without a field."""
    return field.default is not MISSING or field.default_factory is not MISSING


def later_columns(row: type) -> frozenset[str]:
    """The columns that a table made before them may lack: those with a default."""
    found: set[str] = set()
    for field in fields(row):
        kind = kinds_of(row)[field.name]
        found |= later_columns(kind) if is_row(kind) else {field.name} if has_default(field) else set()
    return frozenset(found)
