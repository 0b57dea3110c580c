"""How `read` finds names, objects and values, and what it asks for."""

from typing import Any

import brian2
import numpy as np
import pytest
from brian2 import Hz, NeuronGroup, PoissonGroup, SpikeGeneratorGroup, Synapses, ms

from bioplastic import serialise, simulate
from bioplastic.description import Change, ConductanceLIF, TowardsHigh, TowardsLow
from bioplastic.errors import UnsupportedModel, UsageError
from tests.read import networks, plastic
from tests.read.cases import drawn

pytestmark = pytest.mark.filterwarnings("ignore")  # Brian2 on objects that never run
read: Any = simulate.read  # what it returns is looked into deeply
EQS = "dv/dt = (high - v)/tau : 1"


def group(name="P", **arguments):
    return NeuronGroup(2, EQS, threshold="v > limit", reset="v = 0", name=name, **arguments)


def rates(network):
    neuron = network["P"].neuron
    return neuron.matrix[0, 0], neuron.offset[0], neuron.theta


def test_names_are_those_of_the_caller():
    tau, high, limit = 10 * ms, 2.0, 1.0  # noqa: F841
    P = group()
    assert rates(read(brian2.Network(P))) == (-100, 200, 1)
    assert rates(read([P], level=0)) == (-100, 200, 1)

    def inner():
        return read([[P]], level=1)

    assert rates(inner()) == (-100, 200, 1)


def test_names_of_the_group_come_before_those_of_the_run():
    P = group(namespace={"tau": 5 * ms})
    names = {"tau": 10 * ms, "high": 2.0, "limit": 1.0}
    assert rates(read([P], namespace=names)) == (-200, 400, 1)
    with pytest.raises(UnsupportedModel, match=r"P: '.*': the name 'limit' cannot be resolved"):
        read([P], namespace={"tau": 1 * ms, "high": 2.0})


def test_collect_and_monitors():
    P = NeuronGroup(2, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0", name="P")
    monitor = brian2.SpikeMonitor(P)
    network = read(brian2.collect())
    assert [p.name for p in network.populations] == ["P"]
    assert monitor.name not in [s.name for s in network.sources]


@pytest.mark.parametrize("thing", ["P", 3, [], None])
def test_what_is_no_network(thing):
    with pytest.raises(UsageError, match="read"):
        read(thing)


def test_random_sources_need_a_duration_and_a_seed():
    source = PoissonGroup(5, 200 * Hz, name="source")
    with pytest.raises(UsageError, match="source: draws at random"):
        read([source])
    trains = [read([source], duration=100 * ms, seed=s)["source"].train for s in (1, 1, 2)]
    assert np.array_equal(trains[0].t, trains[1].t)
    assert not np.array_equal(trains[0].t, trains[2].t)
    # 5 sources, 1000 steps, p = 0.02: mean 100, standard deviation 9.9; five of them each way
    assert 50 < len(trains[0]) < 150


def test_a_network_that_has_run_is_refused():
    P = NeuronGroup(1, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0", name="P")
    net = brian2.Network(P, name="net")
    net.run(1 * ms)
    with pytest.raises(UnsupportedModel, match=r"net: has run already, its time is 1\. ms"):
        read(net)


def test_members_must_be_in_the_network():
    P = NeuronGroup(1, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0", name="P")
    Q = NeuronGroup(1, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0", name="Q")
    S = Synapses(P, Q, on_pre="v_post += 0.1", name="S")
    S.connect()
    with pytest.raises(UnsupportedModel, match="S: Q is not part of the network"):
        read([P, S])


def test_inactive_objects_are_refused():
    P = NeuronGroup(1, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0", name="P")
    P.thresholder["spike"].active = False
    with pytest.raises(UnsupportedModel, match="P_spike_thresholder: is not active"):
        read([P])


def test_timers_that_end_on_a_step_are_listed():
    def timed(end):
        P = NeuronGroup(
            2, "dv/dt = (5 - v)/(10*ms) : 1\nt_end : second", threshold="v > 9", reset="",
            events={"e": "v > 1 and t > t_end"}, method="euler", name="P",
        )  # fmt: skip
        P.t_end = -1 * ms
        P.run_on_event("e", f"t_end = t + {end}; v = 0")
        network = read([P], namespace={})
        return network["P"].neuron.events[0].dead_time / ms, network.notes.get("rounding")

    assert timed("5*ms") == (pytest.approx(5.1), ["P: v > 1 and t > t_end"])
    assert timed("4.95*ms") == (pytest.approx(5.0), None)


def test_spikes_fall_into_the_steps_that_brian2_takes():
    times = np.array([0.0, 0.09, 0.1, 0.19995, 1.0999999]) * ms
    source = SpikeGeneratorGroup(5, range(5), times, name="source")
    steps = read([source])["source"].train.steps(0.1 * ms)
    assert steps.tolist() == [0, 0, 1, 2, 11]
    monitor = brian2.SpikeMonitor(source)
    brian2.Network(source, monitor).run(2 * ms)
    assert np.rint(monitor.t / (0.1 * ms)).astype(int).tolist() == steps.tolist()


def test_refractory_times_and_delays_are_those_of_brian2():
    P = NeuronGroup(2, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0",
                    refractory=1.17 * ms, name="P")  # fmt: skip
    S = Synapses(P, P, on_pre="v_post += 0.1", delay=0.46 * ms, name="S")
    S.connect()
    network = read([P, S])
    assert network["P"].neuron.t_ref / ms == pytest.approx(1.1)
    assert network.projection("S").connectivity.delay / ms == pytest.approx(0.5)
    T = Synapses(P, P, on_pre="v_post += 0.1", delay=0.45 * ms, name="T")
    T.connect()
    with pytest.raises(UnsupportedModel, match=r"T: 'pre\.delay': lies halfway"):
        read([P, T])


def test_conductances_are_in_units_of_the_leak():
    network, names = networks.adapting_conductance(drawn)
    found = read(network, namespace=names, duration=1 * ms)
    neuron = found["G"].neuron
    assert isinstance(neuron, ConductanceLIF)
    assert neuron.tau_m / ms == pytest.approx(20)  # 200 pF / 10 nS
    assert [r.name for r in neuron.receptors] == ["ge", "gi"]
    assert neuron.receptors[1].reversal / brian2.mV == pytest.approx(-80)
    assert found.projection("L").connectivity.weight == pytest.approx(0.3)  # 3 nS
    assert neuron.v_rest.shape == (10,)
    assert neuron.v_rest[0] / brian2.mV == pytest.approx(-65 + 100 * network["G"].I[0] / brian2.nA)


def test_weight_dependences_are_recognised():
    network, names = plastic.soft_bounds(drawn)
    rule = read(network, namespace=names, duration=1 * ms).projections[0].plasticity
    changes = [s for s in (*rule.on_pre, *rule.on_post) if isinstance(s, Change)]
    laws = [[(type(t.dependence), t.traces) for t in c.terms] for c in changes]
    assert laws[0] == [(TowardsLow, ("y",))]
    assert sorted(laws[1], key=str) == [(TowardsHigh, ("x",)), (TowardsHigh, ("x",))]
    assert (rule.low, rule.high) == (0, pytest.approx(0.45))  # transmitted as 0.5 w


@pytest.mark.parametrize("build", [networks.dendritic_plateau, plastic.vogels])
def test_what_is_read_can_be_stored(build):
    network, names = build(drawn)
    tree, arrays = serialise.dump(read(network, namespace=names, duration=5 * ms))
    assert serialise.dump(serialise.load(tree, arrays))[0] == tree
