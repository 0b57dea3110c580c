"""The Triton executors equal the reference in every bit: in Triton's interpreter, or on a GPU."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brian2 import ms, mV, nA, pA, second
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    AlphaCurrent,
    Connectivity,
    DendriticTree,
    ExponentialCurrent,
    HardWTA,
    Network,
    PairSTDP,
    PermanenceSTDP,
    PlateauBranch,
    PlateauHomeostasis,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.description.connectivity import with_permanence
from bioplastic.errors import UsageError
from bioplastic.kernels.dispatch import KernelRun, run, run_batch
from bioplastic.kernels.sparse.executors import OneProgram, Windows
from bioplastic.kernels.sparse.state import initial_state
from bioplastic.quantize import lower
from tests.interpreter import INTERPRETED

DT = 0.1 * ms
SAME = ("spikes", "synaptic_events", "weight_updates", "saturations")
EXECUTORS = (Windows(block=32), OneProgram(block=32))
some = settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # the interpreter is too slow to shrink in
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@pytest.mark.skipif(INTERPRETED, reason="already there")
@pytest.mark.slow
@pytest.mark.parametrize("marks", ["not study", pytest.param("study", marks=pytest.mark.study)])
def test_the_rest_in_the_interpreter(marks):
    """Triton chooses when it is imported, so its interpreter needs a process of its own."""
    pytest.importorskip("triton")
    here = [__file__, str(Path(__file__).with_name("test_strangers.py"))]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", marks, *here],
        env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def assert_equal(a: KernelRun, b: KernelRun) -> None:
    for kind in ("spikes", "onsets"):
        left, right = getattr(a, kind), getattr(b, kind)
        assert list(left) == list(right)
        for name in left:
            np.testing.assert_array_equal(left[name].steps, right[name].steps, err_msg=name)
            np.testing.assert_array_equal(left[name].ids, right[name].ids, err_msg=name)
    assert a.state.difference(b.state) == []
    assert {n: a.counters[n] for n in SAME} == {n: b.counters[n] for n in SAME}
    assert updates(a) == updates(b)


def updates(a: KernelRun) -> int:
    """Neuron updates, those included that the cpu executor skips."""
    return a.counters["neuron_updates"] + a.counters["neuron_updates_skipped"]


def joined(a: KernelRun, b: KernelRun) -> KernelRun:
    """Two runs, the second from where the first stopped, as one."""

    def records(left, right):
        return {
            n: replace(r, steps=np.concatenate([left[n].steps, r.steps]),
                       ids=np.concatenate([left[n].ids, r.ids]))
            for n, r in right.items()
        }  # fmt: skip

    return KernelRun(
        spikes=records(a.spikes, b.spikes), onsets=records(a.onsets, b.onsets), state=b.state,
        counters={n: a.counters[n] + b.counters[n] for n in b.counters},
    )  # fmt: skip


def chained(lowered, state, pieces) -> KernelRun:
    """Run (steps, backend, executor) after (steps, backend, executor)."""
    runs = []
    for steps, backend, executor in pieces:
        kept = state.copy()
        runs.append(run(lowered, steps, backend=backend, executor=executor, state=state))
        assert state.difference(kept) == []
        state = runs[-1].state
    return reduce(joined, runs)


FAST = ExponentialCurrent(name="fast", tau=3 * ms)
SLOW = AlphaCurrent(name="slow", tau=4 * ms)
TREE = DendriticTree(
    branches=(PlateauBranch(threshold=30 * pA, duration=1.5 * ms, tau_trace=20 * ms),)
)
PERIOD = 300  # steps of given spikes


def drawn_train(rng, size, spikes):
    at = np.unique(rng.integers(0, size * PERIOD, spikes))
    return SpikeTrain(i=at % size, t=(at // size) * 1e-4 * second)


@st.composite
def projections(draw: st.DrawFn, rng, name: str, sizes: dict[str, int]) -> Projection:
    """Synapses of any kind; `in` is a source, `q` has no branches."""
    pre, post = draw(st.sampled_from(sorted(sizes))), draw(st.sampled_from(["p", "p", "q"]))
    target = draw(st.sampled_from(["fast", "slow", "distal"] if post == "p" else ["fast"]))
    i, j = np.nonzero(rng.random((sizes[pre], sizes[post])) < draw(st.sampled_from([0.1, 0.6])))
    delays = np.array(draw(st.sampled_from([(0,), (1,), (7,), (0, 4), (3, 5), (1, 2, 9)])))
    kind = draw(st.sampled_from(["static", "static", "pair", "permanence"]))
    low = -1 if kind == "static" and draw(st.booleans()) else 0
    c = Connectivity(
        i=i, j=j, weight=rng.uniform(low, 1, len(i)) * 2 * nA, delay=rng.choice(delays, len(i)) * DT
    )
    rule: PairSTDP | PermanenceSTDP | None = None
    if kind == "pair":
        rule = PairSTDP(w_max=2 * nA, a_plus=0.1, a_minus=0.1)
    if kind == "permanence":
        c = with_permanence(c, rng.uniform(0, 12, len(i)))
        home = PlateauHomeostasis(rate=0.1) if target == "distal" else None
        rule = PermanenceSTDP(
            w_mature=1 * nA, lambda_plus=0.2, lambda_minus=0.02, dt_min=0.2 * ms, homeostasis=home
        )
    return Projection(name=name, pre=pre, post=post, target=target, connectivity=c, plasticity=rule)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """A source, a population with everything, a plain one, and up to four projections."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = {"in": draw(st.sampled_from([1, 5, 40])), "q": draw(st.sampled_from([1, 6]))}
    sizes["p"] = draw(st.sampled_from([1, 3, 31, 33, 65]))
    neuron = {
        "t_ref": draw(st.sampled_from([0, 0.2, 2.0])) * ms,
        "v_reset": draw(st.sampled_from([-5, 0])) * mV,
        "i_offset": rng.uniform(0.3, draw(st.sampled_from([0.7, 1.5])), sizes["p"]) * nA,
        "receptors": (FAST, SLOW),
    }
    adaptive = draw(st.booleans())
    inhibition = draw(st.sampled_from([None, None, HardWTA(k=1), HardWTA(k=4, period=1.2 * ms)]))
    count = draw(st.integers(1, 4))
    return Network(
        name="drawn",
        sources=[Source(name="in", size=sizes["in"], train=drawn_train(rng, sizes["in"], 200))],
        populations=[
            Population(
                name="p",
                size=sizes["p"],
                neuron=AdaptiveLIF(tau_theta=5 * ms, theta_step=3 * mV, **neuron)
                if adaptive
                else LIF(**neuron),
                dendrites=TREE,
                inhibition=inhibition,
            ),
            Population(name="q", size=sizes["q"], neuron=LIF(receptors=(FAST,), i_offset=0.5 * nA)),
        ],
        projections=[draw(projections(rng, f"s{k}", sizes)) for k in range(count)],
    )


