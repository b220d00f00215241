"""Deployment from a git repository: which commit, one at a time, with its own code, and a note on it of what came of it."""

from __future__ import annotations

import fcntl
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from solvent.config.deploy import RELEASE_BRANCH
from solvent.config.environment import Environment, load_environment
from solvent.config.project import load_project
from solvent.errors import ConfigurationError, RefusedError
from solvent.identity.code import changed_files, uncommitted
from solvent.identity.worktree import environment_file, solvent_of, worktree

NOTES = "solvent"
IDENTITY = {
    "GIT_AUTHOR_NAME": "solvent",
    "GIT_AUTHOR_EMAIL": "solvent@localhost",
    "GIT_COMMITTER_NAME": "solvent",
    "GIT_COMMITTER_EMAIL": "solvent@localhost",
}


@dataclass(frozen=True)
class Request:
    """What is to be deployed.

    Attributes:
        repository: A working tree or a bare repository.
        revision: A commit, as git names it; the tip of the release branch if none is given.
        project: Folder of conf/.
        environment: Name of a file in conf/environments of the commit, or a path.
        root: The folder against which relative paths of the environment are taken.
        branch: The branch that releases are made from; what the last deployment says if none is given.
        options: More options of `solvent deploy-here`.
    """

    repository: Path
    revision: str | None
    project: str
    environment: str
    root: Path
    branch: str | None = None
    options: Sequence[str] = ()


def deploy(request: Request, say: Callable[[str], None]) -> int:
    """Deploys a commit with its own code, in a checkout of its own, when no other deployment of the project is under way.

    Returns:
        The exit code of the deployment: 0 if it is released, or there was nothing to do; 3 if it was refused; 1 if it failed.

    Raises:
        ConfigurationError: If there is no such repository, commit or project.
        RefusedError: If the working tree has changes, or the commit is not on the release branch, or an older one than what was deployed.
    """
    repository = opened(request.repository)
    commit = commit_named(repository, request.revision or "HEAD")
    changed = () if request.revision is not None or repository.bare else changed_files(repository)
    if changed:
        raise RefusedError(
            f"{request.repository} {uncommitted(changed)}; commit them, or name what to deploy with --commit"
        )
    with worktree(request.repository, commit, f"the deployment of {commit[:12]}") as folder:
        own = load_project(request.project, folder).deploy.branch
        require_on_branch(repository, commit, request.branch or branch_before(repository, request.project) or own)
        environment = load_environment(environment_path(request.environment, folder), request.root)
        with lock(environment, request.project, say), environment_file(environment) as path:
            newer = None if "--force" in request.options else newer_deployed(repository, commit, request.project)
            if newer is not None:
                say(f"{commit[:12]} is older than {newer[:12]}, which was deployed before; nothing is done")
                return 0
            with tempfile.TemporaryDirectory(prefix="solvent-") as scratch:
                told = Path(scratch) / "outcome.json"
                words = ["deploy-here", "--project", request.project, "--environment", str(path)]
                code = solvent_of(folder, [*words, "--commit", commit, "--outcome", str(told), *request.options])
                outcome = json.loads(told.read_text()) if told.is_file() else {"outcome": "failed", "exit_code": code}
            note(repository, commit, request.project, outcome)
    return code


def opened(path: Path) -> Any:
    """The repository at a path."""
    # Importing it fails where there is no git, and only here is it needed.
    import git

    try:
        return git.Repo(path, search_parent_directories=True)
    except (git.InvalidGitRepositoryError, git.NoSuchPathError):
        raise ConfigurationError(f"{path}: is not a git repository") from None


def commit_named(repository: Any, revision: str) -> str:
    """The full hash of a revision."""
    import git

    try:
        if revision.startswith("-"):
            raise git.GitCommandError("rev-parse", 128)
        return str(repository.git.rev_parse("--verify", f"{revision}^{{commit}}"))
    except git.GitCommandError:
        raise ConfigurationError(f"{repository.git_dir}: has no commit '{revision}'") from None


def require_on_branch(repository: Any, commit: str, branch: str) -> None:
    """Refuses a commit that is not on the release branch.

    Raises:
        RefusedError: Naming both.
    """
    import git

    try:
        repository.git.merge_base("--is-ancestor", commit, f"refs/heads/{branch}")
    except git.GitCommandError:
        raise RefusedError(
            f"commit {commit[:12]} is not on the branch {branch}, from which releases are made"
        ) from None


def branch_before(repository: Any, project: str) -> str | None:
    """The branch that releases of a project were made from when it was last deployed; None if it never was.

    A commit's own word counts from the next one on: otherwise any commit could say that its branch is the one.
    """
    last = last_deployed(repository, project)
    if last is None:
        return None
    found = yaml.safe_load(repository.git.show(f"{last}:conf/{project}/model.yml"))
    return str((found.get("deploy") or {}).get("branch", RELEASE_BRANCH))


def last_deployed(repository: Any, project: str) -> str | None:
    """The commit of a project that was deployed last: notes are kept as files that have the names of commits, in a history of their own."""
    import git

    try:
        written = repository.git.log("--format=", "--name-only", f"refs/notes/{NOTES}").split()
    except git.GitCommandError:
        # There are no notes.
        return None
    commits = (name.replace("/", "") for name in written)
    return next((one for one in commits if project in noted(repository, one)), None)


def newer_deployed(repository: Any, commit: str, project: str) -> str | None:
    """A commit that was deployed for a project and has this one among its ancestors."""
    there = {line.split()[1] for line in repository.git.notes(f"--ref={NOTES}", "list").splitlines()}
    if not there:
        return None
    since = repository.git.rev_list("--all", "--ancestry-path", f"^{commit}").split()
    return next((one for one in since if one in there and project in noted(repository, one)), None)


def environment_path(name: str, folder: Path) -> str:
    """The environment's file in a checkout, or a path as it is."""
    return name if name.endswith((".yml", ".yaml")) else str(folder / "conf" / "environments" / f"{name}.yml")


@contextmanager
def lock(environment: Environment, project: str, say: Callable[[str], None]) -> Iterator[None]:
    """Waits until no other deployment of a project is under way here. The system frees it when its holder ends, however it ends."""
    with locked(
        Path(environment.reports) / f"{project}.deploy.lock",
        lambda: say(f"another deployment of {project} is under way; waiting for it to end"),
    ):
        yield


@contextmanager
def locked(path: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Waits until nobody else has locked a file, and tells if it has to."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def note(repository: Any, commit: str, project: str, outcome: dict[str, Any]) -> None:
    """Writes what came of a deployment on its commit, under refs/notes/solvent, beside what is noted of other projects."""
    # A deployment of another project may note its outcome at the same time.
    with locked(Path(repository.common_dir) / "solvent.notes.lock"):
        known = noted(repository, commit)
        if not outcome.get("did") and project in known:
            return
        text = json.dumps({**known, project: outcome}, indent=2, sort_keys=True)
        with repository.git.custom_environment(**IDENTITY):
            repository.git.notes(f"--ref={NOTES}", "add", "-f", "-m", text, commit)


def noted(repository: Any, commit: str) -> dict[str, Any]:
    """What is noted of a commit, by project."""
    import git

    try:
        found: dict[str, Any] = json.loads(repository.git.notes(f"--ref={NOTES}", "show", commit))
    except (git.GitCommandError, ValueError):
        return {}
    return found
