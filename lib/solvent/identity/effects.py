"""What importing a module does besides binding names, and which values of modules that can change.

A statement at the top level of a module has an effect if running it may change something that is there already: a call of what may write,
an element or attribute that is set, a loop that fills a dict, a decorator that enters a function into a registry. It is followed into the
project's functions that it calls. What it can change are the values of modules that it reaches by name and that can be changed at all, and
the state of libraries. Whether a call of a library writes is not known but for those named here, so that it counts as one that does.

Limits: operators and attributes of the project's own classes are taken to read only.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from solvent.identity.modules import Module, root_of

# Calls that change nothing that is there already.
PURE = frozenset(
    """
    abs all any bool bytes complex dict divmod enumerate filter float format frozenset getattr hasattr hash int isinstance issubclass len
    list map max min object ord pow property range repr reversed round set slice sorted staticmethod classmethod str sum super tuple
    type zip
    collections.Counter collections.OrderedDict collections.defaultdict collections.deque collections.namedtuple
    contextlib.contextmanager dataclasses.dataclass dataclasses.field dataclasses.fields dataclasses.replace
    datetime.date datetime.datetime datetime.timedelta decimal.Decimal enum.auto
    functools.cache functools.cached_property functools.lru_cache functools.partial functools.reduce functools.wraps
    logging.getLogger pathlib.Path typing.NamedTuple typing.NewType typing.TypeVar typing.cast types.MappingProxyType
    pydantic.BeforeValidator pydantic.ConfigDict pydantic.Field pydantic.PlainSerializer pydantic.TypeAdapter pydantic.field_serializer
    pydantic.field_validator pydantic.model_serializer pydantic.model_validator
    """.split()  # noqa: SIM905 (many words)
)
PURE_MODULES = ("datetime.", "itertools.", "math.", "operator.", "re.", "pyspark.sql.functions.", "pyspark.sql.types.")
PURE_METHODS = frozenset(
    """
    as_posix capitalize copy count decode difference encode endswith find format fullmatch get group index intersection isoformat issubset
    issuperset items join keys lower lstrip match most_common partition removeprefix removesuffix replace rpartition rsplit rstrip search
    split splitlines startswith strip symmetric_difference title total_seconds union upper values zfill
    """.split()  # noqa: SIM905 (many words)
)
# Values that nothing can change.
FROZEN = frozenset(
    """
    bool bytes complex datetime.date datetime.datetime datetime.timedelta decimal.Decimal float frozenset int pathlib.Path property
    range re.compile str typing.NewType typing.TypeVar types.MappingProxyType pydantic.ConfigDict
    """.split()  # noqa: SIM905 (many words)
)
# Names by which code reaches what it does not write down.
RUN_TIME = frozenset({"eval", "exec", "compile", "globals", "locals", "vars", "__import__", "import_module"})
RUN_TIME_ATTRIBUTES = frozenset({"__dict__", "__globals__", "import_module"})
# The methods of a class that making an object of it, or a class from it, runs.
MAKING = frozenset({"__init__", "__new__", "__post_init__", "__init_subclass__", "__set_name__", "__class_getitem__"})
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Definition:
    """What a module binds to a name."""

    module: Module
    name: str
    statements: Sequence[ast.AST]

    def __str__(self) -> str:
        """Its import path."""
        return f"{self.module.name}.{self.name}"


@dataclass(frozen=True)
class Effect:
    """A statement of a module that may change what is there already.

    Attributes:
        module: Where it is.
        place: Its number in the module.
        changes: Import paths of the definitions whose values it can change.
        outside: Whether it can change the state of a library.
    """

    module: Module
    place: int
    changes: frozenset[str]
    outside: bool

    @property
    def statement(self) -> ast.stmt:
        """The statement."""
        return self.module.statements[self.place]


Means = Callable[[Module, str], list[Definition]]


def effects_of(module: Module, means: Means) -> list[Effect]:
    """The effects of importing a module.

    Args:
        module: The module.
        means: What a dotted name means in a module; nothing for a builtin, a local variable or a library.
    """
    found = (effect_of(module, place, means) for place in range(len(module.statements)))
    return [one for one in found if one is not None]


def effect_of(module: Module, place: int, means: Means) -> Effect | None:
    """What running a statement may change; None if nothing."""
    mine = [*run_by(module.statements[place])]
    reached = called(module, mine, means)
    bodies = [(module, mine), *((one.module, [*making(one)]) for one in reached.values() if not is_value(one))]
    found = [
        writes(where, node, local, means) for where, nodes in bodies for local in [bodies_in(nodes)] for node in nodes
    ]
    outside = any(left for _, left in found)
    if not outside and not any(wrote for wrote, _ in found):
        return None
    changes = [one for one in reached.values() if can_change(one)]
    changes += [
        one for where, nodes in bodies for one in (*stored(where, nodes, means), *handed_on(where, nodes, means))
    ]
    return Effect(module, place, frozenset(map(str, changes)), outside)


def run_by(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a statement that run when it does: of a function its decorators and defaults, not its body."""
    yield node
    if isinstance(node, FUNCTIONS):
        inner: Iterable[ast.AST] = [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]
    elif isinstance(node, ast.Lambda):
        inner = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
    elif isinstance(node, ast.AnnAssign):
        inner = filter(None, [node.target, node.value])
    else:
        inner = ast.iter_child_nodes(node)
    for one in inner:
        yield from run_by(one)


