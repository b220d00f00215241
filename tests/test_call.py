"""The command as a function: it returns when a job is done, and raises when it is not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from solvent.call import call

ROOT = Path(__file__).resolve().parents[1]


def called(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["job", "--root", str(ROOT), *words])
    call()


def test_what_is_done_returns(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    called(monkeypatch, "check", "--project", "flights", "--environment", "databricks")
    assert "flights in databricks: ok" in capsys.readouterr().out
    called(monkeypatch, "score", "--help")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["check", "--project", "flihgts"], "flihgts"),
        (["check", "--projekt", "flights"], "No such option"),
        (["chekc"], "No such command"),
    ],
)
def test_what_failed_raises_and_says_why_before(
    words: list[str], says: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError, match=rf"{words[0]}.* ended with exit code 2"):
        called(monkeypatch, *words)
    assert says in capsys.readouterr().err
