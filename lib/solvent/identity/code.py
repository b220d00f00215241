"""Which code this is: the git commit it was checked out from, and the digest of what is really there."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from solvent.config.base import first_of

# setup.py writes it into a wheel: commit, branch, dirty, and file -> SHA-256 of what was below conf/.
BUILT_FROM = "built_from.json"


@dataclass(frozen=True)
class Commit:
    """The state of a working tree.

    Attributes:
        hash: Of the commit, in full; None where there is none.
        branch: None if none is checked out.
        dirty: Whether a file differs from the commit.
        changed: Those that do, where this is a working tree.
    """

    hash: str | None
    branch: str | None
    dirty: bool
    changed: tuple[str, ...] = ()

    @property
    def lacks(self) -> str:
        """What is wrong with a dirty working tree, said of it."""
        if self.hash is not None:
            return uncommitted(self.changed)
        return (
            "is in no git repository"
            if shutil.which("git")
            else "has no commit that can be told: there is no git on PATH"
        )


def uncommitted(changed: Sequence[str]) -> str:
    """That a working tree differs from its commit, said of it, with the first of the files that do."""
    return "has changes that no commit holds" + (f" ({first_of(changed)})" if changed else "")


def commit_of(root: Path) -> Commit:
    """The commit of the working tree that holds a folder; where there is no git repository, the one that a wheel was built from.

    Without hash, and dirty, where there is neither.
    """
    try:
        # Importing it fails where there is no git, and what needs no commit works there.
        import git
    except ImportError:
        return commit_of_wheel(root)
    try:
        repository = git.Repo(root, search_parent_directories=True)
        commit = repository.head.commit.hexsha
    except (git.InvalidGitRepositoryError, git.NoSuchPathError, ValueError):
        return commit_of_wheel(root)
    branch = None if repository.head.is_detached else repository.active_branch.name
    changed = changed_files(repository)
    return Commit(commit, branch, bool(changed), changed)


def unpushed(root: Path, commit: str | None) -> bool:
    """Whether the repository that holds a folder has remotes, and no branch of theirs holds a commit."""
    try:
        import git
    except ImportError:
        return False
    try:
        repository = git.Repo(root, search_parent_directories=True)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError):
        return False
    if commit is None or not repository.remotes:
        return False
    try:
        return not repository.git.branch("--remotes", "--contains", commit)
    except git.GitCommandError:
        # It is not even here.
        return True


def changed_files(repository: Any) -> tuple[str, ...]:
    """The files and folders of a working tree that its commit does not hold as they are; what git ignores is none of them."""
    listed = repository.git.status("--porcelain", "-z", "--no-renames", "--untracked-files=normal")
    return tuple(line[3:] for line in listed.split("\0") if line)


def commit_of_wheel(root: Path) -> Commit:
    """The commit that this code was built from as a wheel; dirty if conf/ is not what it was then."""
    facts = package_folder("solvent").joinpath(BUILT_FROM)
    if not facts.is_file():
        return Commit(None, None, True)
    built = json.loads(facts.read_text(encoding="utf-8"))
    configured = (path for path in (root / "conf").rglob("*") if path.is_file())
    found = {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in configured}
    return Commit(built["commit"], built["branch"], built["dirty"] or found != built["conf"])


def package_folder(package: str) -> Traversable:
    """Where an importable package is: a folder, or a place in a wheel that was shipped to where this runs."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"there is no package {package}", name=package)
    folder = Path(spec.submodule_search_locations[0])
    if folder.is_dir():
        return folder
    archive = next(parent for parent in folder.parents if parent.is_file())
    return zipfile.Path(archive, f"{folder.relative_to(archive).as_posix()}/")


def code_digest(*packages: str) -> str:
    """SHA-256 over the path and the content of every file of packages, as they would be imported and read."""
    return files_digest(file for package in sorted(packages) for file in files_of(package))


def files_digest(files: Iterable[tuple[str, bytes]]) -> str:
    """SHA-256 over paths and contents."""
    digest = hashlib.sha256()
    for path, content in files:
        digest.update(f"{path}\n{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def files_of(package: str) -> list[tuple[str, bytes]]:
    """Path and content of every file of a package, or of a module beside it; but of what Python, an editor or a wheel adds to it."""
    try:
        return sorted(files_below(package_folder(package), package))
    except ModuleNotFoundError:
        spec = find_spec(package)
        alone = spec is not None and spec.has_location and spec.origin
        return [(f"{package}.py", Path(str(alone)).read_bytes())] if alone else []


def files_below(folder: Traversable, path: str) -> Iterator[tuple[str, bytes]]:
    """Path and content of every file below a folder."""
    for found in folder.iterdir():
        if (
            found.name.startswith(".")
            or found.name in (BUILT_FROM, "__pycache__")
            or found.name.endswith((".pyc", "~"))
        ):
            continue
        if found.is_dir():
            yield from files_below(found, f"{path}/{found.name}")
        else:
            yield f"{path}/{found.name}", found.read_bytes()