def dotted(node: ast.AST) -> str | None:
    """A name, dotted as far as it is; None of any other expression."""
    pieces: list[str] = []
    while isinstance(node, ast.Attribute):
        pieces.insert(0, node.attr)
        node = node.value
    return ".".join([node.id, *pieces]) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Store) else None


def called(module: Module, nodes: Iterable[ast.AST], means: Means) -> dict[str, Definition]:
    """The definitions that parts of a statement name, and those that these name when they are run in turn."""
    found: dict[str, Definition] = {}
    waiting = [(module, name) for node in nodes if (name := dotted(node)) is not None]
    while waiting:
        where, name = waiting.pop()
        for one in means(where, name):
            if str(one) not in found:
                found[str(one)] = one
                waiting += [(one.module, inner) for node in making(one) if (inner := dotted(node)) is not None]
    return found


def making(definition: Definition) -> Iterator[ast.AST]:
    """The parts of a definition that run when it is called: of a class what makes an object, of a value all."""
    for statement in definition.statements:
        if isinstance(statement, ast.ClassDef):
            for base in statement.bases:
                yield from ast.walk(base)
            for member in statement.body:
                if isinstance(member, FUNCTIONS) and member.name in MAKING:
                    yield from body_of(member)
        elif isinstance(statement, FUNCTIONS):
            yield from body_of(statement)
        else:
            yield from run_by(statement)


def body_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    """What calling a function runs."""
    for statement in function.body:
        yield from ast.walk(statement)


def is_value(definition: Definition) -> bool:
    """Whether a definition is neither function nor class: what made the value is looked at where it stands."""
    return not any(isinstance(statement, (*FUNCTIONS, ast.ClassDef)) for statement in definition.statements)


def bodies_in(nodes: Iterable[ast.AST]) -> frozenset[str]:
    """The names of functions that are defined within code, whose bodies are a part of it."""
    return frozenset(node.name for node in nodes if isinstance(node, FUNCTIONS))


def writes(module: Module, node: ast.AST, local: frozenset[str], means: Means) -> tuple[bool, bool]:
    """Whether a part of code may change what is there, and whether that is the state of a library.

    Args:
        module: Where it is.
        node: The part.
        local: Names of functions within the same code.
        means: See effects_of.
    """
    if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load):
        new = isinstance(node, ast.Attribute) and dotted(node.value) == "self"
        root = root_of(node)
        return not new, root is not None and library_of(module, root, means) is not None
    if isinstance(node, ast.AugAssign | ast.Delete | ast.Global | ast.Nonlocal | ast.With | ast.AsyncWith):
        return True, False
    callees = [node.func] if isinstance(node, ast.Call) else getattr(node, "decorator_list", [])
    found = [written_by(module, callee, local, means) for callee in callees]
    if isinstance(node, ast.ClassDef):
        bases = [one for base in node.bases if (name := dotted(base)) for one in means(module, name)]
        found.append((bool(node.keywords) or any(registers(one) for one in bases), False))
    return any(wrote for wrote, _ in found), any(left for _, left in found)


