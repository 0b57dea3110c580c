"""The code version of a cell: a hash of every line that can move its figure, and of no other."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path

PACKAGE = "bioplastic"
FRAME = (
    "bioplastic.learning.cost",
    "bioplastic.learning.learner",
    "bioplastic.learning.space",
    "bioplastic.learning.task",
    "bioplastic.learning.walk",
)
"""Modules that every cell uses."""


def version(*objects: object) -> str:
    """Return 16 hexadecimal digits for the code that a task and a learner run on.

    objects   task, learner, …; the modules of their classes and bases are where the search begins
    Reached are all modules of the package named in an import, at any depth, or in a string such as
    "bioplastic.networks.wta". Comments and docstrings do not count, so writing a page about a
    figure does not make the figure old. Code outside the package counts only as the module of a
    class that was given: versions of numpy and torch stand in the record of the cell.
    """
    starts = {*FRAME, *(k.__module__ for thing in objects for k in type(thing).__mro__)}
    found: dict[str, str] = {}
    todo = sorted(m for m in starts if m not in ("builtins", "typing", "abc"))
    while todo:
        module = todo.pop()
        if module in found:
            continue
        digest, named = _read(module)
        found[module] = digest
        todo += [m for m in named if m not in found]
    lines = "".join(f"{m} {d}\n" for m, d in sorted(found.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


@cache
def _read(module: str) -> tuple[str, tuple[str, ...]]:
    """Hash of a module's code without docstrings, and the modules of the package it names."""
    path = _file(module)
    if path is None:
        return "no source", ()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = tuple(sorted(set(_named(tree, module, path.name == "__init__.py"))))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _forget_docstring(node)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), named


@cache
def _file(module: str) -> Path | None:
    """The source of a module, without importing what was not imported yet; None where none is."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    origin = spec.origin if spec else getattr(sys.modules.get(module), "__file__", None)
    return Path(origin) if origin and origin.endswith(".py") else None


def _forget_docstring(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef,
) -> None:
    if ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]


def _named(tree: ast.Module, module: str, package: bool) -> Iterable[str]:
    """Modules of the package that are imported somewhere in a file, or named in a string."""
    here = module if package else module.rpartition(".")[0]
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = here.split(".")
            above = above[: len(above) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            names = [base, *(f"{base}.{a.name}" for a in node.names)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            names = [node.value] if node.value.isascii() and " " not in node.value else []
        for name in names:
            if name.startswith(f"{PACKAGE}.") and _file(name) is not None:
                yield name
