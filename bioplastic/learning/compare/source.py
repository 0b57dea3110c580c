"""The code version of a cell: a hash of the definitions that can move its figure, of no others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache

from bioplastic.learning.compare import source_module
from bioplastic.learning.compare.source_module import Module, Name

SAYS = frozenset(
    ("learners", "question", "protocol", "published", "literature", "target", "metric", "seeds",
     "fresh", "locality", "check", "made_of", "settings", "QUICK")
)  # fmt: skip
"""Members of tasks and learners that say what a figure is; none of them is run to make one."""

TABLES = frozenset(
    {
        ("bioplastic.learning.learners", "LEARNERS"),
        ("bioplastic.learning.tasks", "TASKS"),
        ("bioplastic.learning.learner", "RULES"),
    }
)
"""Lists of names: a learner that is made of another by name says so with `made_of`."""


def version(*objects: object) -> str:
    """Return 16 hexadecimal digits for the code that a task and a learner run on.

    objects   task, learner, …, and what their `made_of()` returns: their classes and all bases are
              where the search begins
    A class, function or constant is reached when a definition that was reached names it, in this
    package, at any depth; a whole module when its name stands in a string, or where a module is
    handed on. So a change in a kernel makes the cells old that run on it, and a new learner, a new
    target or another task's code none. What cannot be told apart counts: statements of a reached
    module that define nothing, and everything in a class that is reached, but SAYS of the classes
    of the objects themselves. Comments, docstrings and annotations of functions do not count, nor
    do GPU executors for a learner that does not ask for one, nor code outside the package, except
    the class that was given: versions of numpy and torch stand in the record of the cell.
    """
    return _version(*_start(objects))


def reached(*objects: object) -> list[tuple[Name, str]]:
    """Every definition behind some objects with its hash, sorted: what `version` hashes."""
    return _reached(*_start(objects))


@cache
def _version(own: frozenset[Name], gpu: bool) -> str:
    lines = "".join(f"{module}:{name} {digest}\n" for (module, name), digest in _reached(own, gpu))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def _start(objects: Iterable[object]) -> tuple[frozenset[Name], bool]:
    """The classes of all objects and of their parts, and whether any runs on a GPU."""
    things = list(_with_parts(objects))
    own = frozenset(
        (kind.__module__, kind.__qualname__.rpartition(".")[2])
        for thing in things
        for kind in type(thing).__mro__
        if kind.__module__ not in ("builtins", "typing", "abc")
    )
    return own, any(getattr(thing, "backend", "") == "gpu" for thing in things)


def _reached(own: frozenset[Name], gpu: bool) -> list[tuple[Name, str]]:
    found: dict[Name, str] = {}
    todo = sorted(own)
    while todo:
        asked = todo.pop()
        if asked in found or asked in TABLES or (not gpu and _on_gpu(asked[0])):
            continue
        module = source_module.read(asked[0])
        if module is None:
            found[asked] = "no source"
            continue
        said = SAYS if asked in own else frozenset[str]()
        todo += _open(module, asked[1], said, found)
    return sorted(found.items())


def _open(
    module: Module, name: str, said: frozenset[str], found: dict[Name, str]
) -> Iterable[Name]:
    """Put one name's digest into `found`; return what it needs in its turn."""
    if name == source_module.WHOLE:
        found[module.name, name] = ""
        return [(module.name, n) for n in module.all()]
    needs: list[Name] = []
    if (module.name, source_module.LOOSE) not in found:
        found[module.name, source_module.LOOSE], more = module.loose()
        needs += more
    if name == source_module.LOOSE:
        return needs
    if module.defines(name):
        found[module.name, name], more = module.definition(name, said)
        return [*needs, *more]
    found[module.name, name] = "elsewhere"
    return [*needs, *module.elsewhere(name)]


def _on_gpu(module: str) -> bool:
    return module.rpartition(".")[2].startswith("gpu")


def _with_parts(objects: Iterable[object]) -> Iterable[object]:
    for thing in objects:
        yield thing
        parts = getattr(thing, "made_of", None)
        if callable(parts):
            yield from _with_parts(parts())
