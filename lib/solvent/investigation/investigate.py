"""Looking into an alarm: its headline, what carries the change, what else changed, and rows to look at."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from pyspark.sql import Column as Expression
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from solvent.config.base import midnight
from solvent.config.project import Project
from solvent.errors import EvaluationError
from solvent.features import Feature, FeatureGroup
from solvent.features.columns import declared
from solvent.features.profile import Reference, cell_of, stored_references
from solvent.identity import Manifest
from solvent.investigation.causes import Analysis, analyse, lost_rows
from solvent.investigation.cells import FEATURE, PREDICTION, cell_sums, splits_of
from solvent.investigation.changes import Change, changes
from solvent.investigation.examples import Span, around, rows_around, scope_of
from solvent.investigation.investigation import OPENED, Investigation, investigation_id
from solvent.investigation.periods import Part
from solvent.investigation.wording import place, said
from solvent.kinds.slices import ALL, quoted, slice_value
from solvent.monitoring import Monitored
from solvent.monitoring.detector import VOLUME
from solvent.monitoring.deviation import Finding
from solvent.monitoring.drift import concentrations
from solvent.monitoring.performance import performance
from solvent.monitoring.streams import Stream, against_whole
from solvent.monitoring.verdict import deviation_of, stream_of, value_of, volume, volumes
from solvent.registry import ModelVersion
from solvent.session import kept
from solvent.sources.pins import Pin
from solvent.tables import Warehouse

MOST_EXAMPLES, MOST_SHOWN = 10, 6
OF_ROW = "the row itself"


@dataclass(frozen=True)
class Examples:
    """The rows with the largest loss where the change is strongest: names of columns, and values as text."""

    where: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Look:
    """What the rows before a change and since show.

    Attributes:
        scope: The slice value that is looked at, if only that deviates; "" if all rows are.
        analysis: What carries the change.
        examples: Rows.
        references: Feature -> its cells.
    """

    scope: str
    analysis: Analysis
    examples: Examples
    references: Mapping[str, Reference]


@dataclass(frozen=True)
class Dossier:
    """All that is known of an alarm.

    Attributes:
        investigation: As it is opened, with no report yet.
        headline: The stream that is looked into: of the whole, unless only slices deviate.
        series: Its value on every day from the reference to the last day, with whether the day is judged.
        scope: The slice value that is looked at, if only that deviates; "" if all rows are.
        analysis: What carries the change.
        changes: What else changed.
        examples: Rows.
        references: Feature -> its cells.
    """

    investigation: Investigation
    headline: Finding
    series: Sequence[tuple[date, float | None, bool]]
    scope: str
    analysis: Analysis
    changes: Sequence[Change]
    examples: Examples
    references: Mapping[str, Reference]


def headline_of(monitored: Monitored) -> Finding:
    """The stream to look into: the first of the whole that deviates, or of a slice if the whole does not."""
    found = [one for one in monitored.verdict.findings if one.alarm is not None]
    if not found:
        raise EvaluationError(f"{monitored.version}: nothing deviates, so there is nothing to investigate")
    return min(found, key=lambda one: (one.stream.slice != ALL, one.alarm or 0, one.p_value, -one.e_value))


def investigate(
    warehouse: Warehouse,
    project: Project,
    groups: Sequence[FeatureGroup],
    manifest: Manifest,
    monitored: Monitored,
    holdout: Callable[[], DataFrame],
    pins: Sequence[Pin],
    as_of: date,
) -> Dossier:
    """Looks into the alarm of a model.

    Args:
        warehouse: The project's tables.
        project: Declares features, slices and label.
        groups: Its feature groups.
        manifest: Of the model.
        monitored: What monitoring found; something deviates.
        holdout: Gives the rows of the model's holdout: key, slices, features, prediction_time, prediction, label.
        pins: The versions of the sources that labels are read from.
        as_of: Labels count that were available before it.

    Raises:
        EvaluationError: If there are too few days to compare.
    """
    version, headline, life = monitored.version, headline_of(monitored), monitored.life
    first = monitored.verdict.alarm
    if headline.change is None or first is None:
        raise EvaluationError(f"{version}: an alarm without a change point")
    length = project.monitoring.length
    span = around(life[headline.change.window], life[first] + length, life[-1] + length)
    looked = look(warehouse, project, groups, version, manifest, headline.stream, span, holdout, pins, as_of)
    beside = changes(warehouse, project, version, manifest, looked.analysis, span, as_of)
    opened = Investigation(
        id=investigation_id(version.digest, life[first]),
        state=OPENED,
        model=version.name,
        model_version=version.version,
        model_digest=version.digest,
        as_of=as_of,
        alarm=life[first],
        change=span.change,
        change_low=life[headline.change.low],
        change_high=life[headline.change.high],
        findings=findings_of(monitored),
        causes=said(looked.analysis, looked.references, beside),
        changes=[vars(one) for one in beside],
        reason="",
        report="",
    )
    series = series_of(warehouse, version, headline.stream, life, as_of)
    return Dossier(opened, headline, series, looked.scope, looked.analysis, beside, looked.examples, looked.references)


def look(
    warehouse: Warehouse,
    project: Project,
    groups: Sequence[FeatureGroup],
    version: ModelVersion,
    manifest: Manifest,
    stream: Stream,
    span: Span,
    holdout: Callable[[], DataFrame],
    pins: Sequence[Pin],
    as_of: date,
) -> Look:
    """Looks at the rows before a change and since; see investigate for what it is given.

    Args:
        warehouse: The project's tables.
        project: Declares features, slices and label.
        groups: Its feature groups.
        version: The model.
        manifest: Of the model.
        stream: What deviates.
        span: The days that are compared.
        holdout: Gives the rows of the model's holdout.
        pins: The versions of the sources that labels are read from.
        as_of: Labels count that were available before it.
    """
    used = [one for one in declared(groups) if one.name in manifest["estimator"]["inputs"]]
    scope, within = scope_of(stream)
    found = rows_around(warehouse, project, groups, version, manifest, holdout, pins, used, span, as_of)
    rows = found.where(within)
    references = stored_references(warehouse, version.digest)
    with kept(rows):
        parted_by = [*used, Feature(PREDICTION, "double", "What the model predicts")]
        sums = cell_sums(rows, references, parted_by, project.evaluation.slices).collect()
        days, splits = splits_of(sums)
        if stream.metric == VOLUME:
            analysis = lost_rows(days, splits, span.change, span.end, project.prediction.source)
            return Look(scope, analysis, Examples("", (), ()), references)
        analysis = analyse(days, splits, span.change, sources_of(groups), project.model.kind)
        examples = examples_of(rows, project.predicted.key, used, references, analysis, span)
    return Look(scope, analysis, examples, references)


def sources_of(groups: Sequence[FeatureGroup]) -> dict[str, str]:
    """Feature -> the sources that its group declares, in words."""
    return {feature.name: " and ".join(group.sources) or OF_ROW for group in groups for feature in group.features}


def findings_of(monitored: Monitored) -> list[dict[str, Any]]:
    """What deviates, as JSON values, what is surest first."""
    found = sorted((one for one in monitored.verdict.findings if one.deviates), key=lambda one: one.p_value)
    rows = [vars(deviation_of(one, monitored.life)) for one in found]
    values: list[dict[str, Any]] = json.loads(json.dumps(rows, default=str))
    return values


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
    elif stream.metric == VOLUME:
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


def examples_of(
    rows: DataFrame,
    key: Sequence[str],
    features: Sequence[Feature],
    references: Mapping[str, Reference],
    analysis: Analysis,
    span: Span,
) -> Examples:
    """The rows since the change with the largest loss in the part that carries most, with the features that moved."""
    first = analysis.causes[0]
    part = first.parts[0] if first.parts else None
    shown = list(first.features or dict.fromkeys(one.name for one in analysis.regions if one.kind == FEATURE))
    shown = (shown or [one.name for one in features])[:MOST_SHOWN]
    of_row = {"prediction_time": F.date_format("prediction_time", "yyyy-MM-dd HH:mm")}
    of_row |= {name: F.format_string("%.4f", F.col(name)) for name in ("prediction", "label", "loss")}
    names = list(dict.fromkeys([*key, *of_row, *shown]))
    values = [F.coalesce(of_row.get(name, quoted(name).cast("string")), F.lit("missing")).alias(name) for name in names]
    since = rows.where((F.col("prediction_time") >= F.lit(midnight(span.change))) & within(part, features, references))
    found = since.orderBy(F.desc("loss"), *(quoted(name) for name in key)).limit(MOST_EXAMPLES)
    where = "" if part is None else place(part, references)
    return Examples(where, tuple(names), tuple(tuple(row) for row in found.select(*values).collect()))


def within(part: Part | None, features: Sequence[Feature], references: Mapping[str, Reference]) -> Expression:
    """Whether a row is in a part."""
    if part is None:
        return F.lit(True)
    if part.kind != FEATURE:
        return slice_value(part.name) == part.cell
    feature = next(one for one in features if one.name == part.name)
    return cell_of(feature, references[part.name]) == part.cell