def written_by(module: Module, callee: ast.AST, local: frozenset[str], means: Means) -> tuple[bool, bool]:
    """The same of calling something; what the project defines is looked into where it is defined."""
    name = dotted(callee)
    if name is None:
        # What a call gives is looked at with the call.
        method = callee.attr if isinstance(callee, ast.Attribute) else None
        return not isinstance(callee, ast.Call) and method not in PURE_METHODS, False
    root, _, rest = name.partition(".")
    last = name.rpartition(".")[2]
    defined = means(module, name)
    if defined:
        return any(is_value(one) or one.name != last for one in defined) and last not in PURE_METHODS, False
    library = library_of(module, root, means)
    if library is not None:
        path = f"{library}.{rest}" if rest else library
        pure = path in PURE or path.startswith(PURE_MODULES)
        return not pure, not pure
    if rest:
        return last not in PURE_METHODS, False
    if hasattr(builtins, root):
        made = getattr(builtins, root)
        raised = isinstance(made, type) and issubclass(made, BaseException)
        return root not in PURE and not raised, root in RUN_TIME or root in ("open", "setattr", "delattr")
    return root not in local, root not in local and bool(module.stars)


def library_of(module: Module, root: str, means: Means) -> str | None:
    """The import path of a name that is a library's; None of any other."""
    if any(one.module is not module for one in means(module, root)):
        return None
    return next(iter(module.imports.get(root, ())), None)


def registers(definition: Definition) -> bool:
    """Whether making a class of a class of the project does more than that."""
    return any(
        isinstance(member, FUNCTIONS) and member.name in ("__init_subclass__", "__new__")
        for statement in definition.statements
        if isinstance(statement, ast.ClassDef)
        for member in statement.body
    )


def handed_on(module: Module, nodes: Sequence[ast.AST], means: Means) -> Iterator[Definition]:
    """The functions and classes that code hands by name to what it calls."""
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    callees = {id(call.func) for call in calls}
    for call in calls:
        for part in (*call.args, *call.keywords):
            for node in run_by(part):
                if isinstance(node, ast.Name) and id(node) not in callees:
                    yield from (one for one in means(module, node.id) if not is_value(one))


def can_change(definition: Definition) -> bool:
    """Whether what a name stands for may hold a value that can be changed."""
    return any(changeable(definition.module, statement) for statement in definition.statements)


def changeable(module: Module, node: ast.AST | None) -> bool:
    """Whether a statement binds, or an expression is, a value that can be changed."""
    if node is None or isinstance(
        node,
        ast.Constant | ast.JoinedStr | ast.Lambda | ast.Name | ast.Attribute | ast.Pass | ast.Import | ast.ImportFrom,
    ):
        return False
    if isinstance(node, FUNCTIONS):
        return any(changeable(module, one) for one in (*node.args.defaults, *node.args.kw_defaults))
    if isinstance(node, ast.ClassDef):
        return bool(node.keywords) or any(
            changeable(module, one) or (isinstance(one, FUNCTIONS) and one.name == "__init_subclass__")
            for one in node.body
        )
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.Expr):
        return changeable(module, node.value)
    if isinstance(node, ast.Tuple):
        return any(changeable(module, one) for one in node.elts)
    if isinstance(node, ast.UnaryOp | ast.BinOp | ast.BoolOp | ast.Compare | ast.IfExp):
        return any(changeable(module, one) for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr))
    if isinstance(node, ast.Call):
        root, _, rest = (dotted(node.func) or "?").partition(".")
        path = ".".join(filter(None, [next(iter(module.imports.get(root, ())), root), rest]))
        return path not in FROZEN and path not in ("dataclasses.field", "pydantic.Field")
    return True


def stored(module: Module, nodes: Iterable[ast.AST], means: Means) -> Iterator[Definition]:
    """The definitions of which code sets an attribute or an element, or that it binds anew."""
    for node in nodes:
        root = (
            root_of(node)
            if isinstance(node, ast.Attribute | ast.Subscript) and not isinstance(node.ctx, ast.Load)
            else None
        )
        names = node.names if isinstance(node, ast.Global) else [root] if root is not None else []
        for name in names:
            yield from means(module, dotted(node) or name if isinstance(node, ast.Attribute) else name)


@cache
def finds_at_run_time(statement: ast.AST) -> bool:
    """Whether code reaches names that it does not write down."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and node.id in RUN_TIME:
            return True
        if isinstance(node, ast.Attribute) and (node.attr in RUN_TIME_ATTRIBUTES or dotted(node) == "sys.modules"):
            return True
        if (
            isinstance(node, ast.Call)
            and dotted(node.func) in ("getattr", "setattr")
            and not (len(node.args) > 1 and isinstance(node.args[1], ast.Constant))
        ):
            return True
    return False
