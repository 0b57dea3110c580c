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

from bioplastic.errors import UsageError
from bioplastic.kernels.feedforward.layer import EventDriven, TimeBatched
from bioplastic.kernels.feedforward.run import run
from tests.feedforward.drawn import case, cases, same
from tests.interpreter import INTERPRETED

PLAIN = {
    "longest": 2, "levels": 3, "parallel": 2, "alpha": True, "adaptive": True, "t_ref": 2,
}  # fmt: skip


@pytest.fixture
def gpu():
    """The Triton module, where it can run."""
    pytest.importorskip("triton")
    torch = pytest.importorskip("torch")
    if not INTERPRETED and not torch.cuda.is_available():
        pytest.skip("no CUDA or HIP device; test_the_rest_in_the_interpreter runs it")
    return importlib.import_module("bioplastic.kernels.feedforward.gpu")


@pytest.mark.slow
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


some = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.mark.usefixtures("gpu")
@some
@given(drawn=cases(sizes=(1, 3, 33), steps=4, depth=2, longest=(0, 1)))
def test_gpu_agrees_in_every_bit(drawn):
    agree(drawn)


@pytest.mark.study
@pytest.mark.usefixtures("gpu")
@settings(some, max_examples=2000)
@given(drawn=cases(steps=8, longest=(0, 1, 4)))
def test_gpu_agrees_on_many_drawn_layers(drawn):
    agree(drawn)


def agree(drawn):
    wanted = run(drawn.layers, drawn.spikes, backend="reference")
    for method in (EventDriven(), TimeBatched(steps=3)):
        same(run(drawn.layers, drawn.spikes, backend="gpu", method=method), wanted)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(("method", "steps"), [(EventDriven(), 6), (TimeBatched(steps=40), 70)])
def test_more_than_one_block_of_everything(method, steps):
    """More neurons than a program has, more steps than a tile, more neurons before than a tile."""
    kinds = PLAIN | {"parallel": 1, "longest": 1, "offset": 20.0}
    made = case(np.random.default_rng(1), 1 + steps // 70, steps, 0.1, [70, 150], **kinds)
    wanted = run(made.layers, made.spikes)
    assert wanted.spikes["p1"].any()
    same(run(made.layers, made.spikes, backend="gpu", method=method), wanted)


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("method", [EventDriven(), TimeBatched()])
def test_a_split_run_equals_the_whole(method):
    made = case(np.random.default_rng(2), 2, 8, 0.2, [33, 31], **PLAIN | {"levels": 1})
    first = run(made.layers, made.spikes[:, :5], backend="gpu", method=method)
    rest = run(made.layers, made.spikes[:, 5:], backend="gpu", method=method, state=first.state)
    assert rest.state.difference(run(made.layers, made.spikes).state) == []


@pytest.mark.skipif(INTERPRETED, reason="the interpreter stands in for a GPU")
def test_no_gpu_is_a_refusal(monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    reason = "triton is not installed" if find_spec("triton") is None else "no CUDA or HIP device"
    made = case(np.random.default_rng(3), 1, 1, 0.3, [3, 3], **PLAIN)
    with pytest.raises(UsageError, match=f"backend = 'gpu': .*{reason}"):
        run(made.layers, made.spikes, backend="gpu")
