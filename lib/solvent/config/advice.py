"""What a configuration leaves unsaid, and is taken to mean."""

from __future__ import annotations

import re
from collections.abc import Iterator

from solvent.config.project import Project
from solvent.config.source import ALWAYS_KNOWN, Source

WITHOUT_DIGITS = re.compile(r"\b(decimal|dec|numeric)\b(?!\s*\()", re.IGNORECASE)


def unsaid(project: Project) -> Iterator[str]:
    """A line for each thing that is better said: its key, what is taken for meant, and what to write."""
    for name, source in project.sources.items():
        yield from (f"sources.{name}.{line}" for line in unsaid_of(source))


def unsaid_of(source: Source) -> Iterator[str]:
    """What a source leaves unsaid."""
    if "available_time" not in source.model_fields_set:
        if source.available_time == ALWAYS_KNOWN:
            yield (
                "available_time: is not declared: its facts count as always known, so that every row sees what came after it, too; "
                "write `always` if they never change, else when each could have been known"
            )
        else:
            yield "available_time: is not declared: its facts count as known when they happened; write when each could have been known"
    whole = [column.name for column in source.columns if column.type == "DECIMAL(10,0)"]
    if whole and WITHOUT_DIGITS.search(source.ddl):
        yield f"schema: {whole[0]} is DECIMAL(10,0), so that a value with digits after the point is refused; write DECIMAL(10,2), say"
