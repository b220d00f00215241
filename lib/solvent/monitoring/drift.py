"""Drift: how far the features and predictions of a window (a day or a week) are from those of the training rows.

The population stability index (PSI) of a feature is the sum over its cells of (p - q) ln(p / q), with the shares p of the window's rows and
q of the training rows in the cell. Half a row is added to every cell, so that an empty one is not infinitely far. If nothing had changed
and rows were independent, PSI / (1 / n + 1 / N) would be about chi-square with one degree of freedom less than there are cells; its
99.9% quantile is what `noise` gives for orientation. Source: Yurdakul (2018), "Statistical properties of population stability index",
dissertation, Western Michigan University. Rows of one day are not independent, and seasons move most features: PSI raises no alarm.
It tells what changed when performance deviates, and what may become of it before labels are known.

The concentration of a feature is the sum over its cells of the squared shares of the day's rows: 1 if all are in one cell. A feed that
froze, stopped or lost its unit puts the rows of a day into fewer cells than days have; a season moves them to others. So it is judged as
the metrics are, by deviation.py, and raises alarms. Source: Simpson (1949), "Measurement of diversity", Nature 163:688.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from pyspark.sql import Column as Expression
from pyspark.sql import functions as F
from scipy.special import chdtri

from solvent.features.profile import OTHER, Reference, profile_of, stored_references
from solvent.kinds.slices import MISSING
from solvent.registry import ModelKey, ModelVersion
from solvent.tables import Ledger, Warehouse

NOISE_QUANTILE = 0.999


@dataclass(frozen=True)
class Drift:
    """A feature in a window.

    Attributes:
        window: Its first day, in UTC.
        feature: Its name, or "prediction".
        n: Rows scored.
        missing: Share of rows without a value.
        missing_in_training: The same of the training rows.
        other: Share of rows with a category that training has no cell for; 0 for a number.
        other_in_training: The same of the training rows: categories too seldom for a cell.
        psi: The population stability index.
        noise: What it would exceed by chance with probability 0.001.
        concentration: Sum of the squared shares of its cells.
    """

    window: date
    feature: str
    n: int
    missing: float
    missing_in_training: float
    other: float
    other_in_training: float
    psi: float
    noise: float
    concentration: float


@dataclass(frozen=True)
class DriftRow:
    """The drift of a model as it was measured at an as-of."""

    whose: ModelKey
    as_of: date
    drift: Drift


DRIFT = Ledger("drift", DriftRow)


def drift(window: date, reference: Reference, counts: Mapping[str, int]) -> Drift:
    """The drift of a feature in a window, from the counts of its cells."""
    n, trained = sum(counts.values()), sum(reference.counts.values())

    def shares(cell: str) -> tuple[float, float]:
        return counts.get(cell, 0) / n, reference.counts.get(cell, 0) / trained

    # A cell that neither has, such as that for missing values of a feature that is never missing, tells nothing.
    cells = [cell for cell in reference.cells if counts.get(cell) or reference.counts.get(cell)]
    days = [(counts.get(cell, 0) + 0.5) / (n + 0.5 * len(cells)) for cell in cells]
    before = [(reference.counts.get(cell, 0) + 0.5) / (trained + 0.5 * len(cells)) for cell in cells]
    psi = math.fsum((p - q) * math.log(p / q) for p, q in zip(days, before, strict=True))
    noise = float(chdtri(len(cells) - 1, 1 - NOISE_QUANTILE)) * (1 / n + 1 / trained) if len(cells) > 1 else 0.0
    concentration = math.fsum((count / n) ** 2 for count in counts.values())
    return Drift(window, reference.feature, n, *shares(MISSING), *shares(OTHER), psi, noise, concentration)


def append_drift(
    warehouse: Warehouse, version: ModelVersion, since: date, until: date, window: str, as_of: date
) -> list[Drift]:
    """Measures the drift of the windows of [since, until), and appends what is not there already; all of it, by window and feature."""
    return append_counted(warehouse, version, profile_of(warehouse, version.digest, since, until, window), as_of)


def append_counted(
    warehouse: Warehouse, version: ModelVersion, counted: Mapping[tuple[date, str], Mapping[str, int]], as_of: date
) -> list[Drift]:
    """The same of windows and features whose cells are counted."""
    DRIFT.create(warehouse)
    references = stored_references(warehouse, version.digest)
    found = [drift(window, references[feature], counts) for (window, feature), counts in sorted(counted.items())]
    first = min((window for window, _ in counted), default=as_of)
    there = measured_last(warehouse, version, "psi", as_of, F.col("window") >= F.lit(first))
    rows = [
        DriftRow(version.key, as_of, one) for one in found if there.get((one.window, one.feature)) != (one.n, one.psi)
    ]
    DRIFT.append(warehouse, rows)
    return found


def concentrations(
    warehouse: Warehouse, version: ModelVersion, as_of: date
) -> dict[tuple[date, str], tuple[int, float]]:
    """Rows and concentration of every window and feature of a model, as they were measured last: one for each in its life."""
    return measured_last(warehouse, version, "concentration", as_of, F.lit(True))


def measured_last(
    warehouse: Warehouse, version: ModelVersion, figure: str, as_of: date, within: Expression
) -> dict[tuple[date, str], tuple[int, float]]:
    """Rows and a figure of windows and features of a model, as they were measured last.

    Args:
        warehouse: The project's tables.
        version: The model.
        figure: Column of the table.
        as_of: What was measured later does not count.
        within: Which rows are looked at.
    """
    known = (F.col("model_digest") == version.digest) & (F.col("as_of") <= F.lit(as_of))
    rows = DRIFT.frame(warehouse).where(known & within)
    latest = rows.groupBy("window", "feature").agg(F.max(F.struct("as_of", "n", figure)).alias("latest"))
    # As Arrow, as in monitor.performance.
    found = latest.select("window", "feature", "latest.n", f"latest.{figure}").toArrow().to_pydict()
    figures = zip(found["n"], found[figure], strict=True)
    return dict(zip(zip(found["window"], found["feature"], strict=True), figures, strict=True))
