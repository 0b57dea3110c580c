"""The Brian2 builders of LinearIF, ConductanceLIF and TraceSTDP, against sums done by hand."""

import brian2
import numpy as np
import pytest
from brian2 import ms, mV, nA, volt

from bioplastic import simulate
from bioplastic.description import (
    Change,
    ConductanceLIF,
    Connectivity,
    ExponentialConductance,
    ExponentialEuler,
    Jump,
    LinearEvent,
    LinearIF,
    Network,
    Population,
    PostTrace,
    PreTrace,
    Projection,
    Source,
    SpikeTrain,
    Taylor,
    Term,
    TraceSTDP,
)
from bioplastic.errors import DescriptionError
from bioplastic.simulate import Record, State, Voltages
from tests.read import networks, plastic
from tests.read.cases import drawn

pytestmark = pytest.mark.filterwarnings("ignore")  # Brian2 on objects that never run
DT = 0.1 * ms


def one(neuron, *, times=(), target="x", weight=1.0, rule=None, size=1):
    """One source with spikes at `times` (ms), without delay, onto a population."""
    t = np.asarray(times, dtype=float) * ms
    source = Source(name="s", size=1, train=SpikeTrain(i=np.zeros(len(times)), t=t))
    synapse = Connectivity(i=np.zeros(size), j=np.arange(size), weight=weight, delay=0 * ms)
    projection = Projection(
        name="p", pre="s", post="n", target=target, connectivity=synapse, plasticity=rule
    )
    population = Population(name="n", size=size, neuron=neuron)
    return Network(name="one", sources=[source], populations=[population], projections=[projection])


def linear(**changes):
    given = {
        "names": ("x",), "matrix": np.zeros((1, 1)), "offset": np.zeros(1), "row": np.ones(1),
        "theta": 1.0, "reset": np.zeros((1, 1)), "reset_offset": np.zeros(1),
    }  # fmt: skip
    return LinearIF(**{**given, **changes})


def trace(network, duration, variables, every=DT):
    record = Record(voltages=(Voltages(population="n", every=every, variables=variables),))
    run = simulate.run(network, duration, record=record)
    return run, run.voltages["n"]


@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_taylor_takes_so_many_terms(order):
    rate = -300.0
    neuron = linear(matrix=np.array([[rate]]), offset=np.array([60.0]), theta=9.0,
                    integrator=Taylor(order=order), initial=np.array([0.5]))  # fmt: skip
    _, samples = trace(one(neuron), 1 * ms, ("x",))
    z = rate * 1e-4
    factorial = np.cumprod([1.0, 1, 2, 3, 4])
    keep = sum(z**k / factorial[k] for k in range(order + 1))
    gain = 1e-4 * sum(z**k / factorial[k + 1] for k in range(order))
    x = 0.5
    for value in samples["x"][:, 0]:
        assert value == pytest.approx(x, rel=1e-14)  # 10 steps of two roundings
        x = keep * x + gain * 60


@pytest.mark.parametrize("deaf", [True, False])
def test_a_deaf_state_loses_arrivals_from_the_step_of_the_spike_on(deaf):
    neuron = linear(t_ref=1 * ms, held=("x",), deaf=("x",) if deaf else (), theta=1.5)
    # two arrivals reach 2 in step 20; the spike comes in step 21, the next arrival in step 25
    times = (1.0, 2.0, 2.5, 4.0)
    run, samples = trace(one(neuron, times=times), 6 * ms, ("x",))
    assert run.spikes["n"].steps.tolist() == ([21] if deaf else [21, 41])
    assert samples["x"][30, 0] == (0 if deaf else 1)


@pytest.mark.parametrize(("late", "after"), [(False, 0.0), (True, 7.0)])
def test_an_event_acts_before_the_reset_of_a_spike_or_after_it(late, after):
    event = LinearEvent(name="e", row=np.ones(1), theta=0.9, reset=np.zeros((1, 1)),
                        reset_offset=np.array([7.0]), late=late, dead_time=50 * ms)  # fmt: skip
    run, samples = trace(one(linear(events=(event,)), times=(1.0,), weight=2.0), 2 * ms, ("x",))
    assert run.spikes["n"].steps[:1].tolist() == run.spikes["n.e"].steps.tolist() == [11]
    assert samples["x"][12, 0] == after


