"""The columns of a feature build, and the names that are kept for others."""

from __future__ import annotations

from collections.abc import Sequence

from solvent.config.base import digest_of
from solvent.config.expressions import Column, require_name, taken_by
from solvent.config.project import Project
from solvent.errors import FeatureError
from solvent.features.group import Feature, FeatureGroup
from solvent.identity import Manifest

RESERVED = frozenset(
    {
        "build",
        "features",
        "label",
        "label_available_time",
        "prediction",
        "prediction_time",
        "probability",
        "rawPrediction",
    }
)
# Of these, a row has some before it has features.
JOINED = ("label", "label_available_time", "prediction_time")


def columns_of(project: Project, groups: Sequence[FeatureGroup]) -> list[Column]:
    """The columns of a build: key, slices, prediction time, label, features.

    Raises:
        FeatureError: If a slice is neither a feature nor known at prediction time.
    """
    features = {feature.name: feature.type.upper() for group in groups for feature in group.features}
    known = {
        column.name: column.type for column in project.predicted.columns if column.name in project.prediction.known
    }
    require_free(project, groups)
    carried = list(project.predicted.key)
    for name in project.evaluation.slices:
        if name not in features and name not in known:
            raise FeatureError(
                f"evaluation.slices: '{name}' is neither a feature nor a declared column in prediction.known; "
                f"features are: {', '.join(features)}"
            )
        if name not in features and name not in carried:
            carried.append(name)
    kept = [name for name in carried if taken_by(name, RESERVED)]
    if kept:
        raise FeatureError(f"column {kept[0]}: a key or slice of this name is kept for Solvent; land it by another one")
    return [
        *(Column(name, known[name]) for name in carried),
        Column("prediction_time", "TIMESTAMP"),
        Column("label", "DOUBLE"),
        Column("label_available_time", "TIMESTAMP"),
        *(Column(name, kind) for name, kind in features.items()),
    ]


def require_free(project: Project, groups: Sequence[FeatureGroup]) -> None:
    """Refuses names of features, and of what is known, that something else has already; letter case means nothing to Spark.

    Raises:
        FeatureError: Naming the feature or column.
    """
    known = project.prediction.known
    joined = [name for name in known if taken_by(name, JOINED)]
    if joined:
        raise FeatureError(f"prediction.known: the name {joined[0]} is kept for Solvent; derive it by another one")
    seen: list[str] = []
    for feature in (feature for group in groups for feature in group.features):
        try:
            require_name(feature.name)
        except ValueError as error:
            raise FeatureError(f"features: {error}") from None
        if taken_by(feature.name, RESERVED):
            raise FeatureError(f"feature {feature.name}: the name is kept for Solvent; rename it")
        if (one := taken_by(feature.name, [*known, *seen])) is not None:
            raise FeatureError(
                f"feature {feature.name}: there is a column {one} in prediction.known or in a group before"
            )
        seen.append(feature.name)


def declared(groups: Sequence[FeatureGroup]) -> list[Feature]:
    """All features in their order."""
    return [feature for group in groups for feature in group.features]


def feature_types(groups: Sequence[FeatureGroup]) -> dict[str, str]:
    """The columns of features, in their order -> their types."""
    return {feature.name: feature.type for feature in declared(groups)}


def features_of_model(groups: Sequence[FeatureGroup], manifest: Manifest) -> list[Feature]:
    """The features that a model uses."""
    return [feature for feature in declared(groups) if feature.name in manifest["estimator"]["inputs"]]


def table_of(columns: Sequence[Column]) -> str:
    """The table that holds builds with these columns."""
    return f"features_{digest_of([column.ddl for column in columns])[:12]}"
