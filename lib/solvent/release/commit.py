"""Where the code of a release is: in a commit, which others can check out."""

from __future__ import annotations

from pathlib import Path

from solvent.errors import RefusedError
from solvent.identity import Commit, Manifest, unpushed


def require_committed(commit: Commit, root: Path) -> None:
    """Refuses, before anything is made, what could not be released at the end.

    Raises:
        RefusedError: If the working tree differs from its commit.
    """
    if commit.dirty:
        raise RefusedError(
            f"{root} {commit.lacks}: a model made from it cannot be made again; commit, or run without --release"
        )


def out_of_reach(manifest: Manifest, root: Path) -> str | None:
    """Why nobody else could check out the code of a version, if so."""
    commit = manifest["commit"]["hash"]
    if not unpushed(root, commit):
        return None
    return (
        f"its commit {str(commit)[:12]} is in no branch of a remote: push it, so that others can make the model again"
    )
