"""Figures show the numbers they are given, and nothing of pyplot's state is touched."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot

from solvent.evaluation import Evaluation, Measurement
from solvent.evaluation.comparison import Comparison
from solvent.explanation import Contribution, Explanation
from solvent.features import Feature
from solvent.features.label_profile import Profile
from solvent.features.profile import Reference
from solvent.investigation import Investigation
from solvent.investigation.alarm import Alarm, DeviatingStream
from solvent.investigation.causes import Analysis
from solvent.investigation.examples import Examples
from solvent.investigation.look import Look
from solvent.investigation.periods import Figures
from solvent.kinds.curves import Curves
from solvent.kinds.paired import Lead
from solvent.monitoring.streams import Stream
from solvent.plots.alarm import causes, deviations, inputs
from solvent.plots.comparison import metrics, predictions, slices
from solvent.plots.data import facts_by_day, label_by_feature, missing_by_day, strength_by_feature
from solvent.plots.row import contributions
from solvent.plots.table import table, tables
from solvent.registry import ModelVersion


def explanation(players: int) -> Explanation:
    added = [(-1) ** n * 0.16 / 2**n for n in range(players)]
    found = tuple(Contribution(f"feature_{n}", value, 0.01) for n, value in enumerate(added))
    return Explanation(0.25 + sum(added), 0.25, 0.01, 200, found)


def texts(made: Any) -> str:
    return " ".join(one.get_text() for axes in made.axes for one in (axes.title, *axes.texts, *axes.get_yticklabels()))


def test_contributions_lead_from_the_mean_to_the_score() -> None:
    found = explanation(14)
    made = contributions(found, "binary", pd.DataFrame({"feature": ["feature_0"], "value": ["12.5"]}))
    (axes,) = made.axes
    bars = [(one.get_x(), one.get_x() + one.get_width()) for one in axes.patches]
    # A bar that lowers the score is drawn from its start to the left.
    assert len(bars) == 13
    assert bars[0] == (found.mean, pytest.approx(found.mean + 0.16))
    assert [start for start, _ in bars[1:]] == pytest.approx([end for _, end in bars[:-1]])
    assert bars[-1][1] == pytest.approx(found.score)
    assert "feature_0 = 12.5" in texts(made)
    assert "2 others together" in texts(made)
    assert "+16.0" in texts(made)
    assert made.get_suptitle() == "From the mean score 25.0% to this row's 35.7%"


def test_few_contributions_have_no_others_and_numbers_no_percent() -> None:
    made = contributions(explanation(3), "regression")
    assert len(made.axes[0].patches) == 3
    assert "others" not in texts(made)
    assert "%" not in made.get_suptitle()


def test_a_day_without_a_fact_is_drawn_as_none() -> None:
    days = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-04"])
    made = facts_by_day(pd.DataFrame({"source": "orders", "day": days, "rows": [10, 12, 14]}))
    assert list(made.axes[0].lines[0].get_ydata()) == [10, 12, 0, 14]
    assert made.axes[0].get_title(loc="left") == "orders: 36 facts, 12 on a usual day"


@pytest.fixture
def profile() -> Profile:
    """Two features over two days; `size` is missing in a quarter of the second day's rows, and has a cell of three rows."""
    features = [Feature("size", "double", ""), Feature("color", "string", "")]
    cells = {
        "size": Reference("size", (1.0, 2.0), (), {}),
        "color": Reference("color", (), ("blue", "red"), {}),
    }
    days = pd.to_datetime(["2024-01-01", "2024-01-02"])
    rows = [
        (days[0], "size", "0", 97, 20.0),
        (days[0], "size", "2", 3, 3.0),
        (days[1], "size", "1", 75, 30.0),
        (days[1], "size", "(missing)", 25, 10.0),
        (days[0], "color", "blue", 100, 23.0),
        (days[1], "color", "red", 100, 40.0),
    ]
    return Profile(features, cells, pd.DataFrame(rows, columns=["day", "feature", "cell", "rows", "labels"]), "late")


def test_missing_features_are_shown_by_day(profile: Profile) -> None:
    made = missing_by_day(profile)
    mesh = made.axes[0].collections[0]
    assert np.asarray(mesh.get_array()).ravel().tolist() == [0.0, 0.25]
    assert "size  12.5%" in texts(made)
    assert "color" not in texts(made)
    complete = Profile(profile.features, profile.cells, profile.counts[profile.counts["cell"] != "(missing)"], "late")
    assert missing_by_day(complete).get_suptitle() == "No feature is missing in any training row"


def test_mean_labels_are_shown_by_cell_but_of_too_few_rows(profile: Profile) -> None:
    made = label_by_feature(profile, "binary")
    panels = {axes.get_title(loc="left"): axes for axes in made.axes if axes.get_title(loc="left")}
    assert list(panels) == ["size", "color"]
    dots = panels["size"].lines[1]
    assert list(dots.get_ydata()) == pytest.approx([20 / 97, 30 / 75, 10 / 25])
    assert list(dots.get_xdata()) == [0, 1, 3]
    # What is missing is in no order with the numbers.
    assert list(panels["size"].lines[0].get_xdata()) == [0, 1]
    assert list(panels["color"].lines[1].get_ydata()) == pytest.approx([0.23, 0.40])
    assert panels["color"].lines[2].get_ydata()[0] == pytest.approx(63 / 200)
    strengths = [one.get_width() for one in strength_by_feature(profile).axes[0].patches]
    assert strengths[0] == pytest.approx(0.085)


VALUES = [f"c{n:02}" for n in range(20)]


