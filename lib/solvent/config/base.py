"""What all configuration objects share: they are frozen, refuse unknown keys, and say what is wrong in the user's words."""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections.abc import Hashable, Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, ValidationError

from solvent.errors import ConfigurationError
from solvent.failure import cause

UNITS = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
    "week": timedelta(weeks=1),
}
# So that no window begins before the calendar does.
LONGEST = timedelta(days=91_310)


class Frozen(BaseModel):
    """A configuration object."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class SecretError(ValueError):
    """A value that is wrong, and may hold a secret, so that it is not shown."""


def to_duration(text: Any) -> timedelta:
    """A duration such as "180 days" or "2 hours"."""
    if isinstance(text, timedelta):
        return text
    found = re.fullmatch(r"(\d+) (minute|hour|day|week)s?", text.strip()) if isinstance(text, str) else None
    if found is None:
        raise ValueError("write a whole number and a unit: minutes, hours, days or weeks, such as '180 days'")
    duration = float(found[1]) * UNITS[found[2]] if len(found[1]) < 9 else LONGEST
    if duration >= LONGEST:
        raise ValueError("is more than 250 years")
    return int(found[1]) * UNITS[found[2]]


def duration_text(duration: timedelta) -> str:
    """The duration in the largest unit that divides it."""
    for name, unit in reversed(UNITS.items()):
        if duration % unit == timedelta(0):
            return f"{duration // unit} {name}{'' if duration == unit else 's'}"
    return f"{duration // UNITS['minute']} minutes"


def counted(count: float, thing: str, things: str | None = None) -> str:
    """A number of things: "1 source", "2 sources", "1,000 batches"; "1 row has", "2 rows have" where several are given their own words."""
    some = things or (f"{thing}s" if not thing.endswith(("x", "ch")) else f"{thing}es")
    return f"{count:,.0f} {thing if round(count) == 1 else some}"


def first_of(names: Sequence[str], most: int = 3) -> str:
    """The first names of a list, and how many more there are."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


Duration = Annotated[timedelta, BeforeValidator(to_duration), PlainSerializer(duration_text)]


def midnight(day: date) -> datetime:
    """The start of a day in UTC."""
    return datetime.combine(day, time(), UTC)


# Lists in YAML; strict validation takes no list for a tuple.
Item = TypeVar("Item")


def as_items(value: Any) -> Any:
    """A list as a tuple; a word given twice is refused."""
    if not isinstance(value, list | tuple):
        return value
    words = [one for one in value if isinstance(one, str)]
    twice = sorted({one for one in words if words.count(one) > 1})
    if twice:
        raise ValueError(f"names '{twice[0]}' twice")
    return tuple(value)


Items = Annotated[tuple[Item, ...], BeforeValidator(as_items)]


def closest(found: str, known: Iterable[str]) -> str:
    """A hint at the known word that was probably meant, or at all of them."""
    known = sorted(known)
    near = difflib.get_close_matches(found, known, n=1)
    return f"did you mean '{near[0]}'?" if near else f"known: {', '.join(known) or 'none'}"


class StrictLoader(yaml.SafeLoader):
    """YAML that refuses a key given twice, of which it would silently keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping whose keys are all different."""
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.MarkedYAMLError(problem="a key is not a word", problem_mark=key_node.start_mark)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key '{key}' is given twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file.

    Raises:
        ConfigurationError: If the file is missing, is not YAML, or is not a mapping.
    """
    try:
        found = yaml.load(path.read_text(encoding="utf-8"), Loader=StrictLoader)  # noqa: S506 (a SafeLoader)
    except FileNotFoundError:
        beside = [other.name for other in path.parent.glob("*")] if path.parent.is_dir() else []
        raise ConfigurationError(f"{path}: no such file ({closest(path.name, beside)})") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path}: is not UTF-8 text") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else str(path)
        raise ConfigurationError(f"{where}: {error.problem}") from None
    except yaml.YAMLError as error:
        raise ConfigurationError(f"{path}: is not YAML: {cause(error)}") from None
    except RecursionError:
        raise ConfigurationError(f"{path}: is nested too deeply") from None
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}") from None
    if not isinstance(found, dict):
        raise ConfigurationError(f"{path}: found {type(found).__name__}; a mapping of keys to values is expected")
    return found


Model = TypeVar("Model", bound=Frozen)


def validated(kind: type[Model], values: dict[str, Any], path: Path) -> Model:
    """Values as an object of this kind.

    Raises:
        ConfigurationError: Naming the file and, for each mistake, key, what was found and what would be right.
    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        lines = [explained(kind, dict(problem)) for problem in error.errors(include_url=False)]
        raise ConfigurationError("\n".join(f"{path}: {line}" for line in lines)) from None


def explained(kind: type[BaseModel], problem: dict[str, Any]) -> str:
    """One mistake in one line."""
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location) or "the file"
    match problem["type"]:
        case "extra_forbidden":
            return f"{key}: unknown key; {closest(location[-1], keys_at(kind, location[:-1]))}"
        case "missing":
            return f"{key}: is missing"
        case "value_error" if isinstance(problem["ctx"]["error"], SecretError):
            return f"{key}: {problem['ctx']['error']}"
        case "value_error" if not isinstance(problem["input"], str | int | float):
            return f"{key}: {problem['ctx']['error']}"
        case "value_error":
            return f"{key}: found {problem['input']!r}; {problem['ctx']['error']}"
        case _:
            return f"{key}: found {problem['input']!r}; {problem['msg'][0].lower()}{problem['msg'][1:]}"


def keys_at(kind: type[BaseModel], location: list[str]) -> list[str]:
    """The keys an object knows at a place inside another; none where the place has no fixed keys."""
    schema = kind.model_json_schema(by_alias=True)
    here: dict[str, Any] = schema
    for part in [*location, None]:
        while "$ref" in here or "anyOf" in here:
            here = schema["$defs"][here["$ref"].rsplit("/", 1)[1]] if "$ref" in here else here["anyOf"][0]
        if part is not None:
            here = here.get("properties", {}).get(part) or here.get("items") or here.get("additionalProperties") or {}
    return list(here.get("properties", {}))


def canonical_json(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, floats in their shortest exact form."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
