"""Proof that features use nothing from after prediction time: delete all of it, build again, and compare.

What a feature is allowed to see is decided by its code, and read wrongly as easily as written wrongly. So it is tested on data: for some
prediction times, every fact that became available at or after them is deleted, the features are built again, and must be exactly
the same. A leak shows if a fact it uses exists for a row sampled; what no sampled row uses stays unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.errors import FeatureError
from solvent.features.build import build
from solvent.features.group import FeatureGroup
from solvent.timeline.proof import differences, first_of, sampled_times


@dataclass(frozen=True)
class Leak:
    """A feature of one row that differs once the facts from its prediction time on are deleted."""

    prediction_time: datetime
    key: tuple[object, ...]
    feature: str
    with_all: str | None
    without_later: str | None


def truncation_proof(
    rows: DataFrame,
    groups: Sequence[FeatureGroup],
    sources: Mapping[str, DataFrame],
    *,
    key: Sequence[str],
    samples: int = 5,
) -> list[Leak]:
    """Compares features with those built from truncated sources.

    Args:
        rows: As for build; their key is unique.
        groups: As for build.
        sources: As for build.
        key: The columns that name a row.
        samples: How many distinct prediction times to try, chosen by hash.

    Returns:
        The leaks found, at most 1000, in the order of time, key and feature; none if all is well.

    Raises:
        FeatureError: If a group does not do what it declares, or there is no row.
    """
    times = sampled_times(rows, samples, "truncation proof")
    features = [feature.name for group in groups for feature in group.features]
    with_all = build(rows, groups, sources).where(F.unix_micros("prediction_time").isin(times))
    without = reduce(DataFrame.unionByName, [build_until(time, rows, groups, sources) for time in times])
    found = differences(with_all, without, [*key, "prediction_time"], features)
    return [Leak(*one) for one in first_of(found, key)]


def build_until(
    time: int, rows: DataFrame, groups: Sequence[FeatureGroup], sources: Mapping[str, DataFrame]
) -> DataFrame:
    """The features of the rows of one prediction time, in microseconds since 1970, from what was available before it."""
    moment = F.timestamp_micros(F.lit(time))
    until = {name: facts.where(F.col("available_time") < moment) for name, facts in sources.items()}
    return build(rows.where(F.col("prediction_time") == moment), groups, until)


def require_no_leak(
    rows: DataFrame,
    groups: Sequence[FeatureGroup],
    sources: Mapping[str, DataFrame],
    *,
    key: Sequence[str],
    samples: int = 5,
) -> None:
    """Refuses groups with a leak; arguments as for truncation_proof.

    Raises:
        FeatureError: Naming the groups and features that leak, and one row to look at.
    """
    leaks = truncation_proof(rows, groups, sources, key=key, samples=samples)
    if leaks:
        owner = {feature.name: group.name for group in groups for feature in group.features}
        leaking = ", ".join(sorted({f"{owner[leak.feature]}: {leak.feature}" for leak in leaks}))
        first = leaks[0]
        row = ", ".join(f"{name}={value}" for name, value in zip(key, first.key, strict=True))
        raise FeatureError(
            f"features use facts from after prediction time ({leaking}); for instance {first.feature} of {row} at "
            f"{first.prediction_time:%Y-%m-%d %H:%M:%S}: {first.with_all}, but {first.without_later} from what was available "
            "before; use only facts with available_time < prediction_time, as as_of_lookup and trailing_sums do"
        )
