"""Who made a model, from what, with what: commit, code, environment, manifest, and digest."""

from solvent.identity.calculation import calculation_of
from solvent.identity.code import Commit, code_digest, commit_of, package_folder, unpushed
from solvent.identity.functions import function_digests
from solvent.identity.manifest import FORMAT, Manifest, parse_manifest
from solvent.identity.modules import packages_of
from solvent.identity.runtime import (
    LOCK,
    environment_facts,
    java_here,
    java_of,
    lock_remark,
    require_locked,
    unlike_lock,
)

__all__ = [
    "FORMAT",
    "LOCK",
    "Commit",
    "Manifest",
    "calculation_of",
    "code_digest",
    "commit_of",
    "environment_facts",
    "function_digests",
    "java_here",
    "java_of",
    "lock_remark",
    "package_folder",
    "packages_of",
    "parse_manifest",
    "require_locked",
    "unlike_lock",
    "unpushed",
]
