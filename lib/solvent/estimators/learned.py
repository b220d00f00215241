"""Digest of a saved Spark ML model: everything learned and nothing incidental.

A saved model is a folder of metadata in JSON and data in Parquet. Incidental are time stamps, the Spark version, identifiers drawn at
random (uid), file names, how rows are spread over files, and which language wrote the pipeline: over Spark Connect it is Python.
Identifiers also appear inside values, such as the list of stages, so they are replaced everywhere by their position. Doubles are written
in their shortest exact form: the last bit counts.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from solvent.config.base import canonical_json
from solvent.errors import IntegrityError

# Default parameters belong to Spark's version and hold identifiers of objects long gone; a parameter that was set is in paramMap.
INCIDENTAL = frozenset({"uid", "timestamp", "sparkVersion", "defaultParamMap"})

# How Spark's identifiers end, in Java and in Python: at random.
ENDING = re.compile(r"_[0-9a-f]{12}")

PIPELINE = "org.apache.spark.ml.PipelineModel"
# What writes a pipeline over Spark Connect; its stages are written by Java as everywhere.
PYTHON_PIPELINE = "pyspark.ml.pipeline.PipelineModel"


class Positions:
    """The identifiers of a model by their positions; a text is searched once, however many there are."""

    def __init__(self, uids: Sequence[str]) -> None:
        """Sorts identifiers by how they end.

        Args:
            uids: In the order of their positions.
        """
        self.ending: dict[str, list[tuple[str, str]]] = {}
        self.others: list[tuple[str, str]] = []
        for number, uid in enumerate(uids):
            place = uid, f"uid{number}"
            if ENDING.fullmatch(uid[-13:]):
                self.ending.setdefault(uid[-13:], []).append(place)
            else:
                self.others.append(place)

    def replace_in(self, text: str) -> str:
        """A text with identifiers replaced by their positions; default column names hold them, too."""
        if not self.others and "_" not in text:
            return text
        pieces, done = [], 0
        for match in ENDING.finditer(text):
            for uid, position in self.ending.get(match[0], ()):
                if text.endswith(uid, done, match.end()):
                    pieces += [text[done : match.end() - len(uid)], position]
                    done = match.end()
                    break
        text = "".join([*pieces, text[done:]])
        for uid, position in self.others:
            text = text.replace(uid, position)
        return text


def model_digest(folder: Path) -> str:
    """SHA-256 of the canonical form of a saved model.

    Args:
        folder: Holds metadata/ and, for a pipeline, stages/, on this machine.

    Raises:
        IntegrityError: If it holds no model.
    """
    parts = sorted((path.parent for path in folder.rglob("part-*")), key=lambda path: in_order(folder, path))
    parts = list(dict.fromkeys(parts))
    if not parts:
        raise IntegrityError(f"{folder}: holds no saved Spark ML model")
    positions = Positions(uids(parts))
    digest = hashlib.sha256()
    for part in parts:
        place = "/".join(positions.replace_in(piece) for piece in part.relative_to(folder).parts)
        digest.update(f"{place}\n".encode())
        for line in sorted(canonical_json(canonical(row, positions)) for row in rows(part)):
            digest.update(f"{line}\n".encode())
    return digest.hexdigest()


def in_order(folder: Path, path: Path) -> list[tuple[int, str]]:
    """Stages are numbered, and the tenth comes after the ninth."""
    pieces = []
    for piece in path.relative_to(folder).parts:
        number = re.match(r"(\d+)_", piece)
        # The rest of a stage's name is its uid, which must not decide the order.
        pieces.append((int(number[1]), "") if number else (-1, piece))
    return pieces


def rows(folder: Path, texts: bool = False) -> Iterator[Any]:
    """The rows of all files of a folder, whichever file they are in: all columns, or those that may hold texts."""
    for path in sorted(folder.glob("part-*")):
        if path.name.endswith(".parquet"):
            schema = pq.read_schema(path)
            columns = [field.name for field in schema if "string" in str(field.type)] if texts else None
            yield from pq.read_table(path, columns=columns).to_pylist()
        else:
            yield from (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())


def uids(parts: list[Path]) -> list[str]:
    """The identifiers in the order of the stages."""
    found: dict[str, None] = {}
    for part in parts:
        for row in rows(part, texts=True):
            for document in documents(row):
                found[document["uid"]] = None
    return list(found)


def documents(value: Any) -> Iterator[Mapping[str, Any]]:
    """Every metadata document in a value, those in strings included (ensembles keep that of each tree in a column)."""
    parsed = metadata(value)
    if isinstance(parsed, dict):
        if "uid" in parsed:
            yield parsed
        for inner in parsed.values():
            yield from documents(inner)
    elif isinstance(parsed, list):
        for inner in parsed:
            yield from documents(inner)


def metadata(value: Any) -> Any:
    """A string that holds a metadata document as that document; any other value as it is."""
    if isinstance(value, str) and value.startswith("{") and '"uid"' in value:
        return json.loads(value)
    return value


def canonical(value: Any, positions: Positions) -> Any:
    """A value without what is incidental."""
    if isinstance(value, float):
        return value if math.isfinite(value) else f"double {value}"
    value = metadata(value)
    if isinstance(value, str):
        return positions.replace_in(value)
    if isinstance(value, dict):
        value = as_java_writes(value)
        dropped = INCIDENTAL if "uid" in value else frozenset()
        return {
            positions.replace_in(str(key)): canonical(inner, positions)
            for key, inner in value.items()
            if key not in dropped
        }
    if isinstance(value, list | tuple):
        return [canonical(inner, positions) for inner in value]
    return value.hex() if isinstance(value, bytes) else value


def as_java_writes(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """A pipeline's metadata as Java writes it; whatever else it is."""
    if document.get("class") != PYTHON_PIPELINE:
        return document
    params = {name: value for name, value in document["paramMap"].items() if name != "language"}
    return {**document, "class": PIPELINE, "paramMap": params}
