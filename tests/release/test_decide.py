"""What a history of decisions says, without tables and registry: those are in tests/test_pipeline.py and tests/registry."""

from __future__ import annotations

from datetime import date, timedelta

from solvent.config.windows import Intervals, Windows
from solvent.release import Decision, GateResult, looks_of, rolled_back, standing

FIRST = Decision("release", "shop", None, 1, True, "passed")
REFUSED = Decision("release", "shop", 1, 2, False, "auc")
SECOND = Decision("promote", "shop", 1, 3, True, "by hand")
BACK = Decision("rollback", "shop", 3, 1, True, "disappoints")
AGAIN = Decision("promote", "shop", 1, 3, True, "mended")
OTHER = Decision("release", "bakery", None, 9, True, "passed")


def test_the_champion_is_where_the_last_decision_that_passed_put_it() -> None:
    history = [FIRST, REFUSED, SECOND, BACK, AGAIN]
    assert [standing(history[:n], "shop") for n in range(6)] == [None, 1, 1, 3, 1, 3]
    assert standing([*history, OTHER], "shop") == 3
    assert standing([OTHER], "shop") is None


def test_a_version_stays_rolled_back_until_it_is_champion_again() -> None:
    history = [FIRST, REFUSED, SECOND, BACK]
    assert rolled_back(history, 3) == BACK
    assert rolled_back(history[:3], 3) is None
    assert rolled_back(history, 1) is None
    assert rolled_back([*history, AGAIN], 3) is None
    assert rolled_back(history, 2) is None
    # Replaced is not rolled back.
    assert rolled_back([FIRST, SECOND], 1) is None


def judged(version: int, rival: int | None) -> Decision:
    """A challenger that gates have judged, and refused."""
    gate = GateResult("auc better than the champion", "all", "all", 0.7, 0.7, False, "behind")
    return Decision("release", "shop", rival, version, False, "behind", (gate,))


def holdout(as_of: date) -> Intervals:
    """Windows with the ten days before a date as holdout."""
    return Windows(train=timedelta(days=30), holdout=timedelta(days=10)).at(as_of)


def test_a_look_is_a_challenger_judged_against_the_same_champion_on_days_of_the_same_holdout() -> None:
    first = date(2024, 3, 1)
    same = {version: holdout(first) for version in range(2, 9)}
    history = [FIRST, judged(2, 1), judged(3, 1), SECOND, judged(4, 3), judged(2, 1)]
    assert looks_of(history, 5, 1, same) == 3
    assert looks_of(history, 5, 3, same) == 2
    assert looks_of(history, 5, None, same) == 1
    # What is judged again is no further look, and keeps its number.
    assert [looks_of(history, version, 1, same) for version in (2, 3)] == [1, 2]
    # What was promoted by hand, or judged by no gate, was not looked at.
    assert looks_of([FIRST, REFUSED, SECOND, BACK], 5, 1, same) == 1
    assert looks_of(history, 5, 1, {**same, 2: holdout(first - timedelta(days=10))}) == 2
    assert looks_of(history, 5, 1, {**same, 2: holdout(first - timedelta(days=9))}) == 3
    # One that is not known may have been on any days.
    assert looks_of(history, 5, 1, {5: holdout(first)}) == 3
