"""The verbs of the command line, one module each, and how they find an experiment."""

from __future__ import annotations

import ast
import importlib.util
import pkgutil
from importlib import import_module
from pathlib import Path
from types import ModuleType

from bioplastic.errors import UsageError, nearest

PACKAGE = "bioplastic.experiments"


def experiment_names() -> list[str]:
    """Return the names of all experiments as typed, with dashes, in alphabetical order."""
    package = import_module(PACKAGE)
    modules = pkgutil.iter_modules(package.__path__)
    return sorted(m.name.replace("_", "-") for m in modules if not m.name.startswith("_"))


def docstring(name: str) -> str:
    """Return an experiment's docstring from its source, without importing it."""
    spec = importlib.util.find_spec(_module(name))
    if spec is None or spec.origin is None:
        return ""
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    return ast.get_docstring(tree) or ""


def load(name: str) -> ModuleType:
    """Import the experiment `name`; UsageError with the nearest name when there is none."""
    return import_module(_module(name))


def _module(name: str) -> str:
    names = experiment_names()
    if name.replace("_", "-") not in names:
        raise UsageError(f"no experiment {name!r}{nearest(name, names)}")
    return f"{PACKAGE}.{name.replace('-', '_')}"
