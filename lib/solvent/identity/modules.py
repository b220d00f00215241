"""The source of the modules that code of a project is made of: what each binds, what it imports, and what importing it runs.

A project's modules are those of its own package and of the suite, and of whatever is importable from beside either: other packages of the
same lib/, or of the same wheel. Libraries are told by the environment's lock.
"""

from __future__ import annotations

import ast
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import packages_distributions
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from solvent.identity.code import package_folder

SUITE = "solvent"
INSTALLED = frozenset({"site-packages", "dist-packages"})


@dataclass(frozen=True, eq=False)
class Module:
    """The source of a module.

    Attributes:
        name: Its import path.
        statements: What importing it runs, in order, without what computes nothing.
        definitions: Name -> the statements that bind or change it.
        imports: Name -> the import paths it may stand for.
        stars: Modules of which all names are imported.
        loaded: Import paths of what it imports anywhere, modules or what is in them, in order.
    """

    name: str
    statements: Sequence[ast.stmt] = ()
    definitions: dict[str, list[ast.AST]] = field(default_factory=dict)
    imports: dict[str, list[str]] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)


def packages_of(project: str, functions: Iterable[str]) -> tuple[str, ...]:
    """The packages that make a project's models: the suite's, its own, those of its feature functions, and those that these import."""
    named = roots_of([project, *functions])
    return tuple(sorted(named | {one.name.split(".")[0] for one in import_closure(functions, named)}))


def roots_of(paths: Iterable[str]) -> frozenset[str]:
    """The packages that import paths name, and the suite's."""
    return frozenset({SUITE, *(path.split(".")[0] for path in paths)})


@cache
def follows(package: str, roots: frozenset[str]) -> bool:
    """Whether a package is a project's own: one of its roots, or beside one of them."""
    if package in roots:
        return True
    home = home_of(package)
    beside = [root for root in roots if home is not None and home_of(root) == home]
    if not beside or not INSTALLED & {*Path(str(home)).parts}:
        return bool(beside)
    owners = packages_distributions()
    return any({*owners.get(package, ())} & {*owners.get(root, ())} for root in beside)


@cache
def home_of(package: str) -> str | None:
    """The folder or archive that a package or module is imported from; None if it is built in, or there is none."""
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    places = spec.submodule_search_locations or ([spec.origin] if spec.has_location and spec.origin else [])
    return str(Path(next(iter(places))).parent) if places else None


@cache
def module_at(name: str) -> Module | None:
    """The module of an import path; None if there is none."""
    found = source_of(name)
    if found is None:
        return None
    text, whole = found
    tree = Normal().visit(ast.parse(text))
    module = Module(name, [one for one in tree.body if is_run(one)])
    for statement in module.statements:
        for bound in dict.fromkeys(bound_by(statement)):
            module.definitions.setdefault(bound, []).append(statement)
        for node in ast.walk(statement):
            note_import(module, name if whole else name.rpartition(".")[0], node)
    return module


def source_of(name: str) -> tuple[str, bool] | None:
    """The text of a module, and whether it is a package; None if there is no module of that name."""
    package, *rest = name.split(".")
    try:
        folder = package_folder(package)
    except ModuleNotFoundError:
        spec = find_spec(package) if not rest else None
        alone = Path(spec.origin) if spec is not None and spec.has_location and spec.origin else None
        return (alone.read_text(encoding="utf-8"), False) if alone is not None and alone.suffix == ".py" else None
    place = folder.joinpath(*rest) if rest else folder
    if place.is_dir():
        file = place.joinpath("__init__.py")
        return (file.read_text(encoding="utf-8") if file.is_file() else "", True)
    file = folder.joinpath(*rest[:-1], f"{rest[-1]}.py")
    return (file.read_text(encoding="utf-8"), False) if file.is_file() else None


