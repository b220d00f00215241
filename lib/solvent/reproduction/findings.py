"""What is found of a model that is made again: which of its parts are the same, and what differs in the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from solvent.config.base import digest_of
from solvent.training import SearchResult

# What is compared before anything is made; where it differs, the rest need not come out alike.
MADE_WITH = ("code", "environment", "arithmetic", "settings")


@dataclass(frozen=True)
class Finding:
    """What one part of a model is, made again: whether it is the same (None if the manifest does not tell), and what was compared."""

    part: str
    identical: bool | None
    detail: str


def compared(part: str, recorded: str, found: str) -> Finding:
    """Two digests of one part."""
    if recorded == found:
        return Finding(part, True, f"sha256 {found}")
    return Finding(part, False, f"recorded {recorded}, found {found}")


def environment_finding(recorded: Mapping[str, str], here: Mapping[str, str]) -> Finding:
    """What differs between the environment of the training and this one; what older manifests did not record is said to be so."""
    said = differing(recorded, here, recorded)
    same = f"Python {here['python']}, pyspark {here['pyspark']}, Java {here['java']}, {here['cpu']}"
    unrecorded = sorted(here.keys() - recorded.keys())
    told = [said or same, *([f"not recorded: {', '.join(unrecorded)}"] if unrecorded else [])]
    return Finding("environment", not said, "; ".join(told))


def calculation_findings(
    recorded: Mapping[str, Mapping[str, str]] | None, here: Mapping[str, Mapping[str, str]]
) -> Iterator[Finding]:
    """What differs between how the session of the training calculated and how this one does."""
    for part, is_now in here.items():
        if recorded is None:
            yield Finding(part, None, "not recorded, as the manifest is older")
            continue
        was = recorded[part]
        said = differing(was, is_now, was.keys() | is_now.keys())
        same = ", ".join(f"{name} {value}" for name, value in is_now.items()) or "not told here, nor then"
        yield Finding(part, not said, said or same)


def differing(recorded: Mapping[str, str], here: Mapping[str, str], names: Iterable[str]) -> str:
    """Those of some facts that differ; empty if none does."""
    return "; ".join(
        f"{name} was {recorded.get(name, 'none')}, is {here.get(name, 'none')}"
        for name in sorted(names)
        if recorded.get(name) != here.get(name)
    )


def search_finding(recorded: Mapping[str, Any], again: SearchResult | None) -> Finding:
    """What differs between the recorded search and the same one made again."""
    found = again.model_dump(mode="json") if again is not None else {}
    differing = [name for name in sorted(recorded.keys() | found.keys()) if recorded.get(name) != found.get(name)]
    if not differing:
        return Finding("search", True, f"sha256 {digest_of(found)}")
    told = "; ".join(f"{name} recorded {recorded.get(name)}, found {found.get(name)}" for name in differing)
    return Finding("search", False, told)
