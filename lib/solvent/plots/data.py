"""Figures of the data: how much came when, what is missing when, and how labels go with features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap

from solvent.features import Feature
from solvent.features.label_profile import Profile, strength
from solvent.features.profile import Reference
from solvent.kinds import KINDS
from solvent.kinds.slices import MISSING
from solvent.plots.style import (
    BLUE,
    DASHED,
    GREY,
    ORANGE,
    PALE_GREY,
    SOFT,
    Picture,
    bars_only,
    grid_of,
    percent,
    picture,
    styled,
)

MOST_FEATURES, MOST_CELLS = 12, 12
# A rate in a cell of fewer rows says little, and is not drawn.
FEWEST = 20
CONFIDENCE = 0.95


@styled
def facts_by_day(rows: pd.DataFrame) -> Picture:
    """How many facts each source has for each day.

    Args:
        rows: source, day, rows, of exploration.rows_by_day.
    """
    sources = sorted(rows["source"].unique())
    made = picture(
        "Facts by day of each source",
        "Days are of event time, UTC; one without a fact is drawn as 0.",
        0.9 + 1.5 * len(sources),
    )
    for axes, source in zip(grid_of(made, len(sources), 1), sources, strict=True):
        mine = rows[rows["source"] == source].set_index("day")["rows"]
        whole = mine.reindex(pd.date_range(mine.index.min(), mine.index.max()), fill_value=0)
        axes.fill_between(whole.index, whole.to_numpy(), color=BLUE, alpha=0.18, linewidth=0)
        axes.plot(whole.index, whole.to_numpy(), color=BLUE, linewidth=1.2)
        axes.set_title(f"{source}: {int(mine.sum()):,} facts, {mine.median():,.0f} on a usual day")
        axes.set_ylabel("facts a day")
        axes.set_ylim(bottom=0)
        axes.margins(x=0.01)
    return made


@styled
def missing_by_day(profile: Profile) -> Picture:
    """Which features were missing on which days, of those that ever were."""
    totals = profile.counts.pivot_table(index="feature", columns="day", values="rows", aggfunc="sum")
    lacking = profile.counts[profile.counts["cell"] == MISSING].pivot_table(
        index="feature", columns="day", values="rows", aggfunc="sum"
    )
    names = [one.name for one in profile.features if one.name in lacking.index]
    if not names:
        return picture("No feature is missing in any training row", "", 0.8)
    shares = (lacking.reindex(columns=totals.columns) / totals.loc[lacking.index]).fillna(0.0).loc[names]
    made = picture(
        "Missing features by day",
        "Share of the day's training rows without a value. A dark column is a day on which something failed to arrive.",
        1.3 + 0.24 * len(names),
    )
    axes = made.subplots()
    colours = LinearSegmentedColormap.from_list("missing", ["#ffffff", ORANGE, "#5a2a04"])
    axes.invert_yaxis()
    # A day reaches to the next one, and a feature half a row up and down.
    edges = [*shares.columns, shares.columns[-1] + pd.Timedelta(days=1)]
    found = axes.pcolormesh(
        edges, np.arange(len(names) + 1) - 0.5, shares.to_numpy(),
        cmap=colours, vmin=0, vmax=max(0.05, float(shares.to_numpy().max())), rasterized=True,
    )  # fmt: skip
    axes.set_yticks(
        range(len(names)),
        [f"{name}  {rare(share)}" for name, share in zip(names, mean_of(lacking, totals, names), strict=True)],
    )
    axes.grid(False)
    percent(made.colorbar(found, ax=axes, shrink=0.9, pad=0.01, label="missing").ax.yaxis)
    return made


def rare(share: float) -> str:
    """A share above 0 that is not told as 0."""
    return f"{share:.1%}" if share >= 0.001 else "< 0.1%"


def mean_of(lacking: pd.DataFrame, totals: pd.DataFrame, names: list[str]) -> list[float]:
    """The share of all rows in which features are missing."""
    return [float(lacking.loc[name].sum() / totals.loc[name].sum()) for name in names]


@styled
def label_by_feature(profile: Profile, kind: str) -> Picture:
    """How features are distributed, and the mean label in each cell, of the features along which that varies most.

    Args:
        profile: Of training rows.
        kind: Of the label.
    """
    chosen = strength(profile)["feature"].head(MOST_FEATURES)
    features = {one.name: one for one in profile.features}
    what = KINDS[kind].mean_label.format(label=profile.label)
    made = picture(
        f"How {profile.label} goes with features, the strongest first",
        "Grey bars: share of training rows in each cell, which is named by its least value. Blue: "
        f"{what}, with an interval of 95 % that takes rows to be independent. Dashed: of all rows. One feature at a time: no cause.",
        0.8 + 2.1 * -(-len(chosen) // 3),
    )
    for number, (axes, name) in enumerate(zip(grid_of(made, len(chosen), 3), chosen, strict=True)):
        panel(axes, profile, features[name], kind, what if number % 3 == 0 else "")
    return made


def panel(axes: Any, profile: Profile, feature: Feature, kind: str, what: str) -> None:
    """One feature: bars of rows, and the mean label above them."""
    counts = profile.counts[profile.counts["feature"] == feature.name].groupby("cell")[["rows", "labels"]].sum()
    whole = counts["rows"].sum()
    order = [cell for cell in profile.cells[feature.name].cells if cell in counts.index]
    if feature.type == "string" and len(order) > MOST_CELLS:
        order = list(counts.loc[order].nlargest(MOST_CELLS, "rows").index)
    counts = counts.loc[order]
    places, means = np.arange(len(order)), (counts["labels"] / counts["rows"]).to_numpy()
    background(axes, places, (counts["rows"] / whole).to_numpy())
    enough = (counts["rows"] >= FEWEST).to_numpy()
    # Neither categories nor what is missing are in an order that a line could follow.
    joined = enough & (np.array(order) != MISSING) & (feature.type != "string")
    axes.plot(places[joined], means[joined], color=BLUE, linewidth=1.2)
    axes.plot(places[enough], means[enough], "o", color=BLUE, markersize=3.6)
    axes.axhline(profile.rate, color=GREY, linestyle=DASHED, linewidth=1)
    interval = KINDS[kind].mean_label_interval
    if interval is not None:
        found = [interval(one.labels, one.rows, CONFIDENCE) for one in counts[enough].itertuples()]
        lows, highs = [one.low for one in found], [one.high for one in found]
        axes.vlines(places[enough], lows, highs, color=BLUE, alpha=0.5, linewidth=1.2)
    if KINDS[kind].percent:
        percent(axes.yaxis)
    name_cells(axes, [tick(profile.cells[feature.name], cell) for cell in order])
    axes.set_title(feature.name, fontsize=9.5)
    axes.set_ylabel(what)


def background(axes: Any, places: Any, shares: Any) -> None:
    """Bars of shares behind a panel, in its lower half and on a scale of their own."""
    behind = axes.twinx()
    behind.bar(places, shares, color=PALE_GREY, width=0.86, zorder=3)
    behind.set_ylim(0, max(shares) * 2.2)
    behind.set_axis_off()
    axes.set_zorder(behind.get_zorder() + 1)
    axes.patch.set_visible(False)


def name_cells(axes: Any, words: list[str]) -> None:
    """Ticks with the names of cells, aslant where they are long."""
    turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if max(map(len, words)) > 3 else {}
    axes.set_xticks(range(len(words)), words, **turned)
    axes.tick_params(axis="x", labelsize=7)
    axes.grid(False, axis="x")


def tick(reference: Reference, cell: str) -> str:
    """A cell in few letters: a number's bin by its least value, a category by its name."""
    if reference.categories or not cell.isdecimal():
        return cell.strip("()")
    edges, number = reference.edges, int(cell)
    if not edges:
        return "any"
    if number == 0:
        return f"< {edges[0]:.3g}"
    return f"{'≥ ' if number == len(edges) else ''}{edges[number - 1]:.3g}"


@styled
def strength_by_feature(profile: Profile) -> Picture:
    """How far apart the mean labels of each feature's cells are."""
    found = strength(profile).iloc[::-1]
    made = picture(
        f"How much {profile.label} varies along each feature",
        "Standard deviation of the mean label over the cells of a feature, weighted by rows. One feature at a time.",
        1.0 + 0.2 * len(found),
    )
    axes = made.subplots()
    axes.barh(found["feature"], found["strength"], color=BLUE, height=0.68)
    axes.set_xlabel(f"standard deviation of the mean of {profile.label}", color=SOFT)
    axes.margins(y=0.01)
    bars_only(axes)
    return made
