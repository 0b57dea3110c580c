"""From anyone's Brian2 network to integers in one call, and how long the two agree."""

from __future__ import annotations

import importlib
from dataclasses import replace

import numpy as np
import pytest
from brian2 import Network as Brian
from brian2 import NeuronGroup, Synapses, ms, mV, prefs, volt
from matplotlib.figure import Figure

import bioplastic
from bioplastic.analysis.horizon import compare_population, compare_weights, window_agreement
from bioplastic.bridge.agreement import float_weights, paired_run
from bioplastic.config import configure
from bioplastic.description import Network, Population
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.kernels import dispatch
from bioplastic.networks.balanced import coba, cuba
from bioplastic.networks.stdp_pair import stdp_pair
from bioplastic.quantize import lower
from bioplastic.quantize.integer_population import PotentialChannel
from bioplastic.result import SpikeRecord


@pytest.fixture(autouse=True)
def interpreted():
    """Brian2 without a compiler: these networks are small."""
    before = prefs.codegen.target
    prefs.codegen.target = "numpy"
    yield
    prefs.codegen.target = before


def record(times, ids, size=3, dt=1e-4):
    steps = np.rint(np.asarray(times) / dt).astype(np.int64)
    return SpikeRecord(population="p", steps=steps, ids=np.asarray(ids), size=size, dt=dt)


def strangers(size=60):
    """Two lines of Brian2's documentation, the graph from our generator."""
    tau, leak, low, high = 20 * ms, -49 * mV, -60 * mV, -50 * mV
    cells = NeuronGroup(
        size,
        """dv/dt = (g - (v - leak))/tau : volt (unless refractory)
        dg/dt = -g/(5*ms) : volt""",
        threshold="v > high", reset="v = low", refractory=5 * ms, method="exact",
        namespace={"tau": tau, "leak": leak, "low": low, "high": high},
    )  # fmt: skip
    rng = np.random.default_rng(3)
    cells.v = (-60 + 10 * rng.random(size)) * mV
    pairs = np.nonzero(rng.random((size, size)) < 0.1)
    synapses = Synapses(cells, cells, on_pre="g += 1.2*mV", delay=1 * ms)
    synapses.connect(i=pairs[0], j=pairs[1])
    return Brian(cells, synapses)


def test_a_brian2_network_is_lowered_in_one_call_on_its_own_clock():
    lowered = bioplastic.lower(strangers(), seed=4)
    assert lowered.dt == 1e-4
    assert lowered.seed == 4
    found = dispatch.run(lowered, 300)
    assert found.counters["spikes"] > 0


def test_a_dt_that_is_not_the_clock_is_refused():
    with pytest.raises(UsageError, match=r"dt = 0.5 ms: the Brian2 network runs on a clock of"):
        bioplastic.lower(strangers(), 0.5 * ms)


def test_a_description_needs_a_dt_and_no_duration():
    net = cuba(size=20, probability=0.1)
    with pytest.raises(UsageError, match="CUBA: a description has no time step"):
        bioplastic.lower(net)
    with pytest.raises(UsageError, match="duration draws sources"):
        bioplastic.lower(net, 0.1 * ms, duration=1 * ms)


def test_what_cannot_be_read_is_refused_through_the_same_door():
    izhikevich = NeuronGroup(2, "dv/dt = v**2/volt/ms : volt", threshold="v > 1*volt",
                             reset="v = 0*volt", method="euler")  # fmt: skip
    with pytest.raises(UnsupportedModel, match="v\\*\\*2"):
        bioplastic.lower([izhikevich])


@pytest.mark.parametrize("kind", [cuba, coba])
def test_a_small_balanced_network_agrees_with_brian2_for_ten_milliseconds(kind):
    net = kind(size=200, probability=0.1, delay=1.5 * ms)
    found = paired_run(net, lower(net, 0.1 * ms), 20 * ms)
    (p,) = found.horizon.populations
    assert p.spikes[0] > 10
    assert p.equal[0.010] == 1.0
    assert found.horizon.first >= 0.010


