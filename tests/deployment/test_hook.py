"""Several projects in one repository: their hooks, what was deployed of each, and which branch releases are made from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from solvent.cli import main
from solvent.config.deploy import require_branch
from solvent.config.project import load_project
from solvent.errors import ConfigurationError

# As it was written before there was one for each project.
EARLIER = """#!/bin/sh
# Deploys what is pushed to the release branch; written by `solvent install-hook`.
# A hook is told of its repository by variables that would mislead git in other folders.
unset $(git rev-parse --local-env-vars)
status=0
while read -r before after ref; do
    [ "$ref" = "refs/heads/main" ] || continue
    [ "$after" = "0000000000000000000000000000000000000000" ] && continue
    {python} -m solvent.cli --root / deploy --repo {bare} --project earlier --environment local --commit "$after" || status=$?
done
exit $status
"""


def solvent(root: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["--root", str(root), *words])
    return done.exit_code, done.output


def pushed(shop: Any, branch: str) -> str:
    """What the hooks of the remote say to a push."""
    command = ["git", "push", "origin", f"HEAD:refs/heads/{branch}"]
    done = subprocess.run(command, cwd=shop.root, env=shop.environ, capture_output=True, text=True, check=True)
    return done.stderr


def test_a_push_is_handed_to_the_hook_of_each_project_and_nothing_of_its_branch_is_run(
    shop: Any, tmp_path: Path
) -> None:
    bare, odd = tmp_path / "all.git", "main$(touch${IFS}hacked)';touch${IFS}hacked"
    subprocess.run(["git", "init", "--quiet", "--bare", str(bare)], check=True)
    shop.git("remote", "add", "origin", str(bare))
    hook = bare / "hooks/post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(EARLIER.format(python=sys.executable, bare=bare))
    hook.chmod(0o755)
    for project, branch in (("one", "main"), ("two", "other"), ("two", "main"), ("three", odd)):
        words = ["install-hook", "--repo", str(bare), "--project", project, "--branch", branch]
        assert solvent(shop.root, *words)[0] == 0
    assert sorted(path.name for path in hook.with_name("post-receive.d").iterdir()) == [
        "earlier",
        "one",
        "three",
        "two",
    ]
    told = {project: f"project '{project}'" for project in ("earlier", "one", "two", "three")}
    said = pushed(shop, "main")
    assert {project for project, words in told.items() if words in said} == {"earlier", "one", "two"}
    assert "project 'three'" in pushed(shop, odd)
    assert not list(bare.rglob("hacked"))
    assert not list(shop.root.rglob("hacked"))
    assert solvent(shop.root, "install-hook", "--repo", str(bare), "--project", "one", "--branch", "-x")[0] == 2


def noted(shop: Any, revision: str, project: str) -> None:
    """Notes of a commit that it was deployed for a project."""
    text = json.dumps({project: {"outcome": "released", "did": True}})
    shop.git("notes", "--ref=solvent", "add", "-f", "-m", text, revision)


def test_what_was_deployed_of_another_project_hinders_no_deployment(shop: Any) -> None:
    first = shop.git("rev-parse", "HEAD").strip()
    shop.configure("maxIter: 2", "maxIter: 3")
    noted(shop, "HEAD", "bakery")
    code, said = solvent(shop.root, "deploy", "--project", "shop", "--commit", first)
    assert (code, "nothing is done" in said) == (1, False)
    noted(shop, "HEAD", "shop")
    code, said = solvent(shop.root, "deploy", "--project", "shop", "--commit", first)
    assert (code, "which was deployed before; nothing is done" in said) == (0, True)


def test_a_commit_cannot_say_by_itself_that_its_branch_is_the_one_of_releases(shop: Any) -> None:
    noted(shop, "HEAD", "shop")
    shop.git("checkout", "--quiet", "-b", "mine")
    path = shop.root / "conf/shop/model.yml"
    path.write_text(path.read_text() + "deploy: {branch: mine}\n")
    shop.commit()
    code, said = solvent(shop.root, "deploy", "--project", "shop")
    assert (code, "is not on the branch main, from which releases are made" in said) == (3, True)
    # Once main says so it is.
    shop.git("branch", "--force", "main")
    noted(shop, "main", "shop")
    shop.configure("maxIter: 2", "maxIter: 3")
    code, said = solvent(shop.root, "deploy", "--project", "shop")
    assert (code, "is not on the branch" in said) == (1, False)
    code, said = solvent(shop.root, "deploy", "--project", "shop", "--branch", "main")
    assert (code, "is not on the branch main" in said) == (3, True)


def test_options_and_what_is_no_branch_are_refused_by_key(shop: Any) -> None:
    path = shop.root / "conf/shop/model.yml"
    text = path.read_text()
    for wrong, key in (
        ("{branch: --output=x}", "deploy.branch: '--output=x' is no name of a branch"),
        ("{branch: a b}", "deploy.branch: 'a b' is no name of a branch"),
        ("{tests: [tests, --co]}", "deploy.tests: '--co' is an option of pytest"),
    ):
        path.write_text(f"{text}deploy: {wrong}\n")
        with pytest.raises(ConfigurationError, match=key):
            load_project("shop", shop.root)


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.sampled_from("ab/.@{~^:?*[\\ -$(\x7f") | st.characters(max_codepoint=300), max_size=8)
    | st.sampled_from(["HEAD", "@", "a.lock", "a.lock/b"])
)
def test_a_branch_is_what_git_takes_for_one(name: str) -> None:
    if "\0" in name or "\n" in name or any("\ud800" <= char <= "\udfff" for char in name):
        return
    git = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True, check=False)
    try:
        require_branch(name)
    except ConfigurationError:
        assert git.returncode != 0, name
    else:
        # Of a name such as @{-1} git says which branch it is.
        assert (git.returncode, git.stdout.decode().rstrip("\n")) == (0, name)
