"""What an alarm is about, as notebooks look into it again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import pandas as pd

from solvent.investigation.investigation import Investigation
from solvent.investigation.look import Look
from solvent.monitoring.streams import Stream
from solvent.registry import ModelVersion

Day = tuple[date, float | None, bool]


@dataclass(frozen=True)
class DeviatingStream:
    """What deviates, by day.

    Attributes:
        stream: The metric, of which rows.
        days: Day, value or None, and whether it is judged; the days before are what is expected.
        expected: The mean of the days before.
        low: Confidence limit of that mean.
        high: Likewise.
        p_value: Adjusted over all streams.
    """

    stream: Stream
    days: Sequence[Day]
    expected: float
    low: float
    high: float
    p_value: float


@dataclass(frozen=True)
class Alarm:
    """An investigation, and what the tables tell of it now.

    Attributes:
        investigation: As it was opened.
        version: Of whose predictions.
        streams: What deviates, the headline first.
        look: The rows before the change and since.
        inputs: feature, cell (in words), training (share of rows), since (the change); of the inputs that moved, or matter most.
    """

    investigation: Investigation
    version: ModelVersion
    streams: Sequence[DeviatingStream]
    look: Look
    inputs: pd.DataFrame
