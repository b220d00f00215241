"""From rows to rows with features: groups one after the other, each held to its declaration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame

from solvent.config.source import TIMES
from solvent.errors import FeatureError, SolventError
from solvent.failure import cause, place
from solvent.features.group import FeatureGroup


def build(rows: DataFrame, groups: Sequence[FeatureGroup], sources: Mapping[str, DataFrame]) -> DataFrame:
    """Adds the features of every group. Reads no data.

    Args:
        rows: The key, the columns known at prediction time, prediction_time TIMESTAMP.
        groups: In the order in which they may use one another's features.
        sources: Source -> facts with event_time TIMESTAMP and available_time TIMESTAMP; they may hold more than a group declares.

    Returns:
        rows with all features, in the order declared.

    Raises:
        FeatureError: If a group reads or adds what it does not declare, naming group and column.
    """
    for group in groups:
        rows = added(rows, group, sources)
    return rows


def added(rows: DataFrame, group: FeatureGroup, sources: Mapping[str, DataFrame]) -> DataFrame:
    """Adds the features of one group."""
    there = [feature.name for feature in group.features if feature.name in rows.columns]
    if there:
        raise FeatureError(f"{group.name}: adds {there[0]}, but rows have a column of that name; rename the feature")
    given = {source: declared_facts(group, source, sources) for source in group.sources}
    try:
        result = group.compute(rows, given)
        if not isinstance(result, DataFrame):
            raise FeatureError(f"{group.name}: returns a {type(result).__name__}; return rows with its features")
        found_schema = result.schema
    except SolventError:
        raise
    except AnalysisException as error:
        raise FeatureError(f"{group.name}: {cause(error)}; it may read what it declares, and nothing else") from None
    except KeyError as error:
        raise FeatureError(
            f"{group.name}: reads {error}, which it does not declare; it declares: {', '.join(given) or 'none'}"
        ) from None
    # Also that it ends the process, which is not its business.
    except (Exception, SystemExit) as error:
        raise FeatureError(f"{group.name}: {cause(error)}{place(error)}") from error
    expected = {field.name: field.dataType.simpleString() for field in rows.schema}
    expected.update({feature.name: feature.type for feature in group.features})
    found = {field.name: field.dataType.simpleString() for field in found_schema}
    for name in [*expected, *found]:
        if found.get(name) != expected.get(name):
            raise FeatureError(
                f"{group.name}: column {name} is expected to be {expected.get(name, 'absent')}, but is "
                f"{found.get(name, 'absent')}; correct the function or its declaration"
            )
    if len(result.columns) != len(expected):
        raise FeatureError(f"{group.name}: returns two columns of one name: {', '.join(result.columns)}")
    return result.select(*expected)


def declared_facts(group: FeatureGroup, source: str, sources: Mapping[str, DataFrame]) -> DataFrame:
    """The columns of a source that a group declares, and no others."""
    if source not in sources:
        raise FeatureError(
            f"{group.name}: reads the source {source}; there are: {', '.join(sorted(sources)) or 'none'}"
        )
    columns = [*group.sources[source], *TIMES]
    missing = [name for name in columns if name not in sources[source].columns]
    if missing:
        found = ", ".join(sources[source].columns)
        raise FeatureError(f"{group.name}: reads {missing[0]} of the source {source}, which has: {found}")
    return sources[source].select(*dict.fromkeys(columns))
