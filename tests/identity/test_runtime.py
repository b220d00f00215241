"""What a model is made with is what is pinned."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from solvent.errors import RefusedError
from solvent.identity import environment_facts, lock_remark, require_locked

ROOT = Path(__file__).resolve().parents[2]


def test_packages_are_those_of_the_lock_or_nothing_is_made(tmp_path: Path) -> None:
    require_locked(ROOT)
    require_locked(tmp_path)
    lock = tmp_path / "requirements.lock"
    lock.write_text(f"not-installed==1.0 \\\n    --hash=sha256:00\nPyYAML=={version('pyyaml')} \\\n")
    require_locked(tmp_path)
    lock.write_text("PyYAML==0.1 ; python_version < '3.11' --hash=sha256:00  # of an older Python\n")
    require_locked(tmp_path)
    lock.write_text("PyYAML==0.1 \\\n")
    with pytest.raises(RefusedError, match=f"pins PyYAML 0.1, but {version('pyyaml')} is installed here"):
        require_locked(tmp_path)


def test_what_is_not_installed_as_pinned_is_told_beside_the_lock(tmp_path: Path) -> None:
    assert len(environment_facts({}, ROOT)["lock"]) == 64
    assert environment_facts({}, tmp_path)["lock"] == "none"
    lock = tmp_path / "requirements.lock"
    lock.write_text("PyYAML==0.1 \\\n")
    assert environment_facts({}, tmp_path)["lock"].endswith(f", but PyYAML {version('pyyaml')} for 0.1")
    remark = lock_remark(tmp_path)
    assert remark is not None
    assert f"does not pin the packages that are installed (PyYAML {version('pyyaml')} for 0.1)" in remark


def test_that_there_is_no_lock_is_said(tmp_path: Path) -> None:
    assert lock_remark(ROOT) is None
    remark = lock_remark(tmp_path)
    assert remark is not None
    assert remark.startswith(f"{tmp_path} has no requirements.lock")
