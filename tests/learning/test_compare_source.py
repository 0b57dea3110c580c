"""The code version of a cell: what makes it old, and what does not."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from bioplastic.learning.compare import source, source_module
from bioplastic.learning.learners import learner
from bioplastic.learning.tasks import task

MAIN = '''
"""One."""
from bioplastic.toy_far import helper, unused
from bioplastic import toy_two
HERE = 3

class Thing:
    """Two."""
    def run(self, x: int) -> int:
        """Three."""
        if x:
            from bioplastic.toy_branch import a as one
        else:
            from bioplastic.toy_branch import b as one
        return one(helper(x)) + HERE + toy_two.used()

    def question(self):
        return "words"

def nobody_calls_this():
    return 1
'''
FAR = """
BASE = 7
def helper(x):
    return x + BASE
def unused():
    return 1
"""
TWO = "def used():\n    return 1\ndef other():\n    return 1\n"
BRANCH = "def a(x):\n    return 1\ndef b(x):\n    return 1\ndef c(x):\n    return 1\n"


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """Return a function: the version of Thing with texts replaced, by module."""
    texts = {"toy_main": MAIN, "toy_far": FAR, "toy_two": TWO, "toy_branch": BRANCH}
    original = source_module.file.__wrapped__

    def find(module: str) -> Path | None:
        name = module.removeprefix("bioplastic.")
        return tmp_path / f"{name}.py" if name in texts else original(module)

    monkeypatch.setattr(source_module, "file", find)

    def version(module: str = "toy_main", old: str = "", new: str = "") -> str:
        source_module.read.cache_clear()
        source._version.cache_clear()
        for name, text in texts.items():
            if name == module:
                assert old in text
                text = text.replace(old, new)
            (tmp_path / f"{name}.py").write_text(text)
        kind = type("Thing", (), {"__module__": "bioplastic.toy_main", "__qualname__": "Thing"})
        return source.version(kind())

    yield version
    source_module.read.cache_clear()
    source._version.cache_clear()


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("toy_main", '"""Two."""', '"""Other words."""'),
        ("toy_main", "return one(", "return one(  # why\n            "),
        ("toy_main", "x: int) -> int", "x)"),
        ("toy_main", '"words"', '"other words"'),
        ("toy_main", "_this():\n    return 1", "_this():\n    return 2"),
        ("toy_far", "def unused():\n    return 1", "def unused():\n    return 2"),
        ("toy_two", "def other():\n    return 1", "def other():\n    return 2"),
        ("toy_branch", "def c(x):\n    return 1", "def c(x):\n    return 2"),
    ],
)  # fmt: skip
def test_what_cannot_move_a_figure_makes_nothing_old(digest, module, old, new):
    assert digest(module, old, new) == digest()


@pytest.mark.parametrize(
    ("module", "old", "new"),
    [
        ("toy_main", "HERE = 3", "HERE = 4"),
        ("toy_main", "return one(", "return 2 * one("),
        ("toy_main", "HERE = 3", "HERE = 3\nprint(HERE)"),
        ("toy_far", "BASE = 7", "BASE = 8"),
        ("toy_two", "def used():\n    return 1", "def used():\n    return 2"),
        ("toy_branch", "def a(x):\n    return 1", "def a(x):\n    return 2"),
        ("toy_branch", "def b(x):\n    return 1", "def b(x):\n    return 2"),
    ],
)
def test_what_can_move_a_figure_makes_it_old(digest, module, old, new):
    assert digest(module, old, new) != digest()


def test_a_module_named_in_a_string_counts_whole(digest):
    said = ("toy_main", "HERE = 3", 'HERE = "bioplastic.toy_two"')
    named = digest(*said)
    assert named != digest()
    reached = {n for n, _ in source.reached(*_things())}
    assert not any(n == ("bioplastic.toy_two", "other") for n in reached)
    digest(*said)
    reached = {n for n, _ in source.reached(*_things())}
    assert ("bioplastic.toy_two", "other") in reached


def _things():
    kind = type("Thing", (), {"__module__": "bioplastic.toy_main", "__qualname__": "Thing"})
    return (kind(),)


def modules(task_name: str, learner_name: str) -> set[str]:
    found = source.reached(task(task_name), learner(learner_name))
    return {module for (module, _), _ in found}


def test_learners_reach_their_kernels_and_no_other():
    attention = modules("kjv", "attention")
    assert {"bioplastic.kernels.circuit.cpu", "bioplastic.networks.dendritic_attention"} < attention
    assert not any(".sparse" in m or ".export" in m or ".gpu" in m for m in attention)
    memory = modules("kjv", "temporal_memory")
    assert "bioplastic.kernels.sparse.cpu_step" in memory
    assert not any("circuit" in m.split(".")[2] for m in memory if ".kernels." in m)
    for name in ("unigram", "gru"):
        assert not any(".kernels" in m or ".networks" in m for m in modules("kjv", name))


def test_a_learner_made_of_another_by_name_reaches_its_code():
    behind = modules("high-order", "familiar_attention")
    assert modules("high-order", "attention") <= behind
    assert "bioplastic.kernels.circuit.cpu" in behind


def test_every_module_reached_has_a_source():
    for name in ("attention", "temporal_memory", "wta_classifier"):
        for (module, _), digest in source.reached(task("kjv"), learner(name)):
            assert digest != "no source", module
            assert importlib.util.find_spec(module) is not None or module in sys.modules
