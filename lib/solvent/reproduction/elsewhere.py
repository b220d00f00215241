"""A model made again with the code of its commit, in a checkout of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from solvent.config.environment import Environment
from solvent.errors import IntegrityError
from solvent.identity import LOCK, Manifest, code_digest, packages_of, unlike_lock
from solvent.identity.worktree import environment_file, solvent_of, worktree
from solvent.registry import ModelVersion


def present_code(manifest: Manifest) -> str:
    """The digest of the code that is imported here, of the packages the manifest is about."""
    return code_digest(*packages_of(manifest["project"], manifest.functions))


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
