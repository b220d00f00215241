"""The house: how long a module is, how many others it needs, no circle, and no question of the kind of a label outside of its room."""

from __future__ import annotations

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

from solvent.kinds import KINDS

LIB = Path(__file__).resolve().parent.parent / "lib"
SUITE = LIB / "solvent"
MODULES = {
    ".".join(path.relative_to(LIB).with_suffix("").parts).removesuffix(".__init__"): path
    for path in SUITE.rglob("*.py")
}


@cache
def imported(module: str, later: bool = True) -> frozenset[str]:
    """The suite's modules that one imports: at all, or when it is imported itself."""
    tree = ast.parse(MODULES[module].read_text(encoding="utf-8"))
    nodes = ast.walk(tree) if later else iter(tree.body)
    named = (
        [f"{node.module}.{alias.name}" for alias in node.names if f"{node.module}.{alias.name}" in MODULES]
        or [node.module]
        for node in nodes
        if isinstance(node, ast.ImportFrom) and node.module in MODULES
    )
    return frozenset(one for some in named for one in some)


def test_no_module_is_longer_than_can_be_read_at_once() -> None:
    lines = {module: len(path.read_text(encoding="utf-8").splitlines()) for module, path in MODULES.items()}
    assert {module: found for module, found in lines.items() if found > 350} == {}


def test_no_module_needs_more_than_ten_others() -> None:
    needs = {module: len(imported(module)) for module in MODULES}
    assert {module: found for module, found in needs.items() if found > 10} == {}


def test_no_modules_import_one_another_in_a_circle() -> None:
    """A package stands for what it offers, so that what its modules import counts for it."""
    order = TopologicalSorter({module: imported(module, later=False) - {module} for module in MODULES})
    assert len([*order.static_order()]) == len(MODULES)


def test_no_kind_is_named_but_where_kinds_live() -> None:
    """But in the configuration of estimators, which says what spark.ml's packages learn; and a landing file may be binary."""
    aside = ("solvent.kinds", "solvent.sources", "solvent.config.estimator")
    names = re.compile("|".join(f"[\"']{kind}[\"']" for kind in KINDS))
    modules = {module for module, path in MODULES.items() if names.search(path.read_text(encoding="utf-8"))}
    assert {module for module in modules if not module.startswith(aside)} == set()
