"""Whatever changes what a function gives, changes its digest: modules are changed one constant at a time, and run."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from solvent.identity import code_digest, packages_of
from solvent.identity.functions import function_digests
from solvent.identity.modules import follows, home_of, module_at

# A project whose function `basket` gets what it gives by all ways in which modules shape one another.
FILES = {
    "grocer/__init__.py": "import grocer.patches\n",
    "grocer/features.py": '''
"""Features."""
import json
import math
from functools import partial
from pathlib import Path

import scales
from grocer import state, till as counter
from grocer.registry import NAMES, Registered, register, TASKS
from kitchen.recipes import flour

WINDOWS = {}
for name, days in (("week", 7), ("month", 30)):
    WINDOWS[name] = days
WINDOWS.update(year=365)
ALIAS = WINDOWS
ALIAS["decade"] = 3650
TOTALS = [1]
TOTALS += [2]
del TOTALS[0]
if state.MODE == "retail":
    FACTOR = 2
else:
    FACTOR = 3
try:
    LIMIT = state.LIMITS["low"]
except KeyError:
    LIMIT = 11
with Path(__file__).with_name("rates.json").open() as file:
    RATES = json.load(file)
FIRST, *REST = 5, 6
(SIZE := 8)
HALVES = [number / 2 for number in (4, 6)]


def fill(into, value=9):
    into["filled"] = value


fill(WINDOWS)


def setup():
    global DEPTH
    DEPTH = 4


setup()


@register
def sweet(n):
    return n + 12


@register("salty")
def salty(n):
    return n + 13


class Bread(Registered):
    price = 14


class Till:
    rate = 1
    taxes = {}

    @classmethod
    def total(cls, n):
        return n * cls.rate + sum(cls.taxes.values())


Till.rate = 15
Till.taxes["vat"] = 16
setattr(Till, "extra", 17)
scaled = partial(math.pow, 18)


def ways(n):
    """All ways."""
    tasks = sorted((name, task(n)) for name, task in TASKS.items())
    table = [sorted(WINDOWS.items()), TOTALS, FACTOR, LIMIT, RATES, FIRST, REST, SIZE, HALVES, DEPTH, tasks, sorted(NAMES.items())]
    return [*table, Till.total(n), Till.extra, counter.count(n), flour(n), scales.weigh(n), state.LIMITS, state.shown(), scaled(1)]


def basket(n):
    return ways(n)


def unrelated(n):
    return n + UNRELATED["a"]


UNRELATED = {"a": 19}
UNRELATED.update(b=20)
''',
    "grocer/state.py": """
MODE = "retail"
LIMITS = {}
PRECISION = [3]


def shown():
    return [round(math.pi, PRECISION[0]), math.tau]


import math
""",
    "grocer/patches.py": """
import math

from grocer import state

state.LIMITS.setdefault("low", 21)
state.PRECISION[0] = 4
for place in range(22):
    state.LIMITS[f"at {place}"] = place
math.tau = 23
""",
    "grocer/registry.py": """
TASKS = {}
NAMES = {}


class Registered:
    def __init_subclass__(cls):
        NAMES[cls.__name__] = cls.price


def register(task):
    if isinstance(task, str):
        def named(inner):
            TASKS[task] = inner
            return inner
        return named
    TASKS[task.__name__] = task
    return task
""",
    "grocer/till.py": """
COINS = (24, 25)


def count(n):
    return n * sum(COINS)
""",
    "grocer/alone.py": "VALUE = 26\n\n\ndef alone(n):\n    return n + VALUE\n",
    "grocer/rates.json": '{"low": 27}',
    "kitchen/__init__.py": "",
    "kitchen/recipes.py": "from kitchen.weights import *\n\n\ndef flour(n):\n    return n * GRAMS\n",
    "kitchen/weights.py": "GRAMS = 28\n",
    "scales.py": "from math import floor as whole\n\nPOUND = 29\n\n\ndef weigh(n):\n    return whole(n * POUND / 4)\n",
}
# Reads changed files, one a line, and says in a process of its own for each what the function then gives, or how it fails.
RUNS = """
import json, os, sys
from pathlib import Path
lib = Path(sys.argv[1])
sys.path.insert(0, str(lib))
sys.dont_write_bytecode = True
for line in sys.stdin:
    name, text = json.loads(line)
    was = (lib / name).read_text()
    (lib / name).write_text(text)
    if os.fork() == 0:
        try:
            from grocer.features import basket
            said = json.dumps(basket(2))
        except BaseException as error:
            said = repr(error)
        print(json.dumps(said), flush=True)
        os._exit(0)
    os.wait()
    (lib / name).write_text(was)
