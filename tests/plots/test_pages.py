"""Charts as pages embed them: what is written has room, what is pointed at has a title, and the same values are the same text."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from solvent.evaluation import Measurement
from solvent.kinds.curves import CalibrationBin, Curves, HistogramBin, ThresholdPoint
from solvent.plots.curves import ModelCurves, calibration, curve_charts, histogram
from solvent.plots.inline import inline_svg
from solvent.plots.retraining import by_week

BINS = (CalibrationBin(0.0, 0.5, 0.2512, 0.3, 0.2, 0.4, 9), CalibrationBin(0.5, 1.0, 0.7, 0.6, None, None, 1))
POINTS = (ThresholdPoint(1.0, 0.0, 0.0, None), ThresholdPoint(0.5, 0.2, 0.7, 0.8), ThresholdPoint(0.0, 1.0, 1.0, 0.5))


def model(role: str, kind: str = "regression", **curves: Any) -> ModelCurves:
    return ModelCurves(role, f"a <{role}>", Curves(**curves), kind)


def binary(role: str) -> ModelCurves:
    rows = (HistogramBin(0.0, 0.5, 10, 30), HistogramBin(0.5, 1.0, 40, 20))
    return model(role, "binary", roc=POINTS, precision_recall=POINTS, calibration=BINS, histogram=rows)


def ticks(axis: Any) -> list[Any]:
    low, high = sorted(axis.get_view_interval())
    return [one for place, one in zip(axis.get_ticklocs(), axis.get_ticklabels(), strict=True) if low <= place <= high]


@settings(max_examples=10, deadline=None)
@given(st.integers(1, 10**12))
def test_the_rows_of_a_histogram_lie_beside_the_title_of_their_axis(most: int) -> None:
    made = histogram(
        [model("challenger", histogram=(HistogramBin(0, 0.5, most, 0), HistogramBin(0.5, 1, 0, most // 2)))]
    )
    made.draw_without_rendering()
    axis = made.axes[0].yaxis
    found, title = ticks(axis), axis.label.get_window_extent()
    assert len(found) >= 2
    assert title.x0 >= 0
    assert all(one.get_window_extent().x0 > title.x1 for one in found)


@settings(max_examples=10, deadline=None)
@given(st.floats(-1e9, 1e9), st.floats(1e-3, 1e9))
def test_the_ticks_of_an_axis_differ(low: float, span: float) -> None:
    bins = [CalibrationBin(low, low, low, low, None, None, 5), CalibrationBin(low, low, low + span, low, None, None, 5)]
    made = calibration([model("challenger", calibration=tuple(bins))])
    made.draw_without_rendering()
    found = [one.get_text() for one in ticks(made.axes[0].yaxis)]
    assert len(set(found)) == len(found) > 1


def test_a_page_shows_a_chart_in_its_own_colours_with_titles_and_no_address() -> None:
    charts = curve_charts([binary("challenger"), binary("baseline")])
    assert [title for title, _, _ in charts] == [
        "ROC",
        "Precision and recall",
        "Calibration",
        "Predictions of this model",
    ]
    roc, _, calibrated, rows = texts = [str(inline_svg(picture)) for _, picture, _ in charts]
    assert texts == [
        str(inline_svg(picture)) for _, picture, _ in curve_charts([binary("challenger"), binary("baseline")])
    ]
    assert all(re.match(r'<svg class="chart" viewBox="[\d. ]+" role="img" aria-label="[\w -]+">', one) for one in texts)
    assert not any(word in one for one in texts for word in ("http", "xmlns", "DejaVu", "<!", "#1d5fd0", "metadata"))
    assert "<g><title>a &lt;challenger&gt;</title><path" in roc
    assert "var(--challenger)" in roc
    assert "<title>a &lt;baseline&gt;: predicted 0.2512, observed 0.3, 9 rows</title></use>" in calibrated
    assert calibrated.count("<title>") == 4
    assert "<title>0.50–1.00: 40 positive, 20 negative</title>" in rows
    (only,) = curve_charts([model("challenger", calibration=BINS)])
    assert "on average" in only[2]


def test_every_event_of_a_replay_says_what_it_was() -> None:
    values = ((date(2024, 3, 4), 0.7), (date(2024, 3, 11), None))
    weeks = [(day, Measurement("all", "all", "auc", value, 0.6, 0.8, 5, "")) for day, value in values]
    event = (date(2024, 3, 9), "alarm", "a & b")
    made = by_week("auc by week", (date(2024, 3, 1), date(2024, 3, 20)), {"challenger": weeks, "baseline": []}, [event])
    text = str(inline_svg(made))
    assert "<title>2024-03-09: a &amp; b</title>" in text
    assert "<title>2024-03-07: 0.7000</title>" in text
    assert 'aria-label="auc by week"' in text
