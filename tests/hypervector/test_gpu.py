"""The Triton kernels: the same bits in Triton's interpreter, and on a GPU where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioplastic.errors import UsageError
from bioplastic.kernels.hypervector.operations import bind, bundle, distance, permute
from bioplastic.kernels.hypervector.vector import Hypervectors, last_word, pack
from tests.interpreter import INTERPRETED


@pytest.fixture
def gpu():
    """Skip where the Triton kernels cannot run."""
    pytest.importorskip("triton")
    torch = pytest.importorskip("torch")
    if not INTERPRETED and not torch.cuda.is_available():
        pytest.skip("no CUDA or HIP device; test_the_rest_in_the_interpreter runs it")


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
@pytest.mark.parametrize("dimension", [1, 31, 33, 63, 64, 65, 500, 1000, 8200])
def test_gpu_agrees_in_every_bit(dimension):
    agree(dimension, 6, dimension, {0, 1, 31, 32, dimension - 1, 77})


some = settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
drawn = given(
    dimension=st.one_of(st.sampled_from([1, 63, 64, 65, 500, 1000]), st.integers(1, 2000)),
    many=st.sampled_from([6, 8, 20]),
    seed=st.integers(0, 2**32 - 1),
    shift=st.integers(-3000, 3000),
)


@pytest.mark.usefixtures("gpu")
@some
@drawn
def test_gpu_agrees_on_drawn_vectors(dimension, many, seed, shift):
    agree(dimension, many, seed, {shift})


@pytest.mark.study
@pytest.mark.usefixtures("gpu")
@settings(some, max_examples=2000)
@drawn
def test_gpu_agrees_on_many_drawn_vectors(dimension, many, seed, shift):
    agree(dimension, many, seed, {shift})


def agree(dimension, many, seed, shifts):
    rng = np.random.default_rng(seed)
    a = pack(rng.integers(0, 2, (many, dimension)))
    b = pack(rng.integers(0, 2, dimension))
    poison = np.full((many, a.words.shape[-1]), last_word(1))

    def everything(backend):
        for shift in shifts:
            yield permute(a, shift, backend=backend).words
        yield bind(a, b, backend=backend).words
        out = Hypervectors(words=poison.copy(), dimension=dimension)
        yield bind(a, b, backend=backend, out=out).words
        yield bundle(a, b, backend=backend).words
        yield bundle(pack(a.bits()[:5]), backend=backend).words
        yield distance(b, a, backend=backend)

    for found, wanted in zip(everything("gpu"), everything("reference"), strict=True):
        assert np.array_equal(found, wanted)
    for found, wanted in zip(everything("cpu"), everything("reference"), strict=True):
        assert np.array_equal(found, wanted)


@pytest.mark.skipif(INTERPRETED, reason="the interpreter stands in for a GPU")
def test_no_gpu_is_a_refusal(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    reason = "triton is not installed" if find_spec("triton") is None else "no CUDA or HIP device"
    one = pack(np.array([1, 0, 1]))
    with pytest.raises(UsageError, match=f"backend = 'gpu': .*{reason}"):
        bind(one, one, backend="gpu")
