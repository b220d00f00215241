"""A source of model.yml: columns, key, times, and what its files are."""

from __future__ import annotations

from functools import cached_property
from typing import Self

from pydantic import Field, field_validator, model_validator

from solvent.config.base import Frozen, Items, closest
from solvent.config.expressions import Column, check_expression, columns_used, parse_columns, require_name, taken_by
from solvent.config.landing import Landing

# Facts without a time of their own, such as a register of planes, count as always known.
ALWAYS_KNOWN = "TIMESTAMP '1970-01-01 00:00:00'"
TIMES = ("event_time", "available_time")


class Source(Frozen):
    """An append-only Delta table, fed by ingest from a landing folder.

    Attributes:
        landing: How its files are read.
        ddl: (key "schema") The columns of a file, as Spark SQL declarations of primitive types.
        key: The columns that name a row; never null.
        derive: Further columns as SQL expressions over the columns before them, computed whenever the source is read.
        event_time: SQL expression: when it happened.
        available_time: SQL expression: when it could have been known, or `always`; where it is not declared, when it happened.
        expect: Named SQL conditions; a row for which one is false goes to quarantine.
    """

    landing: Landing = Landing()
    ddl: str = Field(alias="schema")
    key: Items[str]
    derive: dict[str, str] = {}
    event_time: str = ALWAYS_KNOWN
    available_time: str = Field(default_factory=lambda declared: declared.get("event_time", ALWAYS_KNOWN))
    expect: dict[str, str] = {}

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """The declared columns; those of the key are never null."""
        return tuple(
            Column(column.name, column.type, column.nullable and column.name not in self.key)
            for column in parse_columns(self.ddl)
        )

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The columns a reader sees: declared and derived."""
        return (*(column.name for column in self.columns), *self.derive)

    @field_validator("available_time")
    @classmethod
    def may_be_always(cls, expression: str) -> str:
        """Puts the time from which on a fact is always known for the word."""
        return ALWAYS_KNOWN if expression.strip().lower() == "always" else expression

    def read_by(self, expression: str) -> frozenset[str]:
        """The declared columns that an expression is made of, through derived columns and times."""
        computed = {**self.derive, **{name: getattr(self, name) for name in TIMES}}
        used = columns_used(expression)
        return frozenset(used - set(computed)).union(*(self.read_by(computed[name]) for name in used & set(computed)))

    @field_validator("ddl")
    @classmethod
    def parses(cls, ddl: str) -> str:
        """Refuses a declaration that does not parse, and names kept for Solvent."""
        names = [column.name for column in parse_columns(ddl)]
        taken = [name for name in names if name.startswith("_") or taken_by(name, TIMES)]
        if taken:
            raise ValueError(
                f"column {taken[0]}: names that start with _, and {' and '.join(TIMES)}, are kept for Solvent"
            )
        return ddl

    @model_validator(mode="after")
    def knows_its_columns(self) -> Self:
        """Refuses keys and expressions over columns that do not exist."""
        known = [column.name for column in self.columns]
        if not self.key:
            raise ValueError("key: names no column")
        for name in self.key:
            if name not in known:
                raise ValueError(f"key: '{name}' is not a declared column; {closest(name, known)}")
        for name, condition in self.expect.items():
            check(f"expect.{name}", condition, known)
        for name, expression in self.derive.items():
            try:
                require_name(name)
            except ValueError as error:
                raise ValueError(f"derive: {error}") from None
            if taken_by(name, [*known, *TIMES]) or name.startswith("_"):
                raise ValueError(f"derive.{name}: this name is taken")
            check(f"derive.{name}", expression, known)
            known.append(name)
        check("event_time", self.event_time, known)
        check("available_time", self.available_time, known)
        return self


def check(key: str, expression: str, known: list[str]) -> None:
    """Refuses an expression, naming its key."""
    try:
        check_expression(expression, known)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None
