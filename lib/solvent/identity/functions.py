"""The digest of a function and of all that shapes what it computes, so that a comment or unrelated code changes nothing.

Followed is what the source names: functions, classes and values at the top level of modules, through imports and re-exports, as long as
they are the project's own (see `modules`). Besides, every statement counts that importing the project runs and that may change what the
function names, or the state of a library (see `effects`): a loop that fills a dict, an entry into a registry, wherever it is. So does every
file of the project's packages that is no module: code may read it. Where code reaches names that it does not write down (getattr with a
name that is computed, import_module, eval), all of the packages beside it counts. Docstrings, comments, formatting and the annotations of
functions do not count: they compute nothing.

Of the suite itself neither files nor names found at run time count: what it finds by such names is told in model.yml, and no file of it
shapes a feature. Limits: files outside of packages are not seen, nor is the class of an object that is handed in; see `effects` as well.
Libraries are told by the environment's lock, not here.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator, Sequence
from functools import cache, partial

from solvent.identity.code import files_digest, files_of
from solvent.identity.effects import FUNCTIONS, Definition, Effect, effects_of, finds_at_run_time, library_of
from solvent.identity.modules import SUITE, Module, beside, follows, import_closure, module_at, roots_of


def function_digests(paths: Sequence[str]) -> dict[str, str]:
    """Import path of a function -> SHA-256 of what it and all that it calls do, where all of them are imported.

    Raises:
        ModuleNotFoundError: If a path names nothing.
    """
    roots = roots_of(paths)
    loaded = import_closure(paths, roots)
    effects = [one for module in loaded for one in effects_in(module, roots)]
    packages = sorted({one.name.split(".")[0] for one in loaded} - {SUITE})
    files = files_digest(file for package in packages for file in files_of(package) if not file[0].endswith(".py"))
    return {path: Reach(path, roots, effects).digest(files) for path in paths}


@cache
def effects_in(module: Module, roots: frozenset[str]) -> list[Effect]:
    """The effects of importing a module of a project, which every job asks for several times.

    Args:
        module: The module.
        roots: The packages that are followed, and what is beside them.
    """
    return effects_of(module, partial(referred, roots))


def function_digest(path: str) -> str:
    """The digest of a function, class, method or value where nothing else is imported.

    Args:
        path: Its import path.

    Raises:
        ModuleNotFoundError: If it names nothing.
    """
    return function_digests([path])[path]


class Reach:
    """All that shapes what a function computes.

    Attributes:
        definitions: Import path -> what the function names, and what that names in turn.
        effects: The statements that may change any of it, in the order in which they are run.
    """

    def __init__(self, path: str, roots: frozenset[str], effects: Sequence[Effect]) -> None:
        """Follows a function.

        Args:
            path: Its import path.
            roots: The packages that are followed, and what is beside them.
            effects: Those of all modules that are imported.

        Raises:
            ModuleNotFoundError: If it names nothing.
        """
        self.roots = roots
        self.definitions: dict[str, Definition] = {}
        self.effects: list[Effect] = []
        first = named(path, roots)
        if not first:
            raise ModuleNotFoundError(f"nothing is defined at {path}", name=path)
        self.follow(first)
        # What an effect names may be changed by another one.
        while more := [one for one in effects if one not in self.effects and self.touched_by(one)]:
            self.effects += more
            self.follow([found for one in more for found in self.named_by(one.module, one.statement)])
        self.effects = [one for one in effects if one in self.effects]

    def follow(self, waiting: list[Definition]) -> None:
        """Adds definitions and all that they name."""
        while waiting:
            one = waiting.pop()
            if str(one) not in self.definitions:
                self.definitions[str(one)] = one
                waiting += [found for statement in one.statements for found in self.named_by(one.module, statement)]

    def named_by(self, module: Module, statement: ast.AST) -> list[Definition]:
        """What a statement names."""
        return [found for name in names_in(statement) for found in referred(self.roots, module, name)]

    def touched_by(self, effect: Effect) -> bool:
        """Whether an effect may change what was reached; libraries always are."""
        return effect.outside or not effect.changes.isdisjoint(self.definitions)

    def digest(self, files: str) -> str:
        """SHA-256 of all of it.

        Args:
            files: Digest of what else is in the project's packages.
        """
        digest = hashlib.sha256(files.encode())
        modules = {module.name: module for module, _ in self.statements()}
        for _, module in sorted(modules.items()):
            for line in self.lines(module):
                digest.update(f"{module.name} {line}\n".encode())
        digest.update(" ".join(dict.fromkeys(one.module.name for one in self.effects)).encode())
        if any(finds_at_run_time(statement) for module, statement in self.statements() if not of_suite(module)):
            everything = (file for package in beside(self.roots) for file in files_of(package))
            digest.update(files_digest(everything).encode())
        return digest.hexdigest()

    def statements(self) -> Iterator[tuple[Module, ast.AST]]:
        """All statements reached, each with its module."""
        for definition in self.definitions.values():
            yield from ((definition.module, statement) for statement in definition.statements)
        yield from ((one.module, one.statement) for one in self.effects)

    def lines(self, module: Module) -> Iterator[str]:
        """What counts of a module: what is run in its order, functions and classes by their names, then what names of libraries mean."""
        reached = [statement for of, statement in self.statements() if of is module]
        run = {id(one.statement) for one in self.effects if one.module is module}
        whole = {id(statement) for statement in reached}
        for statement in module.statements:
            if id(statement) in run or (id(statement) in whole and not is_definition(statement)):
                yield dumped(statement)
        rest = {dumped(one) for one in reached if is_definition(one) and id(one) not in run}
        yield from sorted(rest)
        roots = {name.split(".")[0] for statement in reached for name in names_in(statement)}
        for root in sorted(roots & module.imports.keys()):
            if library_of(module, root, partial(referred, self.roots)) is not None:
                yield f"{root} is {' or '.join(module.imports[root])}"
        yield " ".join(star for star in module.stars if not follows(star.split(".")[0], self.roots))


def of_suite(module: Module) -> bool:
    """Whether a module is the suite's."""
    return module.name.split(".")[0] == SUITE


