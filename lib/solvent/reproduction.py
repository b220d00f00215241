"""Proof that a model can be made again: inputs, features, model and predictions rebuilt from its manifest, and compared by digest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from solvent.analysis import require_analysed
from solvent.config.base import counted, digest_of, validated
from solvent.config.environment import Environment
from solvent.config.project import Project
from solvent.errors import IntegrityError, SolventError
from solvent.estimators.spark_ml import Inputs, fit
from solvent.failure import cause
from solvent.features import load_groups
from solvent.features.table import columns_of, content_digest, declared, featured
from solvent.identity import (
    LOCK,
    Commit,
    Manifest,
    calculation_of,
    code_digest,
    environment_facts,
    java_of,
    packages_of,
    unlike_lock,
)
from solvent.identity.worktree import environment_file, solvent_of, worktree
from solvent.registry import ModelVersion, Registry
from solvent.session import SPARK_ERRORS, kept
from solvent.sources.pins import Pin, read_source, read_sources, verified_content
from solvent.tables.warehouse import Warehouse
from solvent.training import (
    SearchResult,
    Training,
    estimator_of,
    manifest_in_both,
    score_holdout,
    searched,
)

# What is compared before anything is made; where it differs, the rest need not come out alike.
MADE_WITH = ("code", "environment", "arithmetic", "settings")


@dataclass(frozen=True)
class Finding:
    """What one part of a model is, made again: whether it is the same (None if the manifest does not tell), and what was compared."""

    part: str
    identical: bool | None
    detail: str


def present_code(manifest: Manifest) -> str:
    """The digest of the code that is imported here, of the packages the manifest is about."""
    return code_digest(*packages_of(manifest["project"], manifest.functions))


def reproduce(
    spark: SparkSession, environment: Environment, registry: Registry, version: ModelVersion, root: Path
) -> Iterator[Finding]:
    """Makes a model again with the code that is imported here, and compares each part as it is made.

    Inputs that differ end the comparison, as all else follows from them. Nothing is written.

    Args:
        spark: A session.
        environment: Where tables and models are.
        registry: The project's models.
        version: The model.
        root: The folder that holds requirements.lock.

    Yields:
        Findings: those of MADE_WITH, inputs, features, search if there was one, model, predictions.

    Raises:
        IntegrityError: If the manifest was changed.
    """
    warehouse = Warehouse(lambda: spark, environment.tables, registry.project)
    manifest = manifest_in_both(warehouse, registry, version)
    # Its expressions are held to what those of a file are.
    project = validated(Project, manifest["configuration"]["resolved"], Path(f"manifest of {version}"))
    require_analysed(spark, project, Path(f"manifest of {version}"), earlier=True)
    yield compared("code", manifest["code"], present_code(manifest))
    here = environment_facts(java_of(spark), root)
    yield environment_finding(manifest["environment"], here)
    yield from calculation_findings(manifest.calculation, calculation_of(spark))
    pins = tuple(Pin(**pin) for pin in manifest["pins"])
    inputs = list(input_findings(warehouse, project, pins))
    yield from inputs
    if not all(finding.identical for finding in inputs):
        return
    training = training_again(warehouse, project, pins, manifest, here)
    with kept(training.rows) as rows:
        columns = columns_of(project, load_groups(project.features))
        yield compared("features", manifest["features"]["digest"], content_digest(rows, columns))
        if manifest.search is not None:
            yield search_finding(manifest.search, searched(training))
        model = fit(training.train_rows, training.estimator, training.inputs, project.predicted.key)
        yield compared("model", manifest["model_digest"], registry.digest(model))
        yield compared("predictions", manifest["predictions_digest"], score_holdout(training, model).predictions_digest)


def compared(part: str, recorded: str, found: str) -> Finding:
    """Two digests of one part."""
    if recorded == found:
        return Finding(part, True, f"sha256 {found}")
    return Finding(part, False, f"recorded {recorded}, found {found}")


def environment_finding(recorded: Mapping[str, str], here: Mapping[str, str]) -> Finding:
    """What differs between the environment of the training and this one; what older manifests did not record is said to be so."""
    said = differing(recorded, here, recorded)
    same = f"Python {here['python']}, pyspark {here['pyspark']}, Java {here['java']}, {here['cpu']}"
    unrecorded = sorted(here.keys() - recorded.keys())
    told = [said or same, *([f"not recorded: {', '.join(unrecorded)}"] if unrecorded else [])]
    return Finding("environment", not said, "; ".join(told))


def calculation_findings(
    recorded: Mapping[str, Mapping[str, str]] | None, here: Mapping[str, Mapping[str, str]]
) -> Iterator[Finding]:
    """What differs between how the session of the training calculated and how this one does."""
    for part, is_now in here.items():
        if recorded is None:
            yield Finding(part, None, "not recorded, as the manifest is older")
            continue
        was = recorded[part]
        said = differing(was, is_now, was.keys() | is_now.keys())
        same = ", ".join(f"{name} {value}" for name, value in is_now.items()) or "not told here, nor then"
        yield Finding(part, not said, said or same)


def differing(recorded: Mapping[str, str], here: Mapping[str, str], names: Iterable[str]) -> str:
    """Those of some facts that differ; empty if none does."""
    return "; ".join(
        f"{name} was {recorded.get(name, 'none')}, is {here.get(name, 'none')}"
        for name in sorted(names)
        if recorded.get(name) != here.get(name)
    )


def caveats_elsewhere(manifest: Manifest, root: Path) -> Iterator[str]:
    """What is known, before old code runs, of why it may not make the same.

    Args:
        manifest: Of the model.
        root: A checkout of its commit.
    """
    unlike = unlike_lock(root)
    if unlike:
        yield (
            f"its commit pins other packages in {LOCK} than are installed here, with which its code will run: "
            f"{', '.join(map(str, unlike))}"
        )
    if manifest.calculation is None:
        yield (
            "its code lets each machine calculate as it does fastest, and its manifest does not record how: sums may differ in their "
            "last bits on another processor, or where a native BLAS is found"
        )


def search_finding(recorded: Mapping[str, Any], again: SearchResult | None) -> Finding:
    """What differs between the recorded search and the same one made again."""
    found = again.model_dump(mode="json") if again is not None else {}
    differing = [name for name in sorted(recorded.keys() | found.keys()) if recorded.get(name) != found.get(name)]
    if not differing:
        return Finding("search", True, f"sha256 {digest_of(found)}")
    told = "; ".join(f"{name} recorded {recorded.get(name)}, found {found.get(name)}" for name in differing)
    return Finding("search", False, told)


def input_findings(warehouse: Warehouse, project: Project, pins: tuple[Pin, ...]) -> Iterator[Finding]:
    """Reads all of every pinned version."""
    for pin in pins:
        part, source = f"input {pin.source}", project.sources[pin.source]
        where = f"version {pin.version} of {counted(pin.rows, 'row')}"
        try:
            read_source(warehouse, source, pin)
            found = verified_content(warehouse, source, pin)
        except (SolventError, *SPARK_ERRORS) as error:
            yield Finding(part, False, f"{where} cannot be read: {cause(error)}")
            continue
        if found == pin.digest:
            yield Finding(part, True, f"{where}, sha256 {found[:16]}")
        else:
            yield Finding(part, False, f"{where}: content recorded {pin.digest}, found {found}")


def training_again(
    warehouse: Warehouse, project: Project, pins: tuple[Pin, ...], manifest: Manifest, here: Mapping[str, str]
) -> Training:
    """The training of a manifest, with its features rebuilt from the pins instead of read."""
    as_of = date.fromisoformat(manifest["as_of"])
    windows = manifest.windows
    groups = load_groups(project.features)
    sources = read_sources(warehouse, project, pins)
    rows = featured(project, groups, sources, windows.train_start, windows.holdout_end)
    names = manifest["estimator"]["inputs"]
    types = {feature.name: feature.type for feature in declared(groups)}
    commit = manifest["commit"]
    return Training(
        project=project,
        name=manifest["model"],
        estimator=estimator_of(manifest),
        inputs=Inputs.of({name: types[name] for name in names}),
        types=types,
        rows=rows,
        build=manifest["features"],
        pins=pins,
        as_of=as_of,
        windows=windows,
        code=manifest["code"],
        functions=manifest.functions,
        measuring="",
        commit=Commit(commit["hash"], commit["branch"], commit["dirty"]),
        environment=here,
    )


def reproduce_elsewhere(
    environment: Environment, manifest: Manifest, version: ModelVersion, root: Path, say: Callable[[str], None]
) -> int:
    """Makes a model again with the code of its commit, in a worktree of its own; output goes where this process's goes.

    Args:
        environment: Where tables and models are.
        manifest: Of the model.
        version: The model.
        root: A folder in the repository.
        say: Told beforehand why it may come out another.

    Returns:
        The exit code of that process.

    Raises:
        IntegrityError: If the commit cannot be checked out.
    """
    commit = manifest["commit"]["hash"]
    if commit is None:
        raise IntegrityError(f"{version}: its manifest names no commit, so that its code cannot be had")
    with worktree(root, commit, str(version)) as folder, environment_file(environment) as path:
        for caveat in caveats_elsewhere(manifest, folder):
            say(caveat)
        command = [
            *("reproduce", "--here", "--project", manifest["project"]),
            *("--environment", str(path), "--model", str(version.version)),
        ]
        if version.name != manifest["project"]:
            command.append("--baseline")
        return solvent_of(folder, command)
