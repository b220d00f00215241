"""The values of a stream over a life, as it is judged."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from solvent.monitoring.drift import concentrations
from solvent.monitoring.performance import performance
from solvent.monitoring.streams import Stream, against_whole
from solvent.monitoring.verdict import stream_of, value_of, volume, volumes
from solvent.registry import ModelVersion
from solvent.tables import Warehouse


def series_of(
    warehouse: Warehouse, version: ModelVersion, stream: Stream, life: Sequence[date], as_of: date
) -> list[tuple[date, float | None, bool]]:
    """The value of a stream, as it is judged, in every window it has one up to the end of a life, and whether the window is judged.

    Args:
        warehouse: The project's tables.
        version: The model.
        stream: Which.
        life: The windows that are judged, in order.
        as_of: What was measured later does not count.
    """
    known: dict[date, float | None]
    if stream.of_feature:
        measured = concentrations(warehouse, version, as_of)
        known = {window: value for (window, feature), (_, value) in measured.items() if feature == stream.slice_value}
    elif stream.of_volume:
        known = {**dict.fromkeys(life, volume(0)), **volumes(performance(warehouse, version, as_of))}
    else:
        found: dict[Stream, dict[date, float | None]] = {stream.whole: {}, stream: {}}
        for (_, window, slice, value, metric), latest in performance(warehouse, version, as_of).items():
            if (where := stream_of(metric, slice, value)) in found:
                found[where][window] = value_of(where, latest)
        windows = list(found[stream])
        values = against_whole({one: [of.get(window) for window in windows] for one, of in found.items()})[stream]
        known = dict(zip(windows, values, strict=True))
    return [(window, known[window], window >= life[0]) for window in sorted(known) if window <= life[-1]]