"""


@pytest.fixture
def lib(tmp_path: Path) -> Iterator[Path]:
    """A folder lib/ with the project."""
    folder = tmp_path / "lib"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    sys.path.insert(0, str(folder))
    for cached in (module_at, follows, home_of):
        cached.cache_clear()
    yield folder
    sys.path.remove(str(folder))


def digest(path: str = "grocer.features.basket") -> str:
    module_at.cache_clear()
    return function_digests([path])[path]


def given(lib: Path, changes: list[tuple[str, str]]) -> list[str]:
    """What the function gives after each change of a file."""
    lines = "\n".join(map(json.dumps, changes))
    words = [sys.executable, "-I", "-S", "-c", RUNS, str(lib)]
    done = subprocess.run(words, input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def other(value: object) -> object:
    """Another constant of the same type."""
    if isinstance(value, bool) or value is None:
        return not value
    return value + 1 if isinstance(value, int | float) else f"{value}_"


def changed(text: str) -> Iterator[str]:
    """A module with each of its constants and operators, and each name of a library, changed in turn, and each statement taken out."""
    places = sum(1 for _ in ast.walk(ast.parse(text)))
    for place in range(places):
        tree = ast.parse(text)
        node = list(ast.walk(tree))[place]
        if isinstance(node, ast.Constant):
            node.value = other(node.value)
        elif isinstance(node, ast.BinOp):
            node.op = ast.Sub()
        elif isinstance(node, ast.Attribute) and node.attr in ("pi", "pow"):
            node.attr = "fmod" if node.attr == "pow" else "e"
        elif isinstance(node, ast.Module | ast.If | ast.For | ast.ClassDef | ast.FunctionDef) and len(node.body) > 1:
            del node.body[-1]
        elif isinstance(node, ast.Expr | ast.Assign | ast.AugAssign | ast.Delete) and node in tree.body:
            tree.body.remove(node)
        else:
            continue
        yield ast.unparse(tree)


def test_each_change_that_is_seen_in_what_a_function_gives_is_seen_in_its_digest(lib: Path) -> None:
    changes = [(name, text) for name, text in FILES.items() if name.endswith(".py")]
    mutants = [(name, mutant) for name, text in changes for mutant in changed(text)]
    mutants += [
        ("grocer/rates.json", '{"low": 30}'),
        ("scales.py", FILES["scales.py"].replace("floor", "ceil")),
        ("grocer/state.py", FILES["grocer/state.py"] + "MODE = 'whole'\n"),
    ]
    was, *found = given(lib, [("grocer/alone.py", FILES["grocer/alone.py"]), *mutants])
    assert was.startswith("[[[")
    before = digest()
    unseen = [
        mutant
        for mutant, gives in zip(mutants, found, strict=True)
        if gives != was and gives.startswith("[[[") and digest_of(lib, *mutant) == before
    ]
    assert unseen == []
    assert sum(gives != was and gives.startswith("[[[") for gives in found) > 60


def digest_of(lib: Path, name: str, text: str) -> str:
    """The digest after a change of a file."""
    (lib / name).write_text(text)
    found = digest()
    (lib / name).write_text(FILES[name])
    return found


@pytest.mark.parametrize(
    "finds",
    [
        'globals()["VAL" + "UE"]',
        "getattr(sys.modules[__name__], 'VAL' + 'UE')",
        "vars(sys.modules[__name__])['VALUE']",
        "eval('VAL' + 'UE')",
        "importlib.import_module('grocer.st' + 'ate').PRECISION[0]",
        "import_module('kitchen.weights').GRAMS",
        "__import__('scales').POUND",
    ],
)
def test_where_names_are_found_at_run_time_all_packages_beside_it_count(lib: Path, finds: str) -> None:
    text = FILES["grocer/alone.py"].replace("n + VALUE", finds)
    (lib / "grocer/alone.py").write_text(f"import importlib\nimport sys\nfrom importlib import import_module\n\n{text}")
    before = digest("grocer.alone.alone")
    for name in ("grocer/state.py", "kitchen/weights.py", "scales.py"):
        (lib / name).write_text(FILES[name] + "MORE = 1\n")
        assert digest("grocer.alone.alone") != before, name
        (lib / name).write_text(FILES[name])


def test_what_nothing_it_names_can_be_changed_by_is_not_seen(lib: Path) -> None:
    alone = digest("grocer.alone.alone")
    for name, old, new in (
        ("grocer/features.py", "return n + 12", "return n + 0"),
        ("grocer/features.py", "b=20", "b=0"),
        ("grocer/patches.py", "4", "0"),
        ("grocer/alone.py", "VALUE = 26", "VALUE = 26  # pence\nOTHER = 1"),
    ):
        assert digest_in(lib, name, old, new, "grocer.alone.alone") == alone, (name, old)
    assert digest_in(lib, "grocer/alone.py", "26", "27", "grocer.alone.alone") != alone


def digest_in(lib: Path, name: str, old: str, new: str, path: str) -> str:
    """The digest of a function after a text was replaced."""
    assert old in FILES[name]
    (lib / name).write_text(FILES[name].replace(old, new))
    found = digest(path)
    (lib / name).write_text(FILES[name])
    return found


def test_helpers_and_data_are_code_and_what_python_leaves_is_not(lib: Path) -> None:
    packages = packages_of("grocer", ["grocer.features.basket"])
    assert packages == ("grocer", "kitchen", "scales", "solvent")
    before = code_digest(*packages)
    (lib / "grocer/__pycache__").mkdir(exist_ok=True)
    (lib / "grocer/__pycache__/till.cpython-311.pyc").write_bytes(b"made")
    assert code_digest(*packages) == before
    for name in ("grocer/rates.json", "kitchen/weights.py", "scales.py"):
        (lib / name).write_text(FILES[name] + " ")
        assert code_digest(*packages) != before, name
        (lib / name).write_text(FILES[name])
