"""Kinds of labels: what is predicted, by which metrics it is measured and compared, and how it is told. Nothing else asks for a kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from solvent.config.base import closest
from solvent.errors import EvaluationError
from solvent.kinds.binary import BINARY
from solvent.kinds.kind import Kind
from solvent.kinds.metric import DESCRIPTIVE, LABEL_RATE, SIGNED, Metric
from solvent.kinds.regression import REGRESSION

__all__ = [
    "KINDS",
    "LABEL_RATE",
    "SIGNED",
    "Kind",
    "Metric",
    "badness",
    "descriptive",
    "metrics_by_name",
    "paired_metrics",
    "require_daily",
    "require_known",
    "require_paired",
]

# All there are, by the name that an estimator's configuration has; a further kind is entered here.
KINDS: dict[str, Kind] = {one.name: one for one in (BINARY, REGRESSION)}


def metrics_by_name() -> dict[str, Metric]:
    """The metrics of all kinds."""
    return {metric.name: metric for kind in KINDS.values() for metric in kind.metrics}


def badness(metric: str, value: float) -> float:
    """A number that is lower for the better of two values of a metric."""
    return metrics_by_name()[metric].badness(value)


def descriptive(metric: str) -> bool:
    """Whether a metric is of the rows rather than of the model, so that nothing is better or worse."""
    found = metrics_by_name().get(metric)
    return found is not None and found.better == DESCRIPTIVE


def paired_metrics(metrics: Sequence[str]) -> Iterator[str]:
    """Those metrics whose lead over another model has an interval that is known to hold."""
    known = metrics_by_name()
    return (name for name in metrics if known[name].unpaired is None)


def require_known(kind: str, metrics: Sequence[str]) -> None:
    """Refuses metrics that do not exist for this kind of label.

    Raises:
        EvaluationError: Naming the metric and the one that was probably meant.
    """
    known = [one.name for one in KINDS[kind].metrics]
    for metric in metrics:
        if metric not in known:
            raise EvaluationError(f"metric '{metric}' does not exist for {kind} labels; {closest(metric, known)}")


def require_paired(metric: str) -> None:
    """Refuses metrics by which two models cannot be compared with a confidence.

    Raises:
        EvaluationError: Saying why, and what to compare instead.
    """
    why = metrics_by_name()[metric].unpaired
    if why is not None:
        raise EvaluationError(f"the lead in {metric} has no interval: {why}, or leave confidence out")


def require_daily(kind: str, metrics: Sequence[str]) -> None:
    """Refuses metrics that have no value by day from the sums of a day alone.

    Raises:
        EvaluationError: Naming the metric.
    """
    require_known(kind, metrics)
    for metric in metrics:
        if KINDS[kind].metric(metric).by_day is None:
            raise EvaluationError(
                f"{metric} ranks rows of all days together, and has no value by day; name log_loss or brier"
            )
