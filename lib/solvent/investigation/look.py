"""What the rows before a change and since show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from solvent.features.profile import Reference, stored_references
from solvent.investigation.case import Case
from solvent.investigation.causes import Analysis, analyse, lost_rows
from solvent.investigation.cells import cell_sums, splits_of
from solvent.investigation.examples import Examples, examples_of
from solvent.investigation.rows import rows_around, scope_of
from solvent.investigation.span import Span
from solvent.monitoring.streams import Stream
from solvent.scoring import described_of
from solvent.session import kept


@dataclass(frozen=True)
class Look:
    """What the rows before a change and since show.

    Attributes:
        scope: The slice value that is looked at, if only that deviates; "" if all rows are.
        analysis: What carries the change.
        examples: Rows.
        references: Feature -> its cells.
    """

    scope: str
    analysis: Analysis
    examples: Examples
    references: Mapping[str, Reference]


def look(case: Case, stream: Stream, span: Span) -> Look:
    """Looks at the rows before a change and since.

    Args:
        case: The model.
        stream: What deviates.
        span: The days that are compared.
    """
    project = case.project
    used = case.features
    scope, within = scope_of(stream)
    found = rows_around(case, used, span)
    rows = found.where(within)
    references = stored_references(case.warehouse, case.version.digest)
    with kept(rows):
        described = described_of(case.groups, case.manifest)
        sums = cell_sums(rows, references, described, project.evaluation.slices).collect()
        days, splits = splits_of(sums)
        if stream.of_volume:
            analysis = lost_rows(days, splits, span.change, span.end, project.prediction.source)
            return Look(scope, analysis, Examples("", (), ()), references)
        analysis = analyse(days, splits, span.change, case.sources, project.model.kind)
        examples = examples_of(rows, project.predicted.key, used, references, analysis, span)
    return Look(scope, analysis, examples, references)
