"""The Triton kernels: the same bits in Triton's interpreter, and on a GPU where there is one."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioplastic.errors import UsageError
from bioplastic.kernels.spikecode.codes import CODES, BinaryCount, TernaryCount, TwosComplement
from tests.interpreter import INTERPRETED


@pytest.fixture
def gpu():
    """The Triton module, where it can run."""
    pytest.importorskip("triton")
    torch = pytest.importorskip("torch")
    if not INTERPRETED and not torch.cuda.is_available():
        pytest.skip("no CUDA or HIP device; test_the_rest_in_the_interpreter runs it")
    return importlib.import_module("bioplastic.kernels.spikecode.gpu")


@pytest.mark.skipif(INTERPRETED, reason="already there")
@pytest.mark.parametrize("marks", ["not study", pytest.param("study", marks=pytest.mark.study)])
def test_the_rest_in_the_interpreter(marks):
    """Triton chooses when it is imported, so its interpreter needs a process of its own."""
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marks, __file__],
        env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("size", [0, 1, 63, 500, 1000])
@pytest.mark.parametrize("code", CODES)
def test_gpu_agrees_in_every_bit(code, size):
    low = -20 if code in (TernaryCount, TwosComplement) else 0
    x = np.random.default_rng(size).integers(low, 21, size)
    wanted = code().encode(x, 21, backend="reference").spikes
    assert np.array_equal(code().encode(x, 21, backend="gpu").spikes, wanted)
    assert np.array_equal(code().decode(wanted, backend="gpu"), x)


some = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
drawn = given(
    code=st.sampled_from(CODES), size=st.integers(0, 70), seed=st.integers(0, 2**32 - 1),
    largest=st.integers(0, 40),
)  # fmt: skip


@pytest.mark.usefixtures("gpu")
@some
@drawn
def test_gpu_agrees_on_drawn_numbers(code, size, seed, largest):
    agree(code, size, seed, largest)


@pytest.mark.study
@pytest.mark.usefixtures("gpu")
@settings(some, max_examples=2000)
@drawn
def test_gpu_agrees_on_many_drawn_numbers(code, size, seed, largest):
    agree(code, size, seed, largest)


def agree(code, size, seed, largest):
    low = -largest if code in (TernaryCount, TwosComplement) else 0
    x = np.random.default_rng(seed).integers(low, largest + 1, size)
    wanted = code().encode(x, largest + 2, saturate=True, backend="reference").spikes
    for backend in ("cpu", "gpu"):
        found = code().encode(x, largest + 2, saturate=True, backend=backend).spikes
        assert np.array_equal(found, wanted)
        assert np.array_equal(code().decode(wanted, backend=backend), x)


def test_gpu_agrees_on_large_numbers(gpu):
    x = np.array([2**62 - 1, 1 - 2**62, 2**40 + 1, -1, 0])
    from bioplastic.kernels.spikecode import reference

    assert np.array_equal(gpu.Gpu().positional(x, 62), reference.positional(x, 62))


@pytest.mark.skipif(INTERPRETED, reason="the interpreter stands in for a GPU")
def test_no_gpu_is_a_refusal(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    reason = "triton is not installed" if find_spec("triton") is None else "no CUDA or HIP device"
    with pytest.raises(UsageError, match=f"backend = 'gpu': .*{reason}"):
        BinaryCount().encode(np.array([1]), backend="gpu")
