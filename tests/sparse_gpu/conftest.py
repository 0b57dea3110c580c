"""What the tests of the Triton kernels share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


@pytest.fixture(autouse=True, scope="session")
def _patched_once() -> Iterator[None]:
    """Save time: the interpreter patches triton.language anew for every function it calls.

    The patch is the same every time, so it is made once and taken back at the end.
    """
    if not INTERPRETED:
        yield
        return
    interpreter = pytest.importorskip("triton.runtime.interpreter")
    original = interpreter._patch_lang
    everywhere = SimpleNamespace(__globals__={"tl": interpreter.tl, "core": interpreter.tl.core})
    scope = original(everywhere)
    interpreter._patch_lang = lambda fn: SimpleNamespace(restore=lambda: None)
    yield
    interpreter._patch_lang = original
    scope.restore()


@pytest.fixture(autouse=True)
def poisoned(monkeypatch):
    """Where the kernels can run, with fresh buffers full of the smallest number."""
    pytest.importorskip("triton")
    torch = pytest.importorskip("torch")
    if not INTERPRETED and not torch.cuda.is_available():
        return
    empty = torch.empty

    def poison(*shape, dtype=None, **how):
        made = empty(*shape, dtype=dtype, **how)
        return made if made.is_floating_point() else made.fill_(torch.iinfo(made.dtype).min)

    monkeypatch.setattr(torch, "empty", poison)


@pytest.fixture
def gpu():
    """Skip where nothing can run the kernels."""
    torch = pytest.importorskip("torch")
    if not INTERPRETED and not torch.cuda.is_available():
        pytest.skip("no CUDA or HIP device; test_the_rest_in_the_interpreter runs it")
