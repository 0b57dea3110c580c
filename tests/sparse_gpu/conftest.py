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
