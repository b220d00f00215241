"""What differs between two models, or between a model and what is committed: configuration, functions, libraries, data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from solvent.config.base import canonical_json, counted
from solvent.features.ledger import SECTIONS, SHAPED_BY
from solvent.identity import Manifest
from solvent.sources.pins import Pin

# What a change of a section of model.yml leads to.
FEATURES, MODEL, BASELINE = (
    "features are built again",
    "the model is trained again",
    "the baseline, at the next training",
)
EVALUATION, NEXT_RELEASE, AT_ONCE = (
    "evaluation, at the next training",
    "decides at the next release",
    "holds from now on",
)
NEXT_RETRAINING = "at the next retraining"
EFFECTS = {
    **dict.fromkeys(SECTIONS, FEATURES),
    "model": MODEL,
    "baseline": BASELINE,
    "evaluation": EVALUATION,
    "gates": NEXT_RELEASE,
    "deploy": NEXT_RELEASE,
}
CONFIGURATION, FUNCTION, LIBRARY, DATA = "configuration", "function", "library", "data"
ABSENT = "absent"


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same.

    Attributes:
        kind: "configuration", "function", "library" or "data".
        name: The key of model.yml, the import path, the library or the source.
        before: What it was.
        after: What it is.
        effect: What it leads to, in words.
    """

    kind: str
    name: str
    before: str
    after: str
    effect: str


def between(was: Manifest, now: Manifest) -> list[Difference]:
    """All that differs between what two models were made from."""
    before, after = was["configuration"]["resolved"], now["configuration"]["resolved"]
    return [
        *configuration_differences(before, after),
        *function_differences(was.functions, now.functions, [*before["features"], *after["features"]]),
        *library_differences(was["environment"], now["environment"]),
        *data_differences([Pin(**pin) for pin in was["pins"]], [Pin(**pin) for pin in now["pins"]]),
    ]


def configuration_differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Difference]:
    """The keys of two resolved configurations whose values differ, by their paths."""
    was, now = dict(flattened(before)), dict(flattened(after))
    return [
        Difference(CONFIGURATION, name, was.get(name, ABSENT), now.get(name, ABSENT), effect_of(name))
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    ]


def flattened(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Path and value of every leaf; a list without objects is a leaf."""
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from flattened(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list | tuple) and any(isinstance(one, Mapping) for one in value):
        for number, inner in enumerate(value):
            yield from flattened(inner, f"{path}.{number}")
    else:
        yield path, value if isinstance(value, str) else canonical_json(value)


def effect_of(name: str) -> str:
    """What a changed key leads to."""
    # Slices are carried with the features.
    return FEATURES if name == "evaluation.slices" else EFFECTS.get(name.split(".")[0], AT_ONCE)


def function_differences(
    before: Mapping[str, str], after: Mapping[str, str], groups: Sequence[str]
) -> list[Difference]:
    """The functions that shape a model whose digests differ.

    Args:
        before: Import path -> digest.
        after: Likewise.
        groups: Those that are feature groups.
    """
    return [
        Difference(
            FUNCTION,
            name,
            before.get(name, ABSENT)[:12],
            after.get(name, ABSENT)[:12],
            FEATURES if name in groups or name == SHAPED_BY else MODEL,
        )
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def library_differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[Difference]:
    """The facts of two environments that differ."""
    return [
        Difference(LIBRARY, name, shown(before.get(name, ABSENT)), shown(after.get(name, ABSENT)), MODEL)
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def shown(value: str) -> str:
    """A fact; a digest by its beginning."""
    return value[:12] if len(value) == 64 else value


def data_differences(before: Sequence[Pin], after: Sequence[Pin]) -> list[Difference]:
    """The sources that are not the same, with the rows that were added."""
    was, now = {pin.source: pin for pin in before}, {pin.source: pin for pin in after}
    found = []
    for name in sorted(was.keys() | now.keys()):
        old, new = was.get(name), now.get(name)
        if old is None or new is None or old.digest != new.digest:
            added = f" ({new.rows - old.rows:+,})" if old is not None and new is not None else ""
            found.append(Difference(DATA, name, rows_of(old), rows_of(new) + added, NEXT_RETRAINING))
    return found


def rows_of(pin: Pin | None) -> str:
    """A pin in a few words."""
    return ABSENT if pin is None else f"{counted(pin.rows, 'row')} at version {pin.version}"
