"""How the inputs of a model moved at an alarm."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

import pandas as pd

from solvent.features.profile import Reference, profile_of
from solvent.investigation.causes import Analysis
from solvent.investigation.cells import FEATURE, cell_in_words
from solvent.investigation.look import Look
from solvent.jobs.context import Context
from solvent.registry import ModelVersion

INPUTS = 4


def moved_inputs(context: Context, version: ModelVersion, looked: Look, change: date, end: date) -> pd.DataFrame:
    """The distribution of inputs over training rows, and over the rows scored since the change."""
    names = leading(looked.analysis)[:INPUTS]
    counts = profile_of(context.warehouse, version.digest, change, end)
    rows = []
    for name in names:
        reference = looked.references[name]
        since = {
            cell: sum(of.get(cell, 0) for (_, one), of in counts.items() if one == name) for cell in reference.cells
        }
        rows += [
            (name, cell_in_words(reference, cell), trained, now) for cell, trained, now in shares(reference, since)
        ]
    return pd.DataFrame(rows, columns=["feature", "cell", "training", "since"])


def leading(analysis: Analysis) -> list[str]:
    """The features of the first cause; if it has none, those where the change is strongest."""
    places = (part.name for part in analysis.regions if part.kind == FEATURE)
    return list(analysis.causes[0].features) or list(dict.fromkeys(places))


def shares(reference: Reference, since: Mapping[str, int]) -> list[tuple[str, float, float]]:
    """Cell, share of training rows and share of rows since, of cells that have any."""
    trained, now = sum(reference.counts.values()), sum(since.values())
    return [
        (cell, reference.counts.get(cell, 0) / max(trained, 1), since[cell] / max(now, 1))
        for cell in reference.cells
        if reference.counts.get(cell) or since[cell]
    ]
