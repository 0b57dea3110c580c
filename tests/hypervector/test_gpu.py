"""The Triton kernels: the same bits in Triton's interpreter, and on a GPU where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.kernels.hypervector.operations import bind, bundle, distance, permute
from bioplastic.kernels.hypervector.vector import pack

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"


@pytest.fixture
def gpu():
    """Skip where the Triton kernels cannot run."""
    pytest.importorskip("triton")
    torch = pytest.importorskip("torch")
    if not INTERPRETED and not torch.cuda.is_available():
        pytest.skip("no CUDA or HIP device; test_the_rest_in_the_interpreter runs it")


@pytest.mark.skipif(INTERPRETED, reason="already there")
def test_the_rest_in_the_interpreter():
    """Triton chooses when it is imported, so its interpreter needs a process of its own."""
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__],
        env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("dimension", [1, 31, 33, 63, 64, 65, 500, 1000, 8200])
def test_gpu_agrees_in_every_bit(dimension):
    rng = np.random.default_rng(dimension)
    a = pack(rng.integers(0, 2, (6, dimension)))
    b = pack(rng.integers(0, 2, dimension))

    def everything(backend):
        for shift in {0, 1, 31, 32, dimension - 1, 77}:
            yield permute(a, shift, backend=backend).words
        yield bind(a, b, backend=backend).words
        yield bind(a, b, backend=backend, out=pack(np.zeros((6, dimension), int))).words
        yield bundle(a, b, backend=backend).words
        yield bundle(pack(a.bits()[:5]), backend=backend).words
        yield distance(b, a, backend=backend)

    for found, wanted in zip(everything("gpu"), everything("reference"), strict=True):
        assert np.array_equal(found, wanted)


@pytest.mark.skipif(INTERPRETED, reason="the interpreter stands in for a GPU")
def test_no_gpu_is_a_refusal(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    reason = "triton is not installed" if find_spec("triton") is None else "no CUDA or HIP device"
    one = pack(np.array([1, 0, 1]))
    with pytest.raises(UsageError, match=f"backend = 'gpu': .*{reason}"):
        bind(one, one, backend="gpu")
