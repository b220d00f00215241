"""Sums of doubles that do not depend on the order of the rows.

Floating-point addition is not associative, so a sum over partitions changes in its last bits from run to run. Here each term is
cut to a multiple of 2**-52 and split into two integers of 26 fraction bits; integer sums are exact in any order. A sum that
exceeds a long (2**31 rows of the largest term) fails under ANSI mode and never wraps.
"""

from __future__ import annotations

from functools import reduce
from operator import add
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

LIMB = 2**26
UNIT = LIMB * LIMB


def fixed_sum(*terms: tuple[Column, Column]) -> Column:
    """Aggregate: the sum of weight * value over rows and terms, to be read by `units`.

    Args:
        terms: A value, DOUBLE in [0, 64), and its weight, BIGINT, zero or more.

    Returns:
        STRUCT<whole: BIGINT, rest: BIGINT>, in units of 2**-26 and 2**-52.
    """
    wholes, rests = [], []
    for value, weight in terms:
        scaled = value * F.lit(float(LIMB))
        whole = F.floor(scaled)
        wholes.append(weight * whole)
        rests.append(weight * F.floor((scaled - whole) * F.lit(float(LIMB)) + F.lit(0.5)))
    return F.struct(F.sum(reduce(add, wholes)).alias("whole"), F.sum(reduce(add, rests)).alias("rest"))


def units(total: Any) -> int:
    """A collected `fixed_sum` as an exact integer multiple of 2**-52."""
    return int(total["whole"]) * LIMB + int(total["rest"])


def as_float(total: int) -> float:
    """A number of units as the nearest double."""
    return total / UNIT
