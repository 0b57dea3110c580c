"""One module as `compare.source` sees it: its definitions, their hashes, and what each names."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PACKAGE = "bioplastic"
WHOLE = "*"
"""In the place of a name: everything in the module."""
LOOSE = ""
"""In the place of a name: the statements that define nothing, which run on import."""

Name = tuple[str, str]
"""Module and a name in it, WHOLE or LOOSE."""

Bound = dict[str, list[Name]]
Function = ast.FunctionDef | ast.AsyncFunctionDef
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def read(module: str) -> Module | None:
    """The module of that name, None where it has no source."""
    path = file(module)
    if path is None:
        return None
    return Module(module, ast.parse(path.read_text(encoding="utf-8")), path.name == "__init__.py")


@cache
def file(module: str) -> Path | None:
    """The source of a module, without importing what was not imported yet; None where none is."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    origin = spec.origin if spec else getattr(sys.modules.get(module), "__file__", None)
    return Path(origin) if origin and origin.endswith(".py") else None


class Module:
    """The top level of one file.

    name       of the module        package   whether it is an __init__.py
    """

    def __init__(self, name: str, tree: ast.Module, package: bool) -> None:
        self.name, self.package = name, package
        self._definitions: dict[str, list[ast.stmt]] = {}
        self._imports: Bound = {}
        self._loose: list[ast.stmt] = []
        self._known: dict[tuple[str, frozenset[str]], tuple[str, list[Name]]] = {}
        _forget_words(tree)
        for statement in tree.body:
            self._sort(statement)
        used = {n.id for s in tree.body for n in ast.walk(s) if isinstance(n, ast.Name)}
        self._silent = [
            (module, WHOLE if attribute == WHOLE else LOOSE)
            for name, found in self._imports.items() if not package and name not in used
            for target in found for module, attribute in self._target(target)
        ]  # fmt: skip

    def _sort(self, statement: ast.stmt) -> None:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            self._bind(statement, self._imports)
            return
        if _only_for_types(statement):
            return
        names = list(_names(statement))
        for name in names:
            self._definitions.setdefault(name, []).append(statement)
        if not names:
            self._loose.append(statement)

    def all(self) -> list[str]:
        """Every name that is defined here."""
        return list(self._definitions)

    def defines(self, name: str) -> bool:
        """Whether a statement of this module defines it."""
        return name in self._definitions

    def definition(self, name: str, said: frozenset[str]) -> tuple[str, list[Name]]:
        """Hash of what defines a name, and what that names.

        said   members of a class that are left out
        """
        key = name, said
        if key not in self._known:
            self._known[key] = self._digest([_without(s, said) for s in self._definitions[name]])
        return self._known[key]

    def loose(self) -> tuple[str, list[Name]]:
        """The same of the statements that define nothing, and what is imported for its effect."""
        digest, needs = self._digest(self._loose)
        return digest, [*needs, *self._silent]

    def elsewhere(self, name: str) -> list[Name]:
        """Where a name comes from that is not defined here; all of the module when nobody knows."""
        if name in self._imports:
            return [place for target in self._imports[name] for place in self._target(target)]
        below = f"{self.name}.{name}"
        if self.package and file(below) is not None:
            return [(below, WHOLE)]
        return [(self.name, WHOLE)] if self.defines("__getattr__") else []

    def _digest(self, statements: list[ast.stmt]) -> tuple[str, list[Name]]:
        text = "\n".join(ast.dump(s) for s in statements)
        needs = sorted({n for s in statements for n in self._needs(s)})
        return hashlib.sha256(text.encode()).hexdigest(), needs

    def _needs(self, statement: ast.stmt) -> Iterator[Name]:
        """What one statement names, in this package."""
        bound = {name: list(found) for name, found in self._imports.items()}
        for node in ast.walk(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._bind(node, bound)
        dotted = {
            id(node.value): node.attr for node in ast.walk(statement)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
        }  # fmt: skip
        for node in ast.walk(statement):
            if isinstance(node, ast.Name):
                if node.id in bound:
                    for target in bound[node.id]:
                        yield from self._target(target, dotted.get(id(node), WHOLE))
                elif node.id in self._definitions:
                    yield self.name, node.id
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from _in_text(node.value)

    def _target(self, imported: Name, attribute: str = WHOLE) -> list[Name]:
        """An imported name as a place: a module's attribute, or what was imported from a module."""
        module, name = imported
        if not f"{module}.".startswith(f"{PACKAGE}."):
            return []
        if name == WHOLE:  # a module was imported
            return [(module, attribute)]
        if read(module) is not None and not _module(module).defines(name):
            below = f"{module}.{name}"
            if file(below) is not None:
                return [(below, attribute)]
        return [(module, name)]

    def _bind(self, node: ast.Import | ast.ImportFrom, bound: Bound) -> None:
        """Add the names that an import binds; two branches may bind one name."""
        if isinstance(node, ast.Import):
            for a in node.names:
                if a.name.startswith(f"{PACKAGE}."):
                    bound.setdefault(a.asname or a.name, []).append((a.name, WHOLE))
            return
        here = self.name if self.package else self.name.rpartition(".")[0]
        above = here.split(".")
        above = above[: len(above) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        for a in node.names:
            bound.setdefault(a.asname or a.name, []).append((base, a.name))


def _module(name: str) -> Module:
    found = read(name)
    assert found is not None
    return found


def _in_text(text: str) -> Iterable[Name]:
    """A string that is the name of a module of the package."""
    if text.isascii() and " " not in text and text.startswith(f"{PACKAGE}."):
        module, _, name = text.partition(":")
        if file(module) is not None:
            yield module, name or WHOLE


def _names(statement: ast.stmt) -> Iterator[str]:
    """What a statement at the top level defines.

    A function that registers itself with another, `@other.register`, is a part of that one.
    """
    if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        owners = [
            d.value.id for d in map(_called, statement.decorator_list)
            if isinstance(d, ast.Attribute) and d.attr == "register"
            and isinstance(d.value, ast.Name)
        ]  # fmt: skip
        yield from owners or [statement.name]
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        elif isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name


def _called(decorator: ast.expr) -> ast.expr:
    return decorator.func if isinstance(decorator, ast.Call) else decorator


def _only_for_types(statement: ast.stmt) -> bool:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return True  # the words below a constant
    test = statement.test if isinstance(statement, ast.If) else None
    return isinstance(test, ast.Name) and test.id == "TYPE_CHECKING"


def _without(statement: ast.stmt, said: frozenset[str]) -> ast.stmt:
    """A class without some of its members."""
    if not said or not isinstance(statement, ast.ClassDef):
        return statement
    kept = [s for s in statement.body if not said.issuperset(_names(s)) or not list(_names(s))]
    fields = {k: getattr(statement, k) for k in statement._fields}
    return ast.ClassDef(**{**fields, "body": kept})


def _forget_words(tree: ast.Module) -> None:
    """Take docstrings and the annotations of functions out of a tree.

    Those of fields stay: ClassVar and InitVar mean something. So do those of what registers itself
    with `@other.register`, which reads them.
    """
    for node in ast.walk(tree):
        if isinstance(node, Documented) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        if isinstance(node, ast.ClassDef):
            node.body = [s for s in node.body if not _only_for_types(s)] or [ast.Pass()]
        if isinstance(node, Function) and not any(
            isinstance(d, ast.Attribute) for d in map(_called, node.decorator_list)
        ):
            node.returns = None
            every = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            for argument in (*every, node.args.vararg, node.args.kwarg):
                if argument is not None:
                    argument.annotation = None
