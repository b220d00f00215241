"""Which code this is: the git commit it was checked out from, and the digest of what is really there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True)
class Commit:
    """The state of a working tree: full commit hash, branch (None if detached), and whether a file differs from the commit."""

    hash: str | None
    branch: str | None
    dirty: bool


def commit_of(root: Path) -> Commit:
    """The commit of the working tree that holds a folder; without hash, and dirty, where there is no git repository."""
    try:
        # Importing it fails where there is no git, and what needs no commit works there.
        import git
    except ImportError:
        return Commit(None, None, True)
    try:
        repository = git.Repo(root, search_parent_directories=True)
        commit = repository.head.commit.hexsha
    except (git.InvalidGitRepositoryError, git.NoSuchPathError, ValueError):
        return Commit(None, None, True)
    branch = None if repository.head.is_detached else repository.active_branch.name
    return Commit(commit, branch, repository.is_dirty(untracked_files=True))


def package_folder(package: str) -> Traversable:
    """Where an importable package is: a folder, or a place in a wheel that was shipped to where this runs."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"there is no package {package}", name=package)
    return files(package)


def code_digest(*packages: str) -> str:
    """SHA-256 over the path and the content of every Python file of packages, as they would be imported."""
    digest = hashlib.sha256()
    for package in sorted(packages):
        for path, content in sorted(python_files(package_folder(package), (package,))):
            digest.update(f"{'/'.join(path)}\n{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def python_files(folder: Traversable, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], bytes]]:
    """Path and content of every Python file below a folder."""
    for found in folder.iterdir():
        if found.is_dir():
            yield from python_files(found, (*path, found.name))
        elif found.name.endswith(".py"):
            yield (*path, found.name), found.read_bytes()
