"""Features: declared groups of pure functions that see only what was available before prediction time."""

from solvent.features.build import build
from solvent.features.group import Feature, FeatureGroup, feature_group, load_groups
from solvent.features.reach import Overreach, reach_proof
from solvent.features.truncation import Leak, require_no_leak, truncation_proof
from solvent.timeline.point_in_time import as_of_lookup, trailing_sums, trailing_sums_by

__all__ = [
    "Feature",
    "FeatureGroup",
    "Leak",
    "Overreach",
    "as_of_lookup",
    "build",
    "feature_group",
    "load_groups",
    "reach_proof",
    "require_no_leak",
    "trailing_sums",
    "trailing_sums_by",
    "truncation_proof",
]
