"""What the launches of a run hand to the compiler; no GPU is asked, nothing runs."""

from __future__ import annotations

import os
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from brian2 import ms, mV, nA, pA, second

from bioplastic.description import (
    LIF,
    AlphaCurrent,
    Change,
    Connectivity,
    ExponentialCurrent,
    HardWTA,
    Network,
    PairSTDP,
    Population,
    Projection,
    Source,
    SpikeTrain,
    TraceSTDP,
)
from bioplastic.errors import UnsupportedModel
from bioplastic.kernels.dispatch import run
from bioplastic.kernels.sparse.executors import OneProgram, Windows
from bioplastic.quantize import lower
from bioplastic.quantize.integer_population import LinearState
from bioplastic.quantize.integer_rule import IntegerTraceRule
from tests.equivalence.linear_networks import conductance, cuba
from tests.equivalence.test_trace_rule import PROGRAMS

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


def stretched(rule: TraceSTDP, low: float, high: float) -> TraceSTDP:
    """A rule on weights low..high, with the steps in the same share of the range."""

    def changed(statement):
        if not isinstance(statement, Change):
            return statement
        share = (high - low) / (rule.high - rule.low)
        terms = (replace(t, coefficient=t.coefficient * share) for t in statement.terms)
        return replace(statement, terms=tuple(terms))

    on_pre, on_post = (tuple(map(changed, side)) for side in (rule.on_pre, rule.on_post))
    return replace(rule, low=low, high=high, on_pre=on_pre, on_post=on_post)


def strangers() -> Network:
    """A linear population that learns by a program on traces, and a conductance population.

    Its source spikes in every step, so that lowering scales its states for any other train too.
    """
    rng = np.random.default_rng(1)
    made, still = network(3, None), replace(conductance(3, rng, 0.2), theta_step=0 * mV)
    c = made.projections[0].connectivity
    rule = stretched(PROGRAMS["pair"], 0.0, 0.6e-3)
    at = np.arange(3 * 600)
    train = SpikeTrain(i=at % 3, t=(at // 3) * 1e-4 * second)
    return replace(
        made,
        sources=[Source(name="in", size=3, train=train)],
        populations=[
            Population(name="linear", size=3, neuron=cuba(3, rng)),
            Population(name="conductance", size=3, neuron=still),
        ],
        projections=[
            Projection(
                name="feed", pre="in", post="linear", target="ge", plasticity=rule,
                connectivity=replace(c, weight=np.full(9, 0.3e-3)),
            ),
            Projection(
                name="on", pre="linear", post="conductance", target="ge",
                connectivity=replace(c, weight=np.full(9, 0.1)),
            ),
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
@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: network(17, None), id="static"),
        pytest.param(lambda: network(17, PairSTDP(w_max=1 * nA)), id="pair"),
        pytest.param(strangers, id="strangers"),
    ],
)
def test_another_length_is_no_other_kernel_and_nothing_is_read_back(launched, made):
    lowered = lower(made(), 0.1 * ms, plastic_bits=16)
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


class NewRule(IntegerTraceRule):
    """A rule that is like one that is known, and is not."""


def test_kinds_that_the_kernels_do_not_know_are_refused_by_name():
    pytest.importorskip("triton")
    from bioplastic.kernels.sparse.gpu_plan import check_known

    lowered = lower(network(17, None), 0.1 * ms)
    check_known(lowered)
    rule = NewRule(pre_traces=(), post_traces=(), on_pre=(), on_post=(), low=0, high=127, shift=0)
    learning = replace(lowered, projections=(replace(lowered.projections[0], rule=rule),))
    with pytest.raises(UnsupportedModel, match=r"launched: feed: NewRule: the GPU .* on traces"):
        check_known(learning)
    population: Any = lowered.populations[0]
    linear = replace(population, channels=(LinearState(name="x", lsb=1.0),))
    with pytest.raises(UnsupportedModel, match="launched: p: LinearState: the GPU"):
        check_known(replace(lowered, populations=(linear,)))
    unknown: Any = SimpleNamespace(name="p", size=17, channels=())
    with pytest.raises(UnsupportedModel, match="launched: p: SimpleNamespace: the GPU"):
        check_known(replace(lowered, populations=(unknown,)))


def test_a_factor_that_does_not_fit_its_bits_is_refused():
    pytest.importorskip("triton")
    from bioplastic.kernels.sparse.gpu_plan import check_known

    lowered = lower(strangers(), 0.1 * ms)
    check_known(lowered)
    p: Any = lowered["linear"]
    wide = replace(p, held=replace(p.held, matrix=p.held.matrix + (1 << 31)))
    with pytest.raises(UnsupportedModel, match=r"linear: a propagator of 3: .* factors below 2"):
        check_known(replace(lowered, populations=(wide,)))


@pytest.mark.usefixtures("launched")
def test_a_competition_too_large_for_a_program_is_refused():
    lowered = lower(network(4097, None, HardWTA(k=1)), 0.1 * ms)
    with pytest.raises(UnsupportedModel, match=r"p: HardWTA among 4097 neurons: .*at most 4096"):
        run(lowered, 1, backend="gpu")
