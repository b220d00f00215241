"""What monitoring judges: one metric on one slice value, or a feature, with a value for each window."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from solvent.kinds.metric import LABEL_RATE
from solvent.kinds.slices import ALL
from solvent.monitoring.detector import (
    CONCENTRATION,
    VOLUME,
    Floats,
)

Values = Sequence[float | None]


@dataclass(frozen=True)
class Stream:
    """One metric on one slice value, "all" and "all" for the whole; or the concentration of a feature, which is then the slice value."""

    metric: str
    slice: str = ALL
    slice_value: str = ALL

    @property
    def whole(self) -> Stream:
        """The same metric on all rows."""
        return Stream(self.metric)

    @property
    def of_feature(self) -> bool:
        """Whether it is of a feature, not of the rows of a slice value."""
        return self.metric == CONCENTRATION

    @property
    def of_volume(self) -> bool:
        """Whether it is the number of rows."""
        return self.metric == VOLUME

    @property
    def rows(self) -> str:
        """What its values are of, in words."""
        if self.of_feature:
            return f"the values of {self.slice_value}"
        return "all rows" if self.slice == ALL else f"{self.slice} {self.slice_value} less that of all rows"


def against_whole(streams: Mapping[Stream, Values]) -> dict[Stream, Values]:
    """Slices by their difference from the whole, window by window; those whose whole is not among the streams as they are."""
    return {
        stream: values
        if stream == stream.whole or stream.whole not in streams
        else [
            None if value is None or whole is None else value - whole
            for value, whole in zip(values, streams[stream.whole], strict=True)
        ]
        for stream, values in streams.items()
    }


def without_descriptive(streams: Mapping[Stream, Values]) -> dict[Stream, Values]:
    """All but the label rate of the whole, whose seasons are no deviation."""
    return {stream: values for stream, values in streams.items() if stream != Stream(LABEL_RATE)}


def aligned(values: Sequence[Values]) -> Floats:
    """Streams by windows, ending together; not a number where there is no value."""
    windows = max(map(len, values))
    rows = [
        [math.nan] * (windows - len(row)) + [math.nan if value is None else value for value in row] for row in values
    ]
    return np.array(rows, dtype=np.float64).reshape(len(values), windows)


def shares(streams: Sequence[Stream]) -> Floats:
    """Each stream's share of the false-alarm rate: overall slice, other slices and features have the same, where there are any."""
    overall = np.array([stream.slice == ALL for stream in streams], dtype=bool)
    features = np.array([stream.of_feature for stream in streams], dtype=bool)
    groups = [group for group in (overall, ~overall & ~features, features) if group.any()]
    return sum((group / group.sum() for group in groups), np.zeros(len(streams))) / max(len(groups), 1)
