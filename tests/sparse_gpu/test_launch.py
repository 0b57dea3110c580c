"""What the launches of a run hand to the compiler; no GPU is asked, nothing runs."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from brian2 import ms, nA, pA, second

from bioplastic.description import (
    LIF,
    AlphaCurrent,
    Connectivity,
    ExponentialCurrent,
    HardWTA,
    Network,
    PairSTDP,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.errors import UnsupportedModel
from bioplastic.kernels.dispatch import run
from bioplastic.kernels.sparse.executors import OneProgram, Windows
from bioplastic.quantize import lower
from bioplastic.quantize.integer_population import LinearState
from bioplastic.quantize.integer_rule import IntegerTraceRule

pytestmark = pytest.mark.skipif(
    os.environ.get("TRITON_INTERPRET") == "1", reason="the interpreter compiles nothing"
)


def network(size: int, rule: PairSTDP | None, inhibition: HardWTA | None = None) -> Network:
    """A source and a population."""
    i, j = np.divmod(np.arange(3 * size), size)
    neuron = LIF(
        receptors=(
            ExponentialCurrent(name="fast", tau=2 * ms),
            AlphaCurrent(name="slow", tau=3 * ms),
        ),
        i_offset=0.6 * nA,
    )
    train = SpikeTrain(i=np.array([0, 2]), t=np.array([1, 2]) * 1e-3 * second)
    c = Connectivity(i=i, j=j, weight=np.full(len(i), 50) * pA, delay=0.3 * ms)
    return Network(
        name="launched",
        sources=[Source(name="in", size=3, train=train)],
        populations=[Population(name="p", size=size, neuron=neuron, inhibition=inhibition)],
        projections=[
            Projection(name="feed", pre="in", post="p", target="fast", connectivity=c,
                       plasticity=rule)
        ],
    )  # fmt: skip


@pytest.fixture
def launched(monkeypatch):
    """Kernels that a run would launch, by name and hash of the code; reading back is an error."""
    pytest.importorskip("triton")
    torch = pytest.importorskip("torch")
    from triton.backends.compiler import GPUTarget
    from triton.runtime import driver
    from triton.runtime.jit import JITFunction

    from bioplastic.kernels.sparse import gpu, gpu_program, gpu_windows

    class NoDevice:
        def get_current_target(self):
            return GPUTarget("cuda", 90, 32)

        def get_current_device(self):
            return 0

        def get_current_stream(self, device=None):
            return 0

        def get_active_torch_device(self):
            return torch.device("cpu")

    found: list[tuple[str, str]] = []
    compile_only = JITFunction.run

    def compiled(self, *args, grid, warmup, **how):
        kernel = compile_only(self, *args, grid=grid, warmup=True, **how)
        found.append((self.__name__, kernel.hash))

    def no_reading(*_, **__):
        raise AssertionError("a launch waits for the GPU")

    def watched(launch):
        def all_launches(plan, executor):
            with pytest.MonkeyPatch.context() as reading:
                for name in ("cpu", "numpy", "item", "tolist", "__bool__", "__int__"):
                    reading.setattr(torch.Tensor, name, no_reading)
                launch(plan, executor)

        return all_launches

    monkeypatch.setattr(JITFunction, "run", compiled)
    monkeypatch.setattr(gpu, "device", lambda: torch.device("cpu"))
    for module in (gpu_windows, gpu_program):
        monkeypatch.setattr(module, "launch", watched(module.launch))
    monkeypatch.setattr(driver, "_active", NoDevice())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("rule", [None, PairSTDP(w_max=1 * nA)], ids=["static", "pair"])
def test_another_length_is_no_other_kernel_and_nothing_is_read_back(launched, rule):
    lowered = lower(network(17, rule), 0.1 * ms)
    for executor in (Windows(longest=8), OneProgram()):
        run(lowered, 5, backend="gpu", executor=executor)
    known = set(launched)
    before = len(launched)
    for steps in (1, 2, 16, 33):
        for executor in (Windows(longest=8), OneProgram()):
            run(lowered, steps, backend="gpu", executor=executor)
    assert len(launched) > before
    assert set(launched) == known


@pytest.mark.slow
def test_two_launches_a_window(launched):
    run(lower(network(17, None), 0.1 * ms), 24, backend="gpu", executor=Windows(longest=8))
    assert [name for name, _ in launched] == ["deliver", "advance"] * 3


def test_kinds_that_the_kernels_do_not_know_are_refused_by_name():
    pytest.importorskip("triton")
    from bioplastic.kernels.sparse.gpu_plan import check_known

    lowered = lower(network(17, None), 0.1 * ms)
    check_known(lowered)
    rule = IntegerTraceRule(
        pre_traces=(), post_traces=(), on_pre=(), on_post=(), low=0, high=127, shift=0
    )
    learning = replace(lowered, projections=(replace(lowered.projections[0], rule=rule),))
    with pytest.raises(UnsupportedModel, match="launched: feed: IntegerTraceRule: the GPU"):
        check_known(learning)
    population: Any = lowered.populations[0]
    linear = replace(population, channels=(LinearState(name="x", lsb=1.0),))
    with pytest.raises(UnsupportedModel, match="launched: p: LinearState: the GPU"):
        check_known(replace(lowered, populations=(linear,)))


@pytest.mark.usefixtures("launched")
def test_a_competition_too_large_for_a_program_is_refused():
    lowered = lower(network(4097, None, HardWTA(k=1)), 0.1 * ms)
    with pytest.raises(UnsupportedModel, match=r"p: HardWTA among 4097 neurons: .*at most 4096"):
        run(lowered, 1, backend="gpu")
