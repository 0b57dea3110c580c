"""What the tests of the Triton kernels share."""

from __future__ import annotations

import pytest

from tests.interpreter import INTERPRETED


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
