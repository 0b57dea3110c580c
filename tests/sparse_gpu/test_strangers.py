"""Linear and conductance neurons and programs on traces in Triton: the reference's bits.

These are the parts that other people's networks are read as. `test_gpu` runs this file in the
interpreter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from brian2 import ms, nA
from hypothesis import given, settings
from hypothesis import strategies as st

from bioplastic.description import (
    LIF,
    Connectivity,
    ExponentialCurrent,
    LinearIF,
    Network,
    PairSTDP,
    Population,
    Projection,
    Source,
)
from bioplastic.kernels.dispatch import run, run_batch
from bioplastic.kernels.sparse.executors import OneProgram, Windows
from bioplastic.quantize import lower
from bioplastic.quantize.integer_population import IntegerConductance, IntegerLinear
from tests.equivalence.linear_networks import STEPS, conductance, cuba, dendritic, networks
from tests.equivalence.test_linear import BRIAN, driven
from tests.equivalence.test_trace_rule import PROGRAMS, connectivities, feed, rules
from tests.interpreter import INTERPRETED
from tests.sparse_gpu.test_gpu import (
    DT,
    EXECUTORS,
    ORDERS,
    WINDOWS,
    assert_equal,
    busy,
    check,
    drawn_train,
    some,
)
from tests.sparse_gpu.test_launch import stretched

pytestmark = pytest.mark.usefixtures("gpu")
sizes = st.sampled_from([1, 3, 5, 33])
seeds = st.integers(0, 2**32 - 1)


drawn_states = given(
    network=st.one_of(networks(sizes=[1, 3, 5, 33]), networks(sizes=[1, 3, 5, 33], least=3)),
    pick=st.integers(0, 10**6),
    order=st.sampled_from(ORDERS),
)


def agree_on_states(network, pick, order):
    lowered = lower(network, DT)
    check(lowered, busy(lowered, STEPS, pick), order)


@some
@drawn_states
def test_neurons_agree_on_drawn_networks(network, pick, order):
    agree_on_states(network, pick, order)


@pytest.mark.study
@settings(some, max_examples=1000)
@drawn_states
def test_neurons_agree_on_many_drawn_networks(network, pick, order):
    agree_on_states(network, pick, order)


@st.composite
def learners(draw: st.DrawFn):
    """Any program on any synapses between sources and neurons of any kind, lowered."""
    rng, rule = np.random.default_rng(draw(seeds)), draw(rules())
    n_pre, n_post = draw(sizes), draw(sizes)
    q = draw(connectivities(n_pre, n_post, rule.low, rule.high, rng))
    back = draw(connectivities(n_post, n_post, rule.low, rule.high, rng))
    network = feed(rule, q, n_pre, n_post, rng, recurrent=back)
    bits = draw(st.sampled_from([8, 16]))
    return lower(network, DT, seed=draw(seeds), fraction=8, plastic_bits=bits)


drawn_learners = given(
    lowered=learners(), pick=st.integers(0, 10**6), order=st.sampled_from(ORDERS)
)


@some
@drawn_learners
def test_programs_agree_on_drawn_networks(lowered, pick, order):
    check(lowered, busy(lowered, 200, pick), order)


@pytest.mark.study
@settings(some, max_examples=1000)
@drawn_learners
def test_programs_agree_on_many_drawn_networks(lowered, pick, order):
    check(lowered, busy(lowered, 200, pick), order)


RNG = np.random.default_rng(3)


@pytest.mark.parametrize("executor", EXECUTORS, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("event", ["plateau", "clear", "late"])
def test_events_happen(event, executor):
    neuron, target, weight = BRIAN["dendritic"]
    lowered = lower(driven(neuron, target, weight), DT)
    at = int(run(lowered, 1000).onsets[f"p.{event}"].steps[0])
    state = run(lowered, at - 1).state
    wanted = run(lowered, 4, backend="reference", state=state)
    assert len(wanted.onsets[f"p.{event}"].ids)
    assert_equal(run(lowered, 4, backend="gpu", executor=executor, state=state), wanted)


@pytest.mark.parametrize("name", ["cuba", "conductance", "conductance again"])
def test_windows_of_many_steps(name):
    from bioplastic.kernels.sparse.gpu_layout import lay_out
    from bioplastic.kernels.sparse.gpu_plan import parts
    from bioplastic.kernels.sparse.gpu_windows import window_of

    neuron, target, weight = BRIAN[name]
    lowered = lower(driven(neuron, target, weight), DT)
    assert window_of(parts(lowered, lay_out(lowered).word), WINDOWS) == WINDOWS.longest
    state = busy(lowered, 900, 3)
    wanted = run(lowered, 9, backend="reference", state=state)
    assert wanted.counters["spikes"] > 0
    assert_equal(run(lowered, 9, backend="gpu", executor=WINDOWS, state=state), wanted)


@pytest.mark.study
def test_twenty_states_are_no_other_kernel_than_three():
    """A chain: each state drives the next, the last one spikes and sets the first anew."""
    n = 20
    matrix = (np.eye(n, k=-1) - np.eye(n)) * 2000.0
    neuron = LinearIF(
        names=tuple(f"x{k}" for k in range(n)), matrix=matrix, offset=np.zeros(n),
        row=np.eye(n)[-1], theta=0.05, reset=np.eye(n) * (np.arange(n) < n - 1)[:, None],
        reset_offset=np.zeros(n), t_ref=0.3 * ms, held=("x3",), deaf=("x3",),
    )  # fmt: skip
    lowered = lower(driven(neuron, "x0", 1.0), DT)
    assert len(lowered["p"].states) == n
    for order in ORDERS[:2]:
        check(lowered, busy(lowered, 1000, 5), order)


def everything() -> Network:
    """LIF, linear and conductance neurons; static, pair, permanence and trace synapses."""
    rng = np.random.default_rng(6)
    lif = LIF(receptors=(ExponentialCurrent(name="fast", tau=3 * ms),), i_offset=0.7 * nA)
    populations = [
        Population(name="lif", size=5, neuron=lif),
        Population(name="linear", size=33, neuron=cuba(33, rng)),
        Population(name="dendritic", size=3, neuron=dendritic(3, rng, 1.0)),
        Population(name="conductance", size=3, neuron=conductance(3, rng, 0.2)),
    ]
    n = {p.name: p.size for p in populations} | {"in": 6}
    trace = PROGRAMS["triplet"]

    def feed_to(name, pre, post, target, low, high, rule=None):
        i, j = np.nonzero(rng.random((n[pre], n[post])) < 0.7)
        c = Connectivity(
            i=i, j=j, weight=rng.uniform(low, high, len(i)), delay=rng.integers(0, 4, len(i)) * DT
        )
        return Projection(
            name=name, pre=pre, post=post, target=target, connectivity=c, plasticity=rule
        )

    return Network(
        name="everything",
        sources=[Source(name="in", size=6, train=drawn_train(rng, 6, 300))],
        populations=populations,
        projections=[
            feed_to("a", "in", "lif", "fast", 0, 1e-9, PairSTDP(w_max=1 * nA, a_plus=0.1)),
            feed_to("b", "in", "linear", "ge", -1e-3, 6e-3, stretched(trace, -1e-3, 6e-3)),
            feed_to("c", "linear", "dendritic", "current", 0, 6e-3),
            feed_to("d", "in", "conductance", "ge", 0, 0.3, stretched(trace, 0.0, 0.3)),
            feed_to("e", "lif", "conductance", "v", -1e-3, 1e-3),
            feed_to("f", "conductance", "lif", "fast", -1e-9, 1e-9),
        ],
    )


def test_every_kind_in_one_network_and_a_batch_of_it():
    lowered = lower(everything(), DT, fraction=12, plastic_bits=16)
    kinds = {type(p) for p in lowered.populations}
    assert {IntegerLinear, IntegerConductance} < kinds
    how: dict[str, Any] = {
        "states": [run(lowered, n).state for n in (150, 61)],
        "seeds": [1, 2**32 - 1],
    }
    wanted = run_batch(lowered, 3, backend="reference", **how)
    assert all(r.counters["weight_updates"] > 0 for r in wanted)
    for executor in EXECUTORS:
        found = run_batch(lowered, 3, backend="gpu", executor=executor, **how)
        for a, b in zip(found, wanted, strict=True):
            assert_equal(a, b)


def lowered_model(name: str):
    """A model of tests/read in integers.

    In the one of Diehl & Cook thresholds decay in 400 ms: no integers hold a decay in 10⁴ s.
    """
    from tests.read.test_models import ACCEPTED, describe

    description = describe(next(case for case in ACCEPTED if case.build.__name__ == name))
    if name != "diehl":
        return lower(description, description.notes["dt"], plastic_bits=16)
    populations = [
        replace(p, neuron=replace(p.neuron, tau_theta=400 * ms)) for p in description.populations
    ]
    faster = replace(description, populations=populations)
    return lower(faster, description.notes["dt"], plastic_bits=16, fraction=20)


def replay(name: str, executors: Sequence[Windows | OneProgram] = EXECUTORS) -> None:
    """A read model, executors from a busy moment on, against the reference."""
    lowered = lowered_model(name)
    for pick, executor in enumerate(executors):
        check(lowered, busy(lowered, 500, 7 * pick + 1), [(3, "gpu", executor)])


NAMED = ("tutorial_transmitted", "stdp", "vogels", "diehl", "coba", "brunel")
"""In the last, a PoissonInput gives a source and a projection of one name."""


@pytest.mark.filterwarnings("ignore")  # Brian2 on objects that never run
@pytest.mark.parametrize("name", NAMED)
def test_strangers_agree(name):
    replay(name, [EXECUTORS[NAMED.index(name) % 2]])


@pytest.mark.study
@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not INTERPRETED, reason="test_the_rest_in_the_interpreter runs it")
def test_every_model_that_is_read_and_lowered_agrees():
    from bioplastic.errors import UnsupportedModel
    from tests.read.test_models import ACCEPTED

    ran, refused = [], []
    for case in ACCEPTED:
        try:
            replay(case.build.__name__)
            ran.append(case.build.__name__)
        except UnsupportedModel as error:  # of lowering, which no executor is asked about
            refused.append(f"{case.build.__name__}: {error}")
    assert not any("GPU" in line for line in refused), refused
    assert len(ran) > len(refused), refused
