"""Sums of doubles that do not depend on the order of the rows.

Floating-point addition is not associative, so a sum over partitions changes in its last bits from run to run. Here each term is made exact
first, and so is the sum, in any order. Small terms (`fixed_sum`) are cut to a multiple of 2**-52 and split into two integers of 26 fraction
bits. Terms of any size (`wide_sum`) become decimals of 18 fraction digits, from 10**10 on by way of an integer and the rest. A sum that
exceeds a long (2**31 rows of the largest small term), or 10**38, fails under ANSI mode and never wraps.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from functools import reduce
from operator import add
from typing import Any

from pyspark.sql import Column
from pyspark.sql import functions as F

LIMB = 2**26
UNIT = LIMB * LIMB
# Below it, 10^10 terms have a sum that their decimals hold.
LARGE = 1e10
WHOLE, REST = "DECIMAL(38, 0)", "DECIMAL(38, 18)"


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


def wide_sum(term: Column) -> Column:
    """Aggregate: the sum of a term over rows, to be read by `exact`.

    Args:
        term: DOUBLE, finite or null; each is taken as the decimal that Java writes for it, to 18 fraction digits.

    Returns:
        STRUCT<whole: DECIMAL, rest: DECIMAL>, either null where nothing is in it.
    """
    whole = F.when(F.abs(term) >= F.lit(LARGE), term.cast(WHOLE))
    # The integer is a double too, and so near that nothing is lost of the difference.
    rest = F.coalesce(term - whole.cast("double"), term)
    return F.struct(F.sum(whole).alias("whole"), F.sum(rest.cast(REST)).alias("rest"))


def exact(total: Any) -> Decimal:
    """A collected `wide_sum`; zero if no term was in it."""
    with localcontext(prec=60):
        return (total["whole"] or Decimal(0)) + (total["rest"] or Decimal(0))
