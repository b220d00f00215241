"""Sums over blocks of rows, for kinds whose labels are numbers.

A row belongs to one of BLOCKS blocks by a hash of its key; for the paired test, to the block of its day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property, reduce

import numpy as np
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from solvent.kinds import intervals
from solvent.kinds.fixed_point import exact, wide_sum
from solvent.kinds.kind import Part, Rows
from solvent.kinds.metric import Floats
from solvent.kinds.slices import by_membership, quoted, slice_values
from solvent.kinds.tallies import DAY, day_of

BLOCKS = 32


@dataclass(frozen=True)
class Sums:
    """Exact sums over some rows."""

    n: int
    totals: Mapping[str, Decimal]

    def added(self, other: Sums, sign: int = 1) -> Sums:
        """The sums of both, or of this without the other."""
        totals = {name: total + sign * other.totals[name] for name, total in self.totals.items()}
        return Sums(self.n + sign * other.n, totals)

    def mean(self, name: str) -> float:
        """A mean as a double."""
        return float(self.totals[name] / self.n)

    @property
    def label_spread(self) -> float:
        """The sum of squared deviations of the labels from their mean."""
        return float(self.totals["label_squares"] - self.totals["labels"] ** 2 / self.n)

    def variance(self, name: str, squares: str) -> float:
        """The sample variance."""
        if self.n < 2:
            return 0.0
        return float(self.totals[squares] - self.totals[name] ** 2 / self.n) / (self.n - 1)


@dataclass(frozen=True)
class Blocks:
    """The sums of one slice value by block, in the order of blocks."""

    parts: Sequence[Sums]

    @cached_property
    def total(self) -> Sums:
        """The sums of all blocks."""
        return reduce(Sums.added, self.parts)

    @property
    def n(self) -> int:
        """Rows."""
        return self.total.n

    def jackknifed(self, statistic: Callable[[Sums], float], confidence: float) -> tuple[float, float] | None:
        """Factors of the log jackknife, None where the statistic is not positive without some block."""
        without = [self.total.added(block, -1) for block in self.parts]
        if len(without) < 2 or any(part.n == 0 or statistic(part) <= 0 for part in without):
            return None
        return intervals.log_jackknife(
            lambda i: statistic(self.total if i is None else without[i]), len(without), confidence
        )


@dataclass(frozen=True)
class BlockSums:
    """How rows are summed up.

    Attributes:
        terms: Name of a sum -> what a row adds to it, from its label and its prediction; "labels" and "label_squares" are among them.
        valid_label: Whether a label is one.
        valid_prediction: Whether a prediction is one.
    """

    terms: Mapping[str, Callable[[Column, Column], Column]]
    valid_label: Callable[[Column], Column]
    valid_prediction: Callable[[Column], Column]

    def cells(self, scored: DataFrame, slices: Sequence[str], _: float, key: Sequence[str]) -> Rows:
        """Sums per block of the key, collected."""
        block = F.pmod(F.xxhash64(*(quoted(name) for name in key)), F.lit(BLOCKS)).cast("int")
        return self.by(block.alias("block"), scored, slices).collect()

    def days(self, scored: DataFrame, slices: Sequence[str], _: float) -> Rows:
        """Sums per day, collected."""
        return self.by(day_of("prediction_time").alias(DAY), scored, slices).collect()

    def cells_and_days(
        self, scored: DataFrame, slices: Sequence[str], threshold: float, key: Sequence[str]
    ) -> tuple[Rows, Rows]:
        """Both, one after the other."""
        return self.cells(scored, slices, threshold, key), self.days(scored, slices, threshold)

    def by(self, block: Column, scored: DataFrame, slices: Sequence[str]) -> DataFrame:
        """Sums per slice value and block.

        Args:
            block: INT, the block of a row, with its name.
            scored: slice columns, label, prediction: numbers, and what the block is made of.
            slices: Names of the slice columns.
        """
        label, prediction = F.col("label"), F.col("prediction")
        narrow = scored.select(
            block,
            label.cast("double").alias("label"),
            prediction.cast("double").alias("prediction"),
            *slice_values(slices),
        )
        bad_label, bad_score = ~self.valid_label(label), ~self.valid_prediction(prediction)
        good = ~(bad_label | bad_score)
        return (
            by_membership(narrow, slices)
            .groupBy("slice", "slice_value", narrow.columns[0])
            .agg(
                F.count(F.lit(1)).alias("n"),
                F.sum(bad_label.cast("int")).alias("invalid_labels"),
                F.sum(bad_score.cast("int")).alias("invalid_scores"),
                F.min(prediction).alias("least"),
                F.max(prediction).alias("greatest"),
                *(wide_sum(F.when(good, term(label, prediction))).alias(name) for name, term in self.terms.items()),
            )
        )

    def tallies(self, cells: Rows) -> dict[Part, Blocks]:
        """The blocks of each slice value, in their order."""
        found: dict[Part, list[Sums]] = {}
        for row in sorted(cells, key=lambda row: row["block"]):
            sums = Sums(int(row["n"]), {name: exact(row[name]) for name in self.terms})
            found.setdefault((row["slice"], row["slice_value"]), []).append(sums)
        return {part: Blocks(blocks) for part, blocks in found.items()}

    def day_sums(self, days: Rows) -> dict[str, Floats]:
        """Exact sums rounded once; labels are counted from their mean, so that their squares keep their digits."""
        n = [Decimal(row["n"]) for row in days]
        totals = {name: [exact(row[name]) for row in days] for name in self.terms}
        mean = sum(totals["labels"], Decimal(0)) / sum(n)
        labels = [label - mean * count for label, count in zip(totals["labels"], n, strict=True)]
        squares = [
            square - 2 * mean * label + mean * mean * count
            for square, label, count in zip(totals["label_squares"], totals["labels"], n, strict=True)
        ]
        found = {**totals, "n": n, "labels": labels, "label_squares": squares}
        return {name: np.array([float(one) for one in values]) for name, values in found.items()}