WINDOWS, ONE = EXECUTORS
ORDERS = [
    [(3, "gpu", WINDOWS)],
    [(3, "gpu", ONE)],
    [(1, "gpu", WINDOWS), (2, "gpu", ONE)],
    [(2, "gpu", WINDOWS), (1, "cpu", None)],
]


def busy(lowered, steps: int, pick: int):
    """A state one step before a spike, an onset or, where there is none, anywhere."""
    found = run(lowered, steps)
    records = [found.spikes[p.name] for p in lowered.populations] + list(found.onsets.values())
    at = np.unique(np.concatenate([r.steps for r in records]))
    chosen = at[pick % len(at)] if len(at) else pick % steps
    return run(lowered, max(int(chosen) - 1, 0)).state


def check(lowered, state, *orders) -> None:
    """The steps of every order from `state`, executor after executor, against the reference."""
    (steps,) = {sum(n for n, _, _ in order) for order in orders}
    wanted = run(lowered, steps, backend="reference", state=state)
    assert_equal(run(lowered, steps, state=state), wanted)
    for order in orders:
        assert_equal(chained(lowered, state, order), wanted)


drawn = given(
    network=networks(),
    seed=st.integers(0, 2**32 - 1),
    bits=st.sampled_from([8, 16]),
    pick=st.integers(0, 10**6),
    order=st.sampled_from(ORDERS),
)


