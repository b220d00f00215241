"""The performance to expect of a stream, from its reference windows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from solvent.config.monitoring import LEAST_REFERENCE
from solvent.errors import EvaluationError
from solvent.monitoring.detector import (
    CONFIDENCE,
    Floats,
    last_before,
    serial_correlation,
)
from solvent.monitoring.streams import Values, aligned


@dataclass(frozen=True)
class Expectation:
    """The performance expected from the reference windows.

    Attributes:
        mean: Of the reference windows.
        low: Confidence limit of the long-run mean.
        high: Likewise.
        windows: Reference windows with a value.
    """

    mean: float
    low: float
    high: float
    windows: int


def too_little(reference: Values) -> str | None:
    """Why a reference is not enough to judge by, if it is not. It says nothing about the monitored windows, so the rate stays as stated."""
    windows = sum(value is not None for value in reference)
    return (
        None
        if windows >= LEAST_REFERENCE
        else f"{windows} reference windows have a value; {LEAST_REFERENCE} are needed"
    )


def expected(values: Values) -> Expectation:
    """The performance to expect, with limits that allow for serial correlation.

    Args:
        values: Of the reference windows, in order of time; None where there is none.

    Raises:
        EvaluationError: If too few windows have a value.
    """
    if reason := too_little(values):
        raise EvaluationError(reason)
    return expectations(aligned([values]))[0]


def expectations(before: Floats) -> list[Expectation]:
    """Per stream, mean and limits by Student's t, with its windows reduced to n (1 - phi) / (1 + phi) independent ones.

    Source: Bayley & Hammersley (1946), JRSS Suppl. 8:184-197, for a first-order autoregression.
    """
    followed = np.pad(before, ((0, 0), (0, 1)), constant_values=np.nan)
    phi = serial_correlation(followed, last_before(followed), before.shape[1])[:, 0]
    windows = np.isfinite(before).sum(axis=1)
    effective = np.maximum(windows * (1 - phi) / (1 + phi), 2.0)
    spread = np.nanstd(before, axis=1, ddof=1) / np.sqrt(effective)
    half = stdtrit(effective - 1, 0.5 + CONFIDENCE / 2) * spread
    mean = np.nanmean(before, axis=1)
    columns = (mean.tolist(), (mean - half).tolist(), (mean + half).tolist(), windows.tolist())
    return [Expectation(*row) for row in zip(*columns, strict=True)]