def is_definition(statement: ast.AST) -> bool:
    """Whether a statement defines a function or a class."""
    return isinstance(statement, (*FUNCTIONS, ast.ClassDef))


def named(path: str, roots: frozenset[str]) -> list[Definition]:
    """What an import path names; of a method, it alone."""
    found = resolved(path, roots)
    method = path.rpartition(".")[2]
    return [one if one.name == method else method_of(one, method) for one in found]


@cache
def referred(
    roots: frozenset[str], module: Module, dotted: str, seen: frozenset[str] = frozenset()
) -> list[Definition]:
    """What a name may mean in a module; nothing if it is a builtin, a local variable, or of a package that is not followed."""
    name, *rest = dotted.split(".")
    found = [Definition(module, name, module.definitions[name])] if name in module.definitions else []
    for target in module.imports.get(name, ()):
        found += resolved(".".join([target, *rest]), roots, seen)
    return found or [one for star in module.stars for one in resolved(f"{star}.{dotted}", roots, seen)]


def resolved(dotted: str, roots: frozenset[str], seen: frozenset[str] = frozenset()) -> list[Definition]:
    """What an import path names: a definition, or all of a module.

    Args:
        dotted: The path.
        roots: The packages that are followed.
        seen: Paths that lead here, as modules may import from one another.
    """
    pieces = dotted.split(".")
    if dotted in seen or not follows(pieces[0], roots):
        return []
    for length in range(len(pieces), 0, -1):
        module = module_at(".".join(pieces[:length]))
        if module is None:
            continue
        rest = pieces[length:]
        if not rest:
            return [Definition(module, name, of) for name, of in module.definitions.items()]
        return referred(roots, module, ".".join(rest), seen | {dotted})
    return []


def method_of(definition: Definition, name: str) -> Definition:
    """A method of a class, or the definition itself where there is none of that name."""
    methods = [
        method
        for statement in definition.statements
        if isinstance(statement, ast.ClassDef)
        for method in statement.body
        if isinstance(method, FUNCTIONS) and method.name == name
    ]
    return Definition(definition.module, f"{definition.name}.{name}", methods) if methods else definition


@cache
def names_in(statement: ast.AST) -> tuple[str, ...]:
    """The names, dotted as far as they are, that a statement refers to."""
    found = Names()
    found.visit(statement)
    return tuple(sorted(found.names))


@cache
def dumped(statement: ast.AST) -> str:
    """A statement as it counts: without its place in the file."""
    return ast.dump(statement)


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