def comparison(kind: str) -> Comparison:
    evaluations = []
    for shift in (0.0, 0.05):
        found = [Measurement("all", "all", "auc", 0.7 + shift, 0.68 + shift, 0.72 + shift, 1000, "")]
        found += [
            Measurement("carrier", value, "auc", None if value == "c00" else 0.6 + shift, 0.5, 0.8, 1000 - n, "")
            for n, value in enumerate(VALUES)
        ]
        evaluations.append(Evaluation(found, Curves()))
    return Comparison(
        names=("model version 1", "model version 2"),
        rows="2024-02-01 to 2024-02-29",
        kind=kind,
        threshold=0.5,
        metrics=["auc"],
        evaluations=(evaluations[0], evaluations[1]),
        leads={"auc": Lead(0.05, 0.03, 0.07, 30, 1000, "")},
        changed=pd.DataFrame(),
        limits=(0.0, 1.0),
        cells=pd.DataFrame({"first": [1, 5, 39], "second": [3, 5, 39], "rows": [30, 60, 10]}),
        examples=pd.DataFrame(),
    )


def test_metrics_and_slices_of_both_models_are_beside_each_other() -> None:
    (axes,) = metrics(comparison("binary")).axes
    assert [float(line.get_xdata()[0]) for line in axes.lines] == pytest.approx([0.7, 0.75])
    assert axes.get_title(loc="left") == ("Area under the ROC curve, more is better\nlead +0.0500 [+0.0300, +0.0700]")
    (axes,) = slices(comparison("binary"), "auc").axes
    # The 16 values with the most rows; the first of them has no value, so that nothing is drawn there.
    assert len(axes.get_yticks()) == 16
    assert len(axes.lines) == 2 * 15 + 2
    assert axes.get_yticklabels()[1].get_text() == "c01 (999)"


def test_predictions_of_both_models_are_held_against_each_other() -> None:
    made = predictions(comparison("binary"))
    assert len(made.axes) == 3
    counts = made.axes[0].images[0].get_array()
    assert (counts[3, 1], counts[5, 5], counts[39, 39]) == (30, 60, 10)
    assert {round(bar.get_x() + bar.get_width() / 2, 3): bar.get_height() for bar in made.axes[1].patches} == {
        0.0: 0.7,
        0.05: 0.3,
    }
    assert len(predictions(comparison("regression")).axes) == 2


@pytest.fixture
def alarm() -> Alarm:
    start = date(2024, 1, 1)
    days = [(start + timedelta(days=n), None if n == 3 else 0.5 + n / 100, n >= 5) for n in range(10)]
    found = [
        {"text": f"cause {n}", "share": share, "kind": "relation", "name": "", "features": [], "parts": []}
        for n, share in enumerate((0.7, 0.3))
    ]
    one = Investigation(
        "a1", "opened", "shop", 1, "d", start, date(2024, 1, 9), date(2024, 1, 7), date(2024, 1, 6), date(2024, 1, 8),
        [], found, [], "", "",
    )  # fmt: skip
    nothing = Figures(0, 0.0, None, None, None)
    look = Look("", Analysis("loss", 2, 2, nothing, nothing, (), ()), Examples("", (), ()), {})
    moved = pd.DataFrame(
        [("size", "below 1", 0.5, 0.9), ("size", "1 or more", 0.5, 0.1), ("color", "red", 1.0, 1.0)],
        columns=["feature", "cell", "training", "since"],
    )
    streams = [DeviatingStream(Stream(name), days, 0.52, 0.51, 0.53, 0.01) for name in ("log_loss", "auc")]
    return Alarm(one, ModelVersion("shop", 1, "", "", "d", ""), streams, look, moved)


def test_what_deviates_is_shown_by_day(alarm: Alarm) -> None:
    made = deviations(alarm)
    first, second = made.axes
    assert first.get_title(loc="left") == "Log loss of all rows: expected 0.520"
    before, judged = (line for line in first.lines if len(line.get_xdata()) > 2)
    assert (len(before.get_xdata()), len(judged.get_xdata())) == (4, 5)
    assert list(judged.get_ydata()) == pytest.approx([0.55, 0.56, 0.57, 0.58, 0.59])
    assert second.get_shared_x_axes().joined(first, second)


def test_causes_and_inputs_are_shown_with_their_shares(alarm: Alarm) -> None:
    (axes,) = causes(alarm.investigation).axes
    assert [one.get_width() for one in axes.patches] == [0.7, 0.3]
    assert [one.get_text() for one in axes.get_yticklabels()] == ["cause 0", "cause 1"]
    size, color = inputs(alarm).axes
    assert [one.get_height() for one in size.patches] == [0.5, 0.5, 0.9, 0.1]
    assert [one.get_height() for one in color.patches] == [1.0, 1.0]


def test_a_picture_shows_itself_once_and_leaves_the_users_style_alone(alarm: Alarm) -> None:
    with matplotlib.rc_context({"axes.facecolor": "black", "font.size": 30}):
        made = contributions(explanation(3), "binary")
        shown = made._repr_png_()
        assert matplotlib.rcParams["font.size"] == 30
    assert shown == contributions(explanation(3), "binary")._repr_png_()
    assert shown.startswith(b"\x89PNG")
    assert pyplot.get_fignums() == []


def test_tables_escape_what_they_show() -> None:
    frame = pd.DataFrame({"what": ["<script>"], "rows": [1234567]})
    shown = tables({"first <b>": frame, "second": frame.head(0)})._repr_html_()
    assert all(word in shown for word in ("&lt;script&gt;", "1,234,567", "first &lt;b&gt;", "<p>nothing</p>"))
    assert "<script>" not in shown
    assert "1234567" in repr(table(frame))