def test_the_order_in_which_events_are_listed_does_not_move_them_past_the_reset():
    def event(name, theta, late):
        return LinearEvent(name=name, row=np.ones(1), theta=theta, reset=np.zeros((1, 1)),
                           reset_offset=np.array([7.0]), late=late, dead_time=50 * ms)  # fmt: skip

    events = (event("never", 99.0, True), event("e", 0.9, False))
    run, samples = trace(one(linear(events=events), times=(1.0,), weight=2.0), 2 * ms, ("x",))
    assert run.spikes["n"].steps[:1].tolist() == run.spikes["n.e"].steps.tolist() == [11]
    assert samples["x"][12, 0] == 0.0  # the early event first, then the reset of the spike


def test_a_plateau_drives_for_its_duration_and_waits_out_its_dead_time():
    event = LinearEvent(
        name="e", row=np.ones(1), theta=0.5, reset=np.eye(1), reset_offset=np.zeros(1),
        duration=0.5 * ms, drive=np.array([1000.0]), dead_time=1 * ms,
    )  # fmt: skip
    run, samples = trace(one(linear(theta=99.0, events=(event,)), times=(1.0,)), 4 * ms, ("x",))
    # arrival in step 10, event in step 11, five steps of +0.1, next event ten steps later
    assert run.spikes["n.e"].steps.tolist() == [11, 21, 31]
    np.testing.assert_allclose(samples["x"][11:19, 0], [1, 1, 1.1, 1.2, 1.3, 1.4, 1.5, 1.5])


def test_offsets_thresholds_and_starts_of_each_neuron():
    neuron = linear(offset=np.array([[100.0], [200.0], [0.0]]), theta=np.array([1.0, 2.5, 1.0]),
                    initial=np.array([[0.0], [0.5], [0.0]]))  # fmt: skip
    run = simulate.run(one(neuron, size=3), 10.5 * ms)
    assert run.spikes["n"].ids.tolist() == [0, 1]
    assert abs(run.spikes["n"].steps - [100, 100]).max() <= 1  # 1.0 in 100 steps, to rounding


@pytest.mark.parametrize("integrator", [ExponentialEuler(), Taylor()])
def test_a_conductance_pulls_towards_its_reversal(integrator):
    neuron = ConductanceLIF(
        receptors=(ExponentialConductance(name="g", tau=5 * ms, reversal=0 * mV),),
        v_th=50 * mV, drive=3 * mV, integrator=integrator, initial_g=np.array([0.3]),
    )  # fmt: skip
    _, samples = trace(one(neuron, times=(1.0,), target="g", weight=0.7), 3 * ms, ("v", "g"))
    v, g, part = -60e-3, 0.3, 0.1 / 20
    for step in range(30):
        assert samples["g"][step, 0] == pytest.approx(g, rel=1e-13)
        assert samples["v"][step, 0] == pytest.approx(v, rel=1e-13)  # 30 steps of 6 roundings
        if isinstance(integrator, Taylor):
            v, g = v + part * (-60e-3 - v - g * v + 3e-3), g * (1 - 0.1 / 5)
        else:
            rest = (-60e-3 + 3e-3) / (1 + g)
            v, g = rest + (v - rest) * np.exp(-(1 + g) * part), g * np.exp(-0.1 / 5)
        g += 0.7 * (step == 10)


def test_weights_of_conductances_are_numbers():
    neuron = ConductanceLIF(receptors=(ExponentialConductance(name="g", tau=5 * ms,
                                                              reversal=0 * mV),))  # fmt: skip
    for target, weight, needs in (("g", 1 * nA, "needs plain numbers"), ("v", 1.0, "needs volt")):
        with pytest.raises(DescriptionError, match=needs):
            simulate.run(one(neuron, target=target, weight=weight), 1 * ms)
    assert simulate.run(one(neuron, target="v", weight=1 * volt), 1 * ms).final.step == 10