@pytest.mark.usefixtures("gpu")
@some
@drawn
def test_executors_agree_on_drawn_networks(network, seed, bits, pick, order):
    lowered = lower(network, DT, seed=seed, fraction=8, plastic_bits=bits)
    check(lowered, busy(lowered, PERIOD // 2, pick), order)


@pytest.mark.study
@pytest.mark.usefixtures("gpu")
@settings(some, max_examples=2000)
@drawn
def test_executors_agree_on_many_drawn_networks(network, seed, bits, pick, order):
    """From a busy moment, and from the middle of a run over windows of several steps."""
    lowered = lower(network, DT, seed=seed, fraction=8, plastic_bits=bits)
    check(lowered, busy(lowered, PERIOD // 2, pick), order)
    a = [(1, "gpu", WINDOWS), (4, "gpu", ONE), (1, "cpu", None), (3, "gpu", WINDOWS)]
    b = [(6, "gpu", WINDOWS), (3, "gpu", ONE)]
    check(lowered, run(lowered, PERIOD // 2).state, a, b)


def connected(rng, name, sizes, pre, post, weight, delay, rule=None, share=0.1, target="fast"):
    i, j = np.nonzero(rng.random((sizes[pre], sizes[post])) < share)
    c = Connectivity(i=i, j=j, weight=weight * rng.uniform(0.2, 1, len(i)), delay=delay)
    if isinstance(rule, PermanenceSTDP):
        c = with_permanence(c, rng.uniform(0, 12, len(i)))
    return Projection(name=name, pre=pre, post=post, target=target, connectivity=c, plasticity=rule)


def balanced(excitatory: int, inhibitory: int, delay) -> Network:
    """A recurrent E/I network with one delay."""
    rng = np.random.default_rng(4)
    sizes = {"in": 50, "e": excitatory, "i": inhibitory}
    link = [(a, b) for a in ("e", "i") for b in ("e", "i")]
    weight = {"in": 400 * pA, "e": 120 * pA, "i": -500 * pA}
    return Network(
        name="balanced",
        sources=[Source(name="in", size=50, train=drawn_train(rng, 50, 150))],
        populations=[
            Population(
                name=n,
                size=sizes[n],
                neuron=LIF(receptors=(FAST,), i_offset=rng.uniform(0.3, 0.7, sizes[n]) * nA),
            )
            for n in ("e", "i")
        ],
        projections=[
            connected(rng, f"{a} {b}", sizes, a, b, weight[a], delay)
            for a, b in [("in", "e"), *link]
        ],
    )


@pytest.mark.usefixtures("gpu")
def test_a_recurrent_network_over_many_windows():
    from bioplastic.kernels.sparse.gpu_layout import lay_out
    from bioplastic.kernels.sparse.gpu_plan import parts
    from bioplastic.kernels.sparse.gpu_windows import window_of

    lowered = lower(balanced(193, 65, 0.5 * ms), DT)
    assert window_of(parts(lowered, lay_out(lowered).word), Windows()) == 5
    state = run(lowered, 100).state
    wanted = run(lowered, 125, state=state)
    assert wanted.counters["spikes"] > 50
    found = run(lowered, 125, backend="gpu", state=state)
    assert_equal(found, wanted)
    assert found.counters["neuron_updates_skipped"] == 0


def learner() -> Network:
    """A small network with both rules, a competition and adaptive thresholds."""
    rng = np.random.default_rng(8)
    sizes = {"in": 33, "p": 35}
    pair = PairSTDP(w_max=800 * pA, a_plus=0.1, a_minus=0.11)
    neuron = AdaptiveLIF(
        receptors=(FAST,), t_ref=0.5 * ms, i_offset=0.55 * nA, tau_theta=5 * ms, theta_step=3 * mV
    )
    open_ = PermanenceSTDP(w_mature=30 * pA, lambda_plus=0.3, dt_min=0.3 * ms)
    return Network(
        name="learner",
        sources=[Source(name="in", size=33, train=drawn_train(rng, 33, 400))],
        populations=[
            Population(
                name="p", size=35, neuron=neuron, dendrites=TREE,
                inhibition=HardWTA(k=5, period=3 * ms),
            )
        ],
        projections=[
            connected(rng, "feed", sizes, "in", "p", 700 * pA, 0.3 * ms, pair, 0.6),
            connected(rng, "wide", sizes, "p", "p", 1 * pA, 0.2 * ms, open_, 0.4, "distal"),
        ],
    )  # fmt: skip


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("executor", EXECUTORS, ids=lambda e: type(e).__name__)
def test_a_batch_is_what_its_members_are_alone(executor):
    lowered = lower(learner(), DT, fraction=8)
    states = [run(lowered, n).state for n in (130, 0, 171)]
    rng = np.random.default_rng(1)
    trains = [{}, {"in": (rng.permutation(40), rng.integers(0, 33, 40))}, {}]
    how: dict[str, Any] = {"states": states, "sources": trains, "seeds": [3, 4, 2**32 - 1]}
    batch = run_batch(lowered, 12, backend="gpu", executor=executor, **how)
    alone = run_batch(lowered, 12, backend="reference", **how)
    assert sum(r.counters["weight_updates"] for r in alone) > 100
    assert len({r.counters["synaptic_events"] for r in alone}) > 1
    for a, b in zip(batch, alone, strict=True):
        assert_equal(a, b)


@pytest.mark.usefixtures("gpu")
def test_a_long_run_is_recorded_in_stretches(monkeypatch):
    from bioplastic.kernels.sparse import gpu

    lowered = lower(balanced(31, 1, 0.5 * ms), DT)
    state = run(lowered, 120).state
    wanted = run(lowered, 30, backend="reference", state=state)
    monkeypatch.setattr(gpu, "ROOM", 13 * 4)
    assert_equal(run(lowered, 30, backend="gpu", state=state), wanted)


@pytest.mark.usefixtures("gpu")
def test_no_step_changes_nothing():
    lowered = lower(learner(), DT, fraction=8)
    for executor in EXECUTORS:
        none = run(lowered, 0, backend="gpu", executor=executor)
        assert_equal(none, run(lowered, 0, backend="reference"))


@pytest.mark.usefixtures("gpu")
def test_launches_of_a_window_can_be_captured(monkeypatch):
    torch = pytest.importorskip("torch")
    if INTERPRETED:
        pytest.skip("the interpreter has no graphs")
    from bioplastic.kernels.sparse import gpu_windows

    launch = gpu_windows.launch
    lowered = lower(learner(), DT, fraction=8)
    wanted = run(lowered, 60, backend="gpu")  # compiles

    def captured(plan, executor):
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            launch(plan, executor)
        graph.replay()

    monkeypatch.setattr(gpu_windows, "launch", captured)
    assert_equal(run(lowered, 60, backend="gpu"), wanted)


@pytest.mark.skipif(INTERPRETED, reason="the interpreter stands in for a GPU")
def test_no_gpu_is_a_refusal(monkeypatch):
    torch = pytest.importorskip("torch")
    pytest.importorskip("triton")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match=r"backend = 'gpu': .*no CUDA or HIP device"):
        run(lower(learner(), DT, fraction=8), 1, backend="gpu")


def test_executors_refuse_what_they_cannot_be():
    with pytest.raises(UsageError, match="Windows: block = 48: must be a power of two"):
        Windows(block=48)
    with pytest.raises(UsageError, match="OneProgram: block = 2048"):
        OneProgram(block=2048)
    with pytest.raises(UsageError, match="longest = 0 steps: must be >= 1"):
        Windows(longest=0)


def test_a_batch_refuses_what_does_not_fit():
    lowered = lower(learner(), DT, fraction=8)
    start, one, two = initial_state(lowered), np.array([1]), np.array([1, 1])
    with pytest.raises(UsageError, match="is for backend = 'gpu', not 'cpu'"):
        run(lowered, 1, executor=Windows())
    with pytest.raises(UsageError, match="seeds: 2 entries for 1 states"):
        run_batch(lowered, 1, states=[start], seeds=[1, 2])
    with pytest.raises(UsageError, match=r"seed = -1: must be in 0\.\.2\^32 - 1"):
        run_batch(lowered, 1, states=[start], seeds=[-1])
    with pytest.raises(UsageError, match="no source 'im'; did you mean 'in'"):
        run_batch(lowered, 1, states=[start], sources=[{"im": (one, one)}])
    with pytest.raises(UsageError, match=r"in: spike of id 33 in step 1: ids are 0\.\.32"):
        run_batch(lowered, 1, states=[start], sources=[{"in": (one, one + 32)}])
    with pytest.raises(UsageError, match="in: id 3 spikes twice in step 1"):
        run_batch(lowered, 1, states=[start], sources=[{"in": (two, two + 2)}])
    with pytest.raises(UsageError, match="at least one"):
        run_batch(lowered, 1, states=[])
