"""The declaration of a feature group: what it reads, what it adds, and the pure function that adds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module

from pyspark.sql import DataFrame

from solvent.errors import FeatureError, SolventError
from solvent.failure import cause, place

TYPES = ("bigint", "boolean", "double", "int", "string")

Compute = Callable[[DataFrame, Mapping[str, DataFrame]], DataFrame]


@dataclass(frozen=True)
class Feature:
    """A column that a group adds.

    Attributes:
        name: The column.
        type: bigint, boolean, double, int or string; a string is a category, all others are numbers to a trainer.
        description: What it means, with its unit.
        low: No value is less.
        high: No value is greater.
    """

    name: str
    type: str
    description: str
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        """Refuses types that models cannot be trained on."""
        if self.type not in TYPES:
            raise FeatureError(f"feature {self.name}: type {self.type} is not one of {', '.join(TYPES)}")


@dataclass(frozen=True)
class FeatureGroup:
    """Features that are computed together.

    Attributes:
        name: Import path of the function.
        features: The columns it adds.
        sources: What it reads: source -> columns, besides event_time and available_time.
        look_back: How long before a row's prediction time a fact can have become available and still matter; None if it reads
            no source with times.
        compute: Adds the features to rows; see feature_group.
    """

    name: str
    features: tuple[Feature, ...]
    sources: Mapping[str, tuple[str, ...]]
    look_back: timedelta | None
    compute: Compute


def feature_group(
    *,
    features: Sequence[Feature],
    sources: Mapping[str, Sequence[str]] | None = None,
    look_back: timedelta | None = None,
) -> Callable[[Compute], FeatureGroup]:
    """Declares that a function computes a feature group.

    The function is given rows (the key, the columns known at prediction time, prediction_time TIMESTAMP, the features of the groups
    before it) and the sources it declares (source -> the columns it declares, event_time TIMESTAMP, available_time TIMESTAMP). It
    returns rows with exactly its features added. Sources are not filtered by time: a fact may be used only if its available_time is
    before the row's prediction_time, strictly. as_of_lookup and trailing_sums keep to that; truncation_proof tests it,
    and reach_proof that nothing matters that is older than look_back.

    Args:
        features: The columns the function adds.
        sources: Source -> the columns it reads.
        look_back: See FeatureGroup.
    """

    def declared(compute: Compute) -> FeatureGroup:
        name = f"{compute.__module__}.{compute.__name__}"
        if not all(isinstance(feature, Feature) for feature in features):
            raise FeatureError(f"{name}: features is not a list of Feature")
        if any(isinstance(names, str) for names in (sources or {}).values()):
            raise FeatureError(f"{name}: sources does not give a list of columns for each source")
        if look_back is not None and not isinstance(look_back, timedelta):
            raise FeatureError(f"{name}: look_back is not a timedelta")
        columns = {source: tuple(names) for source, names in (sources or {}).items()}
        return FeatureGroup(name, tuple(features), columns, look_back, compute)

    return declared


def load_groups(paths: Sequence[str]) -> tuple[FeatureGroup, ...]:
    """The feature groups at import paths, as a project names them.

    Raises:
        FeatureError: If there is none at a path.
    """
    return tuple(load_group(path) for path in paths)


def load_group(path: str) -> FeatureGroup:
    """The feature group at an import path."""
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name, None)
    except SolventError:
        raise
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise FeatureError(f"feature group {path}: {module} imports {error.name}, which is not there") from error
        raise FeatureError(
            f"feature group {path}: there is no module {error.name}; correct the path in model.yml"
        ) from None
    # Also that it ends the process, which is not its business.
    except (Exception, SystemExit) as error:
        raise FeatureError(
            f"feature group {path}: {module} cannot be imported: {cause(error)}{place(error)}"
        ) from error
    if not isinstance(found, FeatureGroup):
        what = "nothing" if found is None else f"a {type(found).__name__}"
        raise FeatureError(
            f"feature group {path}: {module} has {what} of that name; decorate a function with @feature_group"
        )
    return found
