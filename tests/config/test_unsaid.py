"""What a source leaves unsaid is said by check, and what is known then tells no label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from solvent.config.advice import unsaid
from solvent.config.expressions import parse_columns
from solvent.config.project import Project, load_project
from solvent.config.source import ALWAYS_KNOWN, Source
from solvent.tables.columns import type_of

ROOT = Path(__file__).resolve().parents[2]
FACTS = {"schema": "id INT, at TIMESTAMP, price DECIMAL(10,2)", "key": ["id"]}


@pytest.mark.parametrize(
    ("declared", "known", "says"),
    [
        ({}, ALWAYS_KNOWN, "its facts count as always known, so that every row sees what came after it"),
        ({"event_time": "at"}, "at", "its facts count as known when they happened"),
        ({"event_time": "at", "available_time": "always"}, ALWAYS_KNOWN, None),
        ({"available_time": "always"}, ALWAYS_KNOWN, None),
        ({"event_time": "at", "available_time": "at + INTERVAL 1 DAY"}, "at + INTERVAL 1 DAY", None),
    ],
)
def test_when_a_fact_is_known_is_said_or_asked_for(declared: dict[str, str], known: str, says: str | None) -> None:
    source = Source.model_validate({**FACTS, **declared})
    assert source.available_time == known
    # What was resolved once means the same for ever, whatever is assumed of what is not declared.
    assert Source.model_validate(source.model_dump(by_alias=True)) == source
    project = load_project("flights", ROOT).model_copy(update={"sources": {"facts": source}})
    lines = list(unsaid(project))
    assert [line.startswith("sources.facts.available_time: is not declared") for line in lines] == [True] * bool(says)
    assert says is None or says in lines[0]


@pytest.mark.parametrize("project", ["flights", "departures", "temperatures"])
def test_projects_that_come_along_leave_nothing_unsaid(project: str) -> None:
    assert list(unsaid(load_project(project, ROOT))) == []


@pytest.mark.parametrize(
    ("ddl", "canonical"),
    [("x DECIMAL", "DECIMAL(10,0)"), ("x NUMERIC", "DECIMAL(10,0)"), ("x DECIMAL(5)", "DECIMAL(5,0)")],
)
def test_a_type_has_one_name_which_is_that_of_its_table(ddl: str, canonical: str) -> None:
    (column,) = parse_columns(ddl)
    assert column.type == canonical
    assert type_of(column.type).simpleString() == canonical.lower()
    source = Source.model_validate({"schema": ddl, "key": ["x"], "available_time": "always"})
    project = load_project("flights", ROOT).model_copy(update={"sources": {"facts": source}})
    assert [line[:30] for line in unsaid(project)] == ["sources.facts.schema: x is DEC"] * ("(" not in ddl)


def shop(derive: dict[str, str], known: list[str], label: str) -> dict[str, Any]:
    """A project over orders."""
    document = yaml.safe_load((ROOT / "conf/flights/model.yml").read_text())
    orders = {
        "schema": "id INT, placed TIMESTAMP, amount DOUBLE, promised INT, arrived INT, returned INT",
        "key": ["id"],
        "derive": derive,
        "event_time": "placed",
        "available_time": "placed + make_dt_interval(arrived)",
    }
    prediction = {"source": "orders", "time": "placed", "known": ["id", *known], "label": {"name": "y", "value": label}}
    return {**document, "sources": {"orders": orders}, "prediction": prediction}


@pytest.mark.parametrize(
    ("derive", "known", "label", "told"),
    [
        ({"is_back": "returned = 1"}, ["is_back"], "returned = 1", "is_back"),
        ({"is_back": "returned = 1", "kept": "NOT is_back"}, ["kept"], "is_back", "kept"),
        ({"late": "arrived > promised"}, ["late", "promised"], "arrived - promised > 3", "late"),
        ({"y": "returned = 1", "odd": "id % 2 + returned"}, ["odd"], "y", "odd"),
        ({"week": "promised DIV 7"}, ["week", "promised"], "arrived > promised", None),
        ({"cents": "amount * 100"}, ["cents", "amount"], "returned = 1", None),
        ({"is_back": "returned = 1"}, ["amount"], "is_back", None),
    ],
)
def test_what_is_derived_from_the_label_is_not_known(
    derive: dict[str, str], known: list[str], label: str, told: str | None
) -> None:
    if told is None:
        assert Project.model_validate(shop(derive, known, label))
        return
    with pytest.raises(ValueError, match=f"prediction.known: '{told}' is derived from .*, which the label is made of"):
        Project.model_validate(shop(derive, known, label))


@pytest.mark.parametrize(
    ("known", "label"), [(["returned"], "returned = 1"), (["promised", "arrived"], "arrived > promised"), ([], "1 = 1")]
)
def test_what_the_label_is_made_of_is_not_all_known(known: list[str], label: str) -> None:
    with pytest.raises(ValueError, match="holds all that the label is made of"):
        Project.model_validate(shop({}, known, label))
