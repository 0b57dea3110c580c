"""The ops on tensors that stay on a GPU, in Triton's interpreter or on one: the bits of numba."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from bioplastic.bridge.module import IntegerModule
from bioplastic.bridge.ops import Numba, Triton
from bioplastic.bridge.ops_program import INTERPRETED
from bioplastic.kernels.feedforward.layer import EventDriven, TimeBatched
from bioplastic.kernels.sparse.executors import OneProgram, Windows
from bioplastic.quantize import lower
from tests.bridge.scenes import drawn_spikes
from tests.circuit.test_gpu import scenario
from tests.feedforward.drawn import case
from tests.sparse_gpu.test_gpu import DT, balanced, learner
from tests.sparse_gpu.test_launch import strangers


def still():
    """A recurrent network that does not learn."""
    return balanced(33, 20, 5 * DT)


@pytest.fixture
def where():
    """The device; skip where nothing can run the kernels."""
    pytest.importorskip("triton")
    if not INTERPRETED and not torch.cuda.is_available():
        pytest.skip("no CUDA or HIP device; test_the_rest_in_the_interpreter runs it")
    return torch.device("cpu" if INTERPRETED else "cuda")


@pytest.mark.skipif(INTERPRETED, reason="already there")
@pytest.mark.slow
@pytest.mark.parametrize("marks", ["not study", pytest.param("study", marks=pytest.mark.study)])
def test_the_rest_in_the_interpreter(marks):
    """Triton chooses when it is imported, so its interpreter needs a process of its own."""
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marks, __file__],
        env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def same(program, how, given, where, *, before=(), cut):
    """Two calls of Triton, one after the other, against two of numba and one of both together."""
    numba, triton = (IntegerModule(program, executor=e) for e in (Numba(), Triton(how=how)))
    start = numba.initial_state(len(given))
    for earlier in before:
        start = numba(earlier, start)[1]
    wanted = numba.record(given, start)
    triton.to(where)
    mine, yours, fired = start.to(where), start, []
    for part in (given[:, :cut], given[:, cut:]):
        found, told = triton.record(part.to(where), mine), numba.record(part, yours)
        assert all(torch.equal(found.made[k].cpu(), told.made[k]) for k in told.made)
        mine, yours = found.state, told.state
        fired.append(next(iter(found.made.values())).cpu())
    assert mine.difference(wanted.state) == []
    assert torch.equal(torch.cat(fired, dim=1), next(iter(wanted.made.values())))
    return wanted


@pytest.mark.parametrize(
    ("how", "make"),
    [
        pytest.param(Windows(block=32), learner, id="windows, learns"),
        pytest.param(OneProgram(block=32), still, id="one program, static"),
        pytest.param(OneProgram(block=32), strangers, id="one program, strangers"),
        pytest.param(
            Windows(block=32), strangers, id="windows, strangers", marks=pytest.mark.study
        ),
        pytest.param(Windows(block=32), still, id="windows, static", marks=pytest.mark.study),
        pytest.param(OneProgram(block=32), learner, id="one, learns", marks=pytest.mark.study),
    ],
)
def test_sparse(where, how, make):
    lowered = lower(make(), DT, fraction=8, plastic_bits=16)
    rng = np.random.default_rng(7)
    before = drawn_spikes(rng, lowered, 2, 90, 0.2)
    wanted = same(
        lowered, how, drawn_spikes(rng, lowered, 2, 5, 0.4), where, before=[before], cut=2
    )
    assert wanted.state["recent"].any()
    assert wanted.made["counters"][:, 1].min() > 10


@pytest.mark.parametrize(
    "how", [EventDriven(), TimeBatched(steps=5)], ids=lambda h: type(h).__name__
)
def test_feedforward(where, how):
    drawn = case(
        np.random.default_rng(5), batch=2, steps=7, density=0.3, sizes=[33, 40, 5], longest=4,
        levels=3, parallel=2, alpha=True, adaptive=True, t_ref=2, offset=0.6,
    )  # fmt: skip
    given = torch.from_numpy(drawn.spikes)
    assert same(drawn.layers, how, given, where, before=[given], cut=3).made["spikes"].any()


def test_circuit(where, circuit):
    lowered, symbols, _ = scenario(circuit, "everything")
    given = torch.tensor(np.stack([symbols, symbols[::-1]]), dtype=torch.int32)
    given[1, 2] = -1
    wanted = same(lowered, None, given[:, :4], where, cut=2)
    assert wanted.made["written"].min() > 0


@pytest.mark.parametrize("make", [learner, still, strangers])
def test_a_run_can_be_captured(where, make):
    if INTERPRETED:
        pytest.skip("the interpreter has no graphs")
    lowered = lower(make(), DT, fraction=8, plastic_bits=16)
    module = IntegerModule(lowered).to(where)
    rng = np.random.default_rng(7)
    spikes = drawn_spikes(rng, lowered, 2, 20, 0.4).to(where)
    state = module.initial_state(2)
    module(spikes, state)  # compiles, and brings the tables
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        found, after = module(spikes, state)
    spikes.copy_(drawn_spikes(rng, lowered, 2, 20, 0.4))
    graph.replay()
    wanted, end = module(spikes, state)
    assert torch.equal(found, wanted)
    assert after.difference(end) == []