@pytest.mark.parametrize("fresh", [False, True])
def test_a_fresh_weight_is_sent_with_its_new_value(fresh):
    rule = TraceSTDP(
        traces=(PreTrace(name="x", tau=10 * ms),),
        on_pre=(Jump(trace="x", amount=1.0), Change(terms=(Term(coefficient=0.1, traces=("x",)),))),
        on_post=(), low=0.0, high=2.0, fresh=fresh,
    )  # fmt: skip
    network = one(linear(theta=99.0), times=(1.0, 3.0), weight=0.5, rule=rule)
    run, samples = trace(network, 5 * ms, ("x",))
    second_trace = 1 + np.exp(-0.2)
    weights = np.cumsum([0.5, 0.1, 0.1 * second_trace])
    sent = weights[1:].sum() if fresh else weights[:2].sum()
    assert samples["x"][-1, 0] == pytest.approx(sent, rel=1e-14)
    assert run.final.weight("p")[0] == pytest.approx(weights[-1], rel=1e-14)
    frozen = simulate.run(network, 5 * ms, plasticity=False)
    assert frozen.final.weight("p")[0] == 0.5


def test_in_one_step_pre_code_runs_before_post_code():
    rule = TraceSTDP(
        traces=(PreTrace(name="x", tau=10 * ms), PostTrace(name="y", tau=10 * ms)),
        on_pre=(Change(terms=(Term(coefficient=-0.3, traces=("y",)),)),
                Jump(trace="x", amount=1.0)),
        on_post=(Change(terms=(Term(coefficient=0.1, traces=("x",)),)),
                 Jump(trace="y", amount=1.0)),
        low=0.0, high=2.0,
    )  # fmt: skip
    # weight 1.01 passes the threshold in the step after it arrives; the second arrival meets it
    run = simulate.run(one(linear(), times=(1.0, 1.1), weight=1.01, rule=rule), 1.2 * ms)
    assert run.spikes["n"].steps.tolist() == [11]
    assert run.final.weight("p")[0] == pytest.approx(1.01 + 0.1 * (1 + np.exp(-0.01)), rel=1e-14)


def read(build):
    network, names = build(drawn)
    return simulate.read(network, duration=30 * ms, namespace=names)


MIXED = [networks.dendritic_steps, plastic.diehl, plastic.triplets, plastic.vogels]


@pytest.mark.slow
@pytest.mark.parametrize("build", MIXED, ids=lambda b: b.__name__)
def test_a_run_split_in_two_equals_one_run(build, tmp_path):
    network = read(build)
    whole = simulate.run(network, 30 * ms)
    first = simulate.run(network, 17.3 * ms)
    first.final.save(tmp_path / "state.h5")
    rest = simulate.run(network, 12.7 * ms, state=State.load(tmp_path / "state.h5"))
    assert rest.final.digest() == whole.final.digest()
    assert sum(len(s.steps) for n, s in whole.spikes.items() if n in names(network)) > 0


def names(network):
    return [p.name for p in network.populations]


@pytest.mark.cython
@pytest.mark.parametrize("target", ["cython", "cpp_standalone"])
@pytest.mark.parametrize("build", MIXED[:3], ids=lambda b: b.__name__)
def test_targets_agree(build, target):
    before = brian2.prefs["codegen.cpp.extra_compile_args_gcc"]
    brian2.prefs["codegen.cpp.extra_compile_args_gcc"] = ["-w", "-O1"]
    try:
        network = read(build)
        ours = simulate.run(network, 30 * ms)
        theirs = simulate.run(network, 30 * ms, target=target)
    finally:
        brian2.prefs["codegen.cpp.extra_compile_args_gcc"] = before
    for name, record in ours.spikes.items():
        assert record.steps.tolist() == theirs.spikes[name].steps.tolist(), name
        assert record.ids.tolist() == theirs.spikes[name].ids.tolist(), name
    for q in network.projections:
        if q.plasticity is not None:
            a, b = (r.final.weight(q.name) for r in (ours, theirs))
            np.testing.assert_allclose(a, b, rtol=0, atol=1e-12 * float(abs(a).max()))