def test_a_conductance_neuron_parts_only_where_its_roundings_reach_the_threshold():
    """The start and every step round once, by half an LSB at most; nothing else moves a spike.

    Free membranes, dv/dt = (−40 mV − v)/(20 ms), against the closed form in float64.
    """
    size, steps = 40_000, 15
    v = -60e-3 + 10e-3 * np.random.default_rng(5).random(size)
    neuron = replace(coba(size=20, probability=0.1).populations[0].neuron, initial_v=v * volt)
    net = Network(name="free", populations=[Population(name="p", size=size, neuron=neuron)])
    lowered = lower(net, 0.1 * ms, fraction=12)
    channel = lowered.populations[0].channels[0]
    assert isinstance(channel, PotentialChannel)
    lsb = channel.lsb
    spikes = dispatch.run(lowered, steps).spikes["p"]
    never = steps
    ours, theirs = np.full(size, never), np.full(size, never)
    ours[spikes.ids[::-1]] = spikes.steps[::-1]  # the first of each
    beyond = np.zeros((steps, size))
    for t in range(steps):
        v = -40e-3 + (v + 40e-3) * np.exp(-0.1 / 20)
        beyond[t] = (v + 50e-3) / lsb
        theirs[(beyond[t] > 0) & (theirs == never)] = t
    parted = np.flatnonzero(ours != theirs)
    first = np.minimum(ours, theirs)[parted]
    assert len(parted) > 0
    assert (np.abs(ours - theirs)[parted] == 1).all()
    assert (np.abs(beyond[first, parted]) <= 0.51 * (first + 2)).all()


def test_weights_of_both_are_compared_in_the_order_of_the_description():
    from brian2 import pA

    from bioplastic.description import PairSTDP, SpikeTrain

    times = np.arange(1, 6) * 20e-3
    ids = np.repeat(np.arange(4), 5)
    train = SpikeTrain(i=ids, t=np.tile(times, 4) * (ms / 1e-3))
    late = SpikeTrain(i=ids, t=np.tile(times + 5e-3, 4) * (ms / 1e-3))
    net = stdp_pair(train, late, size=4, rule=PairSTDP(w_max=1 * pA), weight=0.5 * pA,
                    dt=0.1 * ms, delay=np.array([1, 2, 3, 4]) * ms)  # fmt: skip
    lowered = lower(net, 0.1 * ms, plastic_bits=16)
    found = paired_run(net, lowered, 120 * ms)
    (w,) = found.horizon.weights
    assert w.projection == "plastic"
    assert w.moved > 0
    # at most one weight unit for each of the 9 events of a synapse, and one at the start
    unit = float_weights(net, lowered, "plastic", np.ones(4))[0]
    assert unit < 1e-15
    assert w.largest <= 10 * unit


def test_agreement_counts_what_both_have():
    a, b = record([0.001, 0.004, 0.012], [0, 1, 2]), record([0.001, 0.005, 0.012], [0, 1, 2])
    found = compare_population(a, b, duration=0.02, horizons=(0.003, 0.02))
    assert found.equal == {0.003: 1.0, 0.02: 0.5}
    assert found.divergence is not None
    assert found.divergence.time == pytest.approx(0.004)
    ends, share = window_agreement(a, b, width=0.004, stop=0.012)
    assert ends.tolist() == pytest.approx([0.004, 0.008, 0.012])
    assert share[0] == 1
    assert share[1] == 0
    assert np.isnan(share[2])


def test_records_on_different_grids_cannot_be_compared():
    with pytest.raises(UsageError, match="different grids"):
        window_agreement(record([0.001], [0]), record([0.001], [0], dt=2e-4), width=1e-3, stop=0.1)
    with pytest.raises(UsageError, match=r"plastic.weight: shapes"):
        compare_weights("plastic", np.zeros(2), np.zeros(2), np.zeros(3), unit="A")


def test_the_experiment_at_toy_size():
    module = importlib.import_module("bioplastic.experiments.lowering_agreement")
    config = configure(module.Config, ("size=100", "probability=0.2"), base=module.QUICK)
    result = module.run(config, seed=2, backend="cpu")
    for section in result.sections:
        if hasattr(section, "draw"):
            section.draw(Figure(figsize=section.size, layout="constrained"))
    assert result.metrics["share_equal_to_10ms"] == 1.0
    assert result.metrics["spikes_brian2"] > 0
