"""What is written at the axes of charts has room there."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from solvent.kinds.curves import CalibrationBin, HistogramBin
from solvent.report.charts import LEFT, calibration_chart, histogram_chart

# As wide as a digit of 11 px gets in the fonts of the page; the title of the y axis ends at 14.
WIDEST, TITLE = 6.6, 14


def ticks(picture: str) -> list[str]:
    """The labels of the y axis."""
    return re.findall(rf'<text class="tick" x="{LEFT - 6}"[^>]*>([^<]*)</text>', picture)


@given(st.integers(1, 10**12))
def test_the_rows_of_a_histogram_lie_beside_the_title_of_their_axis(most: int) -> None:
    found = ticks(histogram_chart([HistogramBin(0.0, 0.5, most, 0), HistogramBin(0.5, 1.0, 0, most // 2)]))
    assert len(found) == 3
    assert all(LEFT - 6 - WIDEST * len(one) > TITLE for one in found), found


@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9))
def test_the_ticks_of_an_axis_differ(low: float, span: float) -> None:
    bins = [CalibrationBin(low, low, low, low, None, None, 5), CalibrationBin(low, low, low + span, low, None, None, 5)]
    found = ticks(calibration_chart([("challenger", "model", bins)], binary=False))
    assert len(set(found)) == len(found) > 1
