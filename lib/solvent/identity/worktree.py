"""Another commit's code beside this one's: a checkout of its own, and the suite run from there."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import yaml

from solvent.config.environment import Environment
from solvent.errors import IntegrityError

OF_INVESTIGATIONS = ("webhook", "show_rows")


@contextmanager
def worktree(root: Path, commit: str, whose: str) -> Iterator[Path]:
    """A checkout of a commit, removed afterwards.

    Args:
        root: A folder in the repository, or a bare repository.
        commit: Its full hash.
        whose: Names in errors what the commit is of.

    Raises:
        IntegrityError: If there is no repository, or it has no such commit.
    """
    # Importing it fails where there is no git, and only here is it needed.
    import git

    try:
        repository = git.Repo(root, search_parent_directories=True)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError):
        raise IntegrityError(
            f"{root}: is not in a git repository, and {whose} was made by other code ({commit[:12]})"
        ) from None
    with tempfile.TemporaryDirectory(prefix="solvent-") as scratch:
        folder = Path(scratch) / "code"
        try:
            repository.git.worktree("add", "--detach", str(folder), commit)
        except git.GitCommandError:
            raise IntegrityError(
                f"{whose}: its commit {commit} is not in the repository {repository.working_dir}; fetch it"
            ) from None
        try:
            yield folder
        finally:
            repository.git.worktree("remove", "--force", str(folder))


@contextmanager
def environment_file(environment: Environment) -> Iterator[Path]:
    """A file that says the same as an environment, with absolute paths, so that it means the same from any folder.

    Of what investigations need it says nothing: no other commit's code opens one, and that of earlier ones knows less of it.
    """
    with tempfile.TemporaryDirectory(prefix="solvent-") as scratch:
        path = Path(scratch) / f"{environment.name}.yml"
        document = environment.model_dump(
            mode="json", by_alias=True, exclude_none=True, exclude={"name", *OF_INVESTIGATIONS}
        )
        path.write_text(yaml.safe_dump(document))
        yield path


def solvent_of(folder: Path, words: Sequence[str]) -> int:
    """Runs a command of the suite with the code of a checkout; output goes where this process's goes.

    Returns:
        The exit code of that process.
    """
    command = [sys.executable, "-m", "solvent.cli", "--root", str(folder), *words]
    found = subprocess.run(command, cwd=folder, env=code_of(folder), check=False)  # noqa: S603 (this interpreter)
    return found.returncode


def code_of(folder: Path) -> dict[str, str]:
    """The environment variables with which a process imports the code of a checkout, and leaves nothing in it."""
    paths = [str(folder / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
