"""Which code this is: the git commit it was checked out from, and the digest of what is really there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
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


def package_folder(package: str) -> Path:
    """Where an importable package is."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"there is no package {package}", name=package)
    return Path(spec.submodule_search_locations[0])


def packages_of(project: str, functions: Iterable[str]) -> tuple[str, ...]:
    """The packages that make a project's models: the suite's, its own, and those that its feature functions are taken from."""
    return tuple(sorted({"solvent", project, *(path.split(".")[0] for path in functions)}))


def code_digest(*packages: str) -> str:
    """SHA-256 over the path and the content of every Python file of packages, as they would be imported."""
    digest = hashlib.sha256()
    for package in sorted(packages):
        folder = package_folder(package)
        for path in sorted(folder.rglob("*.py")):
            name = f"{package}/{path.relative_to(folder).as_posix()}"
            digest.update(f"{name}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return digest.hexdigest()
