"""What a history of decisions says, without tables and registry: those are in tests/test_pipeline.py and tests/registry."""

from __future__ import annotations

from solvent.release import Decision, rolled_back, standing

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
