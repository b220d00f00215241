"""The digest of a function and of all that it calls, so that a comment or unrelated code changes nothing.

Followed is what the source names: functions, classes and constants at the top level of modules, through imports and re-exports, as long as
they are in the project's package or the suite's. Docstrings, comments, formatting and the annotations of functions do not count: they
compute nothing. Limits: what is called through a name made at run time (getattr, import_module) is not seen, nor is the class of an object
that is handed in; libraries are told by the environment's lock, not here.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from solvent.identity.code import package_folder


@dataclass(frozen=True)
class Definition:
    """What a module binds to a name."""

    module: Module
    name: str
    statements: Sequence[ast.AST]

    def __str__(self) -> str:
        """Its import path."""
        return f"{self.module.name}.{self.name}"


@dataclass(frozen=True, eq=False)
class Module:
    """The source of a module: its definitions, and what it imports by which name.

    Attributes:
        name: Its import path.
        definitions: Name -> the statements that bind it.
        imports: Name -> the import path it stands for.
        stars: Modules of which all names are imported.
    """

    name: str
    definitions: dict[str, list[ast.AST]] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)
    stars: list[str] = field(default_factory=list)


def function_digests(paths: Sequence[str]) -> dict[str, str]:
    """Import path of a function -> SHA-256 of what it and all that it calls do.

    Raises:
        ModuleNotFoundError: If a path names nothing.
    """
    return {path: function_digest(path) for path in paths}


def function_digest(path: str) -> str:
    """SHA-256 of a function, class, method or constant and of all that it refers to in its own package.

    Args:
        path: Its import path.

    Raises:
        ModuleNotFoundError: If it names nothing.
    """
    packages = frozenset({"solvent", path.split(".")[0]})
    first = resolved(path, packages)
    if not first:
        raise ModuleNotFoundError(f"nothing is defined at {path}", name=path)
    reached: dict[str, Definition] = {}
    waiting = first
    while waiting:
        one = waiting.pop()
        if str(one) not in reached:
            reached[str(one)] = one
            waiting += [found for name in names_in(one) for found in referred(one.module, name, packages)]
    digest = hashlib.sha256()
    for name in sorted(reached):
        text = "\n".join(ast.dump(normal(statement)) for statement in reached[name].statements)
        digest.update(f"{name}\n{hashlib.sha256(text.encode()).hexdigest()}\n".encode())
    return digest.hexdigest()


def referred(module: Module, dotted: str, packages: frozenset[str]) -> list[Definition]:
    """What a name means in a module; nothing if it is a builtin, a local variable, or of a package that is not followed."""
    name, *rest = dotted.split(".")
    if name in module.definitions:
        return [Definition(module, name, module.definitions[name])]
    if name in module.imports:
        return resolved(".".join([module.imports[name], *rest]), packages)
    return [found for star in module.stars for found in resolved(f"{star}.{dotted}", packages)]


def resolved(dotted: str, packages: frozenset[str]) -> list[Definition]:
    """What an import path names: one definition, a method of a class, or all of a module."""
    pieces = dotted.split(".")
    if pieces[0] not in packages:
        return []
    for length in range(len(pieces), 0, -1):
        module = module_at(".".join(pieces[:length]))
        if module is None:
            continue
        rest = pieces[length:]
        if not rest:
            return [Definition(module, name, of) for name, of in module.definitions.items()]
        found = referred(module, ".".join(rest), packages)
        return [method_of(one, rest[1]) if len(rest) > 1 and one.module is module else one for one in found]
    return []


def method_of(definition: Definition, name: str) -> Definition:
    """A method of a class, or the definition itself where there is none of that name."""
    methods = [
        method
        for statement in definition.statements
        if isinstance(statement, ast.ClassDef)
        for method in statement.body
        if isinstance(method, ast.FunctionDef) and method.name == name
    ]
    return Definition(definition.module, f"{definition.name}.{name}", methods) if methods else definition


@cache
def module_at(name: str) -> Module | None:
    """The module of an import path; None if there is none."""
    package, *rest = name.split(".")
    try:
        folder = package_folder(package)
    except ModuleNotFoundError:
        return None
    place = folder.joinpath(*rest) if rest else folder
    file = place.joinpath("__init__.py") if place.is_dir() else folder.joinpath(*rest[:-1], f"{rest[-1]}.py")
    if not file.is_file():
        return None
    module = Module(name)
    inside = name if file.name == "__init__.py" else name.rpartition(".")[0]
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for statement in top_level(tree.body):
        for bound in bound_by(statement):
            module.definitions.setdefault(bound, []).append(statement)
    for node in ast.walk(tree):
        note_import(module, inside, node)
    return module


def top_level(statements: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that a module runs, those under a condition included."""
    for statement in statements:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With):
            for part in ("body", "orelse", "finalbody"):
                yield from top_level(getattr(statement, part, []))
            for handler in getattr(statement, "handlers", []):
                yield from top_level(handler.body)


def bound_by(statement: ast.stmt) -> list[str]:
    """The names that a statement binds or changes."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [statement.name]
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return [
        node.id for target in targets if target is not None for node in ast.walk(target) if isinstance(node, ast.Name)
    ]


def note_import(module: Module, inside: str, node: ast.AST) -> None:
    """Enters what an import statement brings."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            target = alias.name if alias.asname else alias.name.split(".")[0]
            module.imports[alias.asname or target] = target
    elif isinstance(node, ast.ImportFrom):
        pieces = inside.split(".")
        base = pieces[: len(pieces) - node.level + 1] if node.level else []
        source = ".".join([*base, *filter(None, [node.module])])
        for alias in node.names:
            if alias.name == "*":
                module.stars.append(source)
            else:
                module.imports[alias.asname or alias.name] = f"{source}.{alias.name}"


def names_in(definition: Definition) -> list[str]:
    """The names, dotted as far as they are, that a definition refers to."""
    found = Names()
    for statement in definition.statements:
        found.visit(normal(statement))
    return sorted(found.names)


class Names(ast.NodeVisitor):
    """Gathers names and dotted names; the annotation of a variable computes nothing."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        """A plain name."""
        self.names.add(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        """A dotted name, or an attribute of some other expression."""
        pieces: list[str] = []
        inner: ast.expr = node
        while isinstance(inner, ast.Attribute):
            pieces.insert(0, inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            self.names.add(".".join([inner.id, *pieces]))
        else:
            self.visit(inner)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        """A variable with an annotation."""
        for part in (node.target, node.value):
            if part is not None:
                self.visit(part)


def normal(statement: ast.AST) -> ast.AST:
    """A statement without what computes nothing."""
    # Parsed again, as a copy that may be changed.
    copy: ast.AST = Normal().visit(ast.parse(ast.unparse(statement)))
    return copy


class Normal(ast.NodeTransformer):
    """Takes out docstrings and the annotations of functions."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> Any:
        """A function."""
        node.returns = None
        return self.without_docstring(node)

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
