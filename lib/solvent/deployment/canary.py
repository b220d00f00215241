"""The canary: challenger and champion score the same latest rows, and what would change for those who use the predictions is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import counted
from solvent.config.deploy import Canary
from solvent.config.project import Project
from solvent.kinds import KINDS
from solvent.kinds.slices import ALL, slice_value
from solvent.registry import ModelKey, ModelVersion
from solvent.release import GateResult
from solvent.tables import Ledger, Warehouse

# Of the changes of predictions, the outermost of which may be a single row.
QUANTILES = (0.01, 0.5, 0.99)


@dataclass(frozen=True)
class Changed:
    """How the predictions of a slice value change from champion to challenger.

    Attributes:
        slice: The slice column, or "all".
        slice_value: Its value, or "all".
        n: Rows that both scored.
        mean_change: Challenger less champion.
        mean_absolute_change: Without sign.
        low: 1 % of changes are less.
        median: Half of them are.
        high: 1 % are more.
        flipped: Share of rows on the other side of the threshold; 0 for a regression.
    """

    slice: str
    slice_value: str
    n: int
    mean_change: float
    mean_absolute_change: float
    low: float
    median: float
    high: float
    flipped: float


@dataclass(frozen=True)
class CanaryRow:
    """What would change for a slice value from a champion to a challenger, of prediction times in [since, until)."""

    whose: ModelKey
    champion_version: int
    since: datetime
    until: datetime
    changed: Changed


CANARIES = Ledger("canaries", CanaryRow)


def compare_scores(challenger: DataFrame, champion: DataFrame, project: Project) -> list[Changed]:
    """How predictions change, over all rows and on every slice value; one pass over both.

    Args:
        challenger: Key, slices, prediction.
        champion: The same rows.
        project: Declares key, slices, threshold.
    """
    measures, key = project.evaluation, list(project.predicted.key)
    decided, flipped = KINDS[project.model.kind].flipped, F.lit(False)
    if decided is not None:
        flipped = decided(F.col("_before"), F.col("prediction"), measures.threshold)
    before = champion.select(*key, F.col("prediction").alias("_before"))
    where = F.array(
        F.struct(F.lit(ALL).alias("slice"), F.lit(ALL).alias("slice_value")),
        *(F.struct(F.lit(name).alias("slice"), slice_value(name).alias("slice_value")) for name in measures.slices),
    )
    both = challenger.join(before, key).select(
        F.explode(where).alias("where"),
        (F.col("prediction") - F.col("_before")).alias("change"),
        flipped.alias("flipped"),
    )
    found = both.groupBy("where").agg(
        F.count(F.lit(1)).alias("n"),
        F.avg("change").alias("mean_change"),
        F.avg(F.abs("change")).alias("mean_absolute_change"),
        F.percentile_approx("change", list(QUANTILES), 10_000).alias("quantiles"),
        F.avg(F.col("flipped").cast("double")).alias("flipped"),
    )
    rows = found.select(
        "where.slice", "where.slice_value", "n", "mean_change", "mean_absolute_change",
        *(F.col("quantiles")[place] for place in range(len(QUANTILES))), "flipped",
    )  # fmt: skip
    return sorted(
        (Changed(*row) for row in rows.collect()), key=lambda one: (one.slice != ALL, one.slice, one.slice_value)
    )


def canary_gates(bounds: Canary, changed: Sequence[Changed]) -> list[GateResult]:
    """What the bounds of model.yml say of the changes."""
    found = []
    for one in changed:
        flips = bounds.flipped if one.slice == ALL else bounds.flipped_in_slice
        if flips is not None and (one.slice == ALL or one.n >= bounds.min_rows):
            found.append(bounded(f"canary: at most {flips:.0%} of decisions change", one, one.flipped, flips))
        if bounds.moved is not None and one.slice == ALL:
            rule = f"canary: predictions change by at most {bounds.moved:g} in the mean"
            found.append(bounded(rule, one, one.mean_absolute_change, bounds.moved))
    return found


def bounded(rule: str, one: Changed, value: float, bound: float) -> GateResult:
    """A figure held against its bound."""
    passed = value <= bound
    reason = f"{value:.4f} {'≤' if passed else '>'} {bound:g} of {counted(one.n, 'row')}"
    return GateResult(rule, one.slice, one.slice_value, value, bound, passed, reason)


def append_canary(
    warehouse: Warehouse,
    challenger: ModelVersion,
    champion: ModelVersion,
    interval: tuple[datetime, datetime],
    changed: Sequence[Changed],
) -> None:
    """Appends the changes, once."""
    rows = [CanaryRow(challenger.key, champion.version, *interval, one) for one in changed]
    CANARIES.append(warehouse, rows)


def changes_text(found: Sequence[Changed], since: datetime) -> str:
    """What would change, in a line."""
    if not found:
        return f"no rows since {since:%Y-%m-%d}"
    whole = found[0]
    return (
        f"{counted(whole.n, 'row')} since {since:%Y-%m-%d}: predictions change by {whole.mean_absolute_change:.4f} in the mean "
        f"(98 % of them by {whole.low:+.4f} to {whole.high:+.4f}), and {whole.flipped:.1%} of decisions"
    )
