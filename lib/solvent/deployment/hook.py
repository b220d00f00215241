"""The hook by which a push to a repository deploys: one for each project, and one that hands what is pushed to all of them."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from solvent.config.deploy import require_branch
from solvent.config.environment import NAME
from solvent.deployment.repository import Request, opened
from solvent.errors import RefusedError

WRITTEN = "written by `solvent install-hook`"
ALL = f"""#!/bin/sh
# Hands what is pushed to the hook of each project; {WRITTEN}.
pushed=$(cat)
status=0
for hook in "$0".d/*; do
    printf '%s\\n' "$pushed" | "$hook" || status=$?
done
exit $status
"""
ONE = f"""#!/bin/sh
# Deploys what is pushed to the release branch; {WRITTEN}.
# A hook is told of its repository by variables that would mislead git in other folders.
unset $(git rev-parse --local-env-vars)
status=0
while read -r before after ref; do
    [ "$ref" = {{ref}} ] || continue
    [ "$after" = "0000000000000000000000000000000000000000" ] && continue
    {{command}} --commit "$after" || status=$?
done
exit $status
"""


def install_hook(request: Request, branch: str) -> Path:
    """Writes a post-receive hook that deploys a project when a branch is pushed to; those of other projects go on.

    Returns:
        The hook of the project.

    Raises:
        ConfigurationError: If there is no such repository, or the branch has no name that git takes.
        RefusedError: If it has another post-receive hook.
    """
    require_branch(branch)
    repository = opened(request.repository)
    path = Path(repository.git_dir).resolve() / "hooks" / "post-receive"
    words = [
        *(sys.executable, "-m", "solvent.cli", "--root", str(request.root), "deploy"),
        *("--repo", str(Path(repository.git_dir).resolve()), "--branch", branch, "--project", request.project),
        *("--environment", request.environment),
    ]
    found = path.read_text(encoding="utf-8") if path.is_file() else ""
    if found and WRITTEN not in found:
        raise RefusedError(f"{path}: there is another hook; call `{shlex.join(words)} --commit NEW` from it")
    each = path.with_name("post-receive.d")
    if found and found != ALL and (project := re.search(rf" --project ({NAME.pattern}) ", found)) is not None:
        # The only hook, of before there was one for each project.
        write(each / project[1], found)
    text = ONE.replace("{ref}", shlex.quote(f"refs/heads/{branch}")).replace("{command}", shlex.join(words))
    write(each / request.project, text)
    write(path, ALL)
    return each / request.project


def write(path: Path, text: str) -> None:
    """Writes a script that is whole whenever it is called."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Not one of those that the shell finds.
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.chmod(0o755)
    partial.replace(path)
