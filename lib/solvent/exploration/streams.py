"""What deviated when an investigation was opened, by day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from solvent.investigation import RESOLVED, Investigation, investigations
from solvent.investigation.alarm import DeviatingStream
from solvent.investigation.series import series_of
from solvent.jobs.context import Context
from solvent.kinds.slices import ALL
from solvent.monitoring.streams import Stream
from solvent.registry import ModelVersion
from solvent.scoring import batches

STREAMS = 4


def deviating_streams(
    context: Context, version: ModelVersion, one: Investigation, life: Sequence[date]
) -> list[DeviatingStream]:
    """What deviates by its values in the windows that were judged: of all rows first, and of that what is surest."""
    findings = sorted(one.findings, key=lambda found: (found["slice"] != ALL, found["alarm"] or "", found["p_value"]))
    streams = [Stream(found["metric"], found["slice"], found["slice_value"]) for found in findings[:STREAMS]]
    return [
        DeviatingStream(
            *(stream, series_of(context.warehouse, version, stream, life, one.as_of)),
            *(found["expected"], found["expected_low"], found["expected_high"], found["p_value"]),
        )
        for stream, found in zip(streams, findings, strict=False)
    ]


def first_judged(context: Context, version: ModelVersion, one: Investigation) -> date:
    """The first day that was judged when an alarm was raised: the start of the model's life, or the resolution before."""
    ends = [other.as_of for other in investigations(context.warehouse, version) if other.state == RESOLVED]
    began = min(batch.since for batch in batches(context.warehouse, version.digest)).date()
    return max([began, *(end for end in ends if end <= one.alarm)])


def findings_table(one: Investigation) -> pd.DataFrame:
    """What deviates: metric, of, expected, observed, since, alarm, p_value; what is surest first."""
    return pd.DataFrame(
        {
            "metric": found["metric"],
            "of": Stream(found["metric"], found["slice"], found["slice_value"]).rows,
            "expected": round(found["expected"], 4),
            "observed": round(found["observed"], 4),
            "since": found["change"],
            "alarm": found["alarm"],
            "p_value": f"{found['p_value']:.2g}",
        }
        for found in one.findings
    )