def is_run(statement: ast.stmt) -> bool:
    """Whether importing a module runs a statement: not what is for the type checker, or for a script."""
    if not isinstance(statement, ast.If) or statement.orelse:
        return True
    return not {"TYPE_CHECKING", "__name__"} & {
        getattr(node, "id", None) or getattr(node, "attr", None) for node in ast.walk(statement.test)
    }


def bound_by(statement: ast.AST) -> Iterator[str]:
    """The names of a module that a statement binds, or whose values it is written to change."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        for node in ast.walk(statement):
            yield from node.names if isinstance(node, ast.Global) else ()
        return
    if isinstance(statement, ast.Lambda | ast.comprehension):
        return
    if isinstance(statement, ast.Name) and not isinstance(statement.ctx, ast.Load):
        yield statement.id
    if isinstance(statement, ast.Attribute | ast.Subscript) and not isinstance(statement.ctx, ast.Load):
        root = root_of(statement)
        if root is not None:
            yield root
    for child in ast.iter_child_nodes(statement):
        yield from bound_by(child)


def root_of(node: ast.AST) -> str | None:
    """The name that an attribute or an element is looked up from; None if it is of some other expression."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None


def note_import(module: Module, inside: str, node: ast.AST) -> None:
    """Enters what an import statement brings."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            target = alias.name if alias.asname else alias.name.split(".")[0]
            module.imports.setdefault(alias.asname or target, []).append(target)
            module.loaded.append(alias.name)
    elif isinstance(node, ast.ImportFrom):
        pieces = inside.split(".")
        base = pieces[: len(pieces) - node.level + 1] if node.level else []
        source = ".".join([*base, *filter(None, [node.module])])
        module.loaded.append(source)
        for alias in node.names:
            if alias.name == "*":
                module.stars.append(source)
            else:
                module.imports.setdefault(alias.asname or alias.name, []).append(f"{source}.{alias.name}")
                module.loaded.append(f"{source}.{alias.name}")


def beside(roots: frozenset[str]) -> list[str]:
    """All packages and modules that are followed, imported or not, but the suite."""
    found = {*roots}
    for home in {home_of(root) for root in roots} - {None}:
        folder = Path(str(home))
        places = folder.iterdir() if folder.is_dir() else zipfile.Path(folder).iterdir() if folder.is_file() else ()
        found |= {one.name.removesuffix(".py") for one in places if one.is_dir() or one.name.endswith(".py")}
    return sorted(one for one in found - {SUITE} if one.isidentifier() and one != "__pycache__" and follows(one, roots))


def import_closure(paths: Iterable[str], roots: frozenset[str]) -> list[Module]:
    """The project's modules that importing what paths name runs, in the order in which they are done."""
    done: dict[str, Module] = {}
    begun: set[str] = set()

    def load(path: str) -> None:
        pieces = path.split(".")
        if not follows(pieces[0], roots):
            return
        for length in range(1, len(pieces) + 1):
            name = ".".join(pieces[:length])
            if name in begun:
                continue
            module = module_at(name)
            if module is None:
                return
            begun.add(name)
            for imported in module.loaded:
                load(imported)
            done[name] = module

    for path in paths:
        load(path)
    return list(done.values())


class Normal(ast.NodeTransformer):
    """Takes out what computes nothing: docstrings, and the annotations of functions."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        """A function."""
        node.returns = None
        return self.without_docstring(node)

    # One that is awaited is no other.
    visit_AsyncFunctionDef = visit_FunctionDef  # type: ignore[assignment]  # noqa: N815 (ast's name)

    def visit_ClassDef(self, node: ast.ClassDef) -> Any:
        """A class."""
        return self.without_docstring(node)

    def visit_arg(self, node: ast.arg) -> Any:
        """A parameter."""
        node.annotation = None
        return node

    def without_docstring(self, node: ast.FunctionDef | ast.ClassDef) -> Any:
        """A function or class without its docstring, and what is in it likewise."""
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return self.generic_visit(node)
