"""The digest of a function: what it and all that it calls do, and nothing else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from solvent.identity import function_digests, java_here, java_of
from solvent.identity.functions import function_digest, module_at

FEATURES = '''
"""Features."""

from datetime import timedelta

from grocer.words import HOUR, spoken as said
from grocer import prices


DAYS: int = 7
RATES = {"low": 0.1}
RATES["high"] = 0.2


def basket(rows):
    """What is in the basket."""
    return helper(rows, DAYS) + prices.of(rows)


def helper(rows: list, days: int) -> int:
    # How it is said.
    return said(rows) * RATES["low"] + days


def other(rows):
    return HOUR


class Till:
    def opened(self):
        return DAYS

    def closed(self):
        return HOUR
'''
WORDS = """
HOUR = 1
WORD = "a"


def spoken(rows):
    return len(rows) + len(WORD)


def unspoken():
    return 0
"""
PRICES = "from grocer.costs import *\n\n\ndef of(rows):\n    return cost(rows)\n"
COSTS = "def cost(rows):\n    return 1\n"


@pytest.fixture
def digest_after(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Digest of a function of a package of which a text was replaced."""
    folder = tmp_path / "grocer"
    folder.mkdir()
    files = {"__init__": "", "features": FEATURES, "words": WORDS, "prices": PRICES, "costs": COSTS}
    sys.path.insert(0, str(tmp_path))

    def digest(old: str = "", new: str = "", path: str = "grocer.features.basket") -> str:
        assert any(old in text for text in files.values())
        for name, text in files.items():
            (folder / f"{name}.py").write_text(text.replace(old, new) if old else text)
        module_at.cache_clear()
        return function_digest(path)

    yield digest
    sys.path.remove(str(tmp_path))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# How it is said.", "# How it is told."),
        ('"""What is in the basket."""', '"""What the basket holds."""'),
        ('    """What is in the basket."""\n', ""),
        ("rows: list, days: int) -> int:", "rows, days: float):"),
        ("helper(rows, DAYS) + prices", "helper(\n        rows, DAYS\n    ) + prices"),
        ("return HOUR", "return HOUR + 1"),
        ("HOUR = 1", "HOUR = 2"),
        ("return 0", "return 1"),
    ],
)
def test_what_computes_nothing_for_it_changes_nothing(digest_after: Callable[..., str], old: str, new: str) -> None:
    assert digest_after(old, new) == digest_after()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("+ prices.of(rows)", "- prices.of(rows)"),
        ("+ days", "- days"),
        ("int = 7", "int = 8"),
        ('RATES["high"] = 0.2', 'RATES["low"] = 0.2'),
        ("len(WORD)", "2 * len(WORD)"),
        ('WORD = "a"', 'WORD = "ab"'),
        ("import HOUR, spoken as said", "import HOUR, unspoken as said"),
        ("return cost(rows)", "return -cost(rows)"),
        ("def cost(rows):\n    return 1", "def cost(rows):\n    return 2"),
    ],
)
def test_what_it_calls_directly_or_not_changes_it(digest_after: Callable[..., str], old: str, new: str) -> None:
    assert digest_after(old, new) != digest_after()


def test_a_method_is_not_its_class(digest_after: Callable[..., str]) -> None:
    method, whole = "grocer.features.Till.closed", "grocer.features.Till"
    assert digest_after("HOUR = 1", "HOUR = 2", method) != digest_after(path=method)
    assert digest_after("int = 7", "int = 8", method) == digest_after(path=method)
    assert digest_after("int = 7", "int = 8", whole) != digest_after(path=whole)


def test_what_is_not_there_is_refused(digest_after: Callable[..., str]) -> None:
    with pytest.raises(ModuleNotFoundError, match="nothing is defined at grocer"):
        digest_after(path="grocer.features.absent")


def test_the_suite_is_followed_from_a_project_and_is_no_whole() -> None:
    module_at.cache_clear()
    weather, fit = function_digests(["flights.features.weather_at_origin", "solvent.estimators.spark_ml.fit"]).values()
    assert weather != fit


def test_java_without_a_session_is_that_of_the_session(spark: SparkSession) -> None:
    assert java_here() == java_of(spark)
