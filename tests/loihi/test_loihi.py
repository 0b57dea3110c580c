"""The arithmetic loihi-1: closed forms, a chip's own trace, both executors, what is refused."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from bioplastic.errors import UsageError
from bioplastic.kernels.loihi.reference import TOP, wrapped
from bioplastic.kernels.loihi.run import run_loihi
from bioplastic.quantize.loihi import (
    LoihiNetwork,
    LoihiPopulation,
    LoihiProjection,
    LoihiSource,
)
from tests.loihi.drawn import networks

BACKENDS = ("reference", "cpu")


def one(weight=10, delay=0, exponent=0, **population):
    """One neuron behind one address."""
    values = {"du": 4095, "dv": 163, "vth": 25} | population
    return LoihiNetwork(
        name="one",
        dt=1e-4,
        sources=(LoihiSource(name="in", size=1),),
        populations=(LoihiPopulation(name="n", size=1, **values),),
        projections=(
            LoihiProjection(
                name="q", pre="in", post="n", i=np.array([0]), j=np.array([0]),
                weight=np.array([weight]), delay=np.array([delay]), exponent=exponent,
            ),
        ),
    )  # fmt: skip


def at(*steps):
    """Spikes of address 0."""
    return {"in": (np.array(steps, np.int64), np.zeros(len(steps), np.int64))}


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_published_trace_of_a_loihi_2_chip(backend):
    """1000 steps recorded on silicon: all spikes; all voltages but those of the spike steps.

    There the probe reads its placeholder, 128, while v is 0.
    """
    chip = np.loadtxt(Path(__file__).with_name("loihi2_silicon.csv"), delimiter=",").astype(int)
    given_, voltage, spikes = chip.T
    run = run_loihi(one(), at(*np.flatnonzero(given_)), len(chip), backend=backend, trace=True)
    v = run.v["n"][:, 0]
    assert run.spikes["n"].steps.tolist() == np.flatnonzero(spikes).tolist()
    differ = np.flatnonzero(v != voltage)
    assert differ.tolist() == np.flatnonzero(spikes).tolist()
    assert len(differ) == 4
    assert set(voltage[differ]) == {128}
    assert set(v[differ]) == {0}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("delay", [0, 1, 62])
def test_a_spike_arrives_one_step_and_its_delay_later(backend, delay):
    run = run_loihi(one(delay=delay, vth=9), at(3), 80, backend=backend)
    assert run.spikes["n"].steps.tolist() == [3 + 1 + delay]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("vth", "spikes"), [(10, []), (9, [1])])
def test_the_threshold_is_strict(backend, vth, spikes):
    """Weight 10 brings v to exactly 64·10: above 64·9, not above 64·10."""
    assert run_loihi(one(vth=vth), at(0), 3, backend=backend).spikes["n"].steps.tolist() == spikes


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("refractory", [1, 2, 5, 64])
def test_refractory_steps_are_counted_from_the_spike(backend, refractory):
    """A bias above threshold makes a neuron spike every `refractory` steps."""
    net = one(vth=1, bias_mantissa=np.array([100]), refractory=refractory)
    steps = run_loihi(net, {}, 200, backend=backend).spikes["n"].steps
    assert steps.tolist() == list(range(0, 200, refractory))


@pytest.mark.parametrize("backend", BACKENDS)
def test_current_and_potential_decay_towards_zero_from_both_sides(backend):
    """u keeps (4095 − du)/4096; −1 rounds to 0 where a shift alone would leave −1 for good."""
    for weight in (10, -10):
        run = run_loihi(one(weight=weight, du=2047, vth=131071), at(0), 40, backend=backend,
                        trace=True)  # fmt: skip
        u = [0, 64 * weight]
        while len(u) < 40:
            u.append(int(np.sign(u[-1]) * (abs(u[-1]) * 2048 // 4096)))
        assert run.u["n"][:, 0].tolist() == u
        assert u[-1] == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_edges_of_24_bits(backend):
    """u wraps and v saturates, as in lava-nc."""
    assert wrapped(np.array([TOP, TOP + 1, -TOP, 1 - TOP])).tolist() == [TOP, 1 - TOP, TOP, 1 - TOP]
    net = one(weight=254, exponent=7, du=0, dv=0, vth=131071)  # 254·2^13 each, nothing decays
    run = run_loihi(net, at(*range(12)), 14, backend=backend, trace=True)
    u = 0
    for step in range(14):
        u = u * 4095 // 4096 if u >= 0 else -(-u * 4095 // 4096)
        u = int(wrapped(np.array(u + (254 << 13) * (1 <= step <= 12))))
        assert run.u["n"][step, 0] == u
    low = one(weight=-256, exponent=7, du=4095, dv=0, vth=131071)
    deep = run_loihi(low, at(*range(12)), 14, backend=backend, trace=True)
    assert deep.v["n"].min() == 1 - TOP


@settings(max_examples=100, deadline=None)
@given(networks())
def test_both_executors_are_equal_and_a_run_can_be_split(drawn):
    agree(drawn)


@pytest.mark.study
@settings(max_examples=2000, deadline=None)
@given(networks())
def test_both_executors_are_equal_on_many_drawn_networks(drawn):
    agree(drawn)


def agree(drawn):
    net, stimulus, steps = drawn
    whole = [run_loihi(net, stimulus, steps, backend=b, trace=True) for b in BACKENDS]
    for name in whole[0].spikes:
        one_, other = whole
        np.testing.assert_array_equal(one_.u[name], other.u[name])
        np.testing.assert_array_equal(one_.v[name], other.v[name])
        np.testing.assert_array_equal(one_.spikes[name].steps, other.spikes[name].steps)
        np.testing.assert_array_equal(one_.spikes[name].ids, other.spikes[name].ids)
    assert whole[0].synaptic_events == whole[1].synaptic_events
    for a, b in zip(whole[0].state, whole[1].state, strict=True):
        np.testing.assert_array_equal(a, b)
    when, which = stimulus["in"]
    cut, early = steps // 2, when < steps // 2
    first = run_loihi(net, {"in": (when[early], which[early])}, cut)
    second = run_loihi(
        net, {"in": (when[~early] - cut, which[~early])}, steps - cut, state=first.state
    )
    for a, b in zip(whole[1].state, second.state, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"vth": 131072}, r"population 'n': vth = 131072: must be 1 to 131071"),
        ({"du": 4096}, r"du = 4096: must be 0 to 4095"),
        ({"refractory": 65}, r"refractory = 65 steps: must be 1 to 64 steps"),
        ({"bias_mantissa": np.array([4096])}, r"bias_mantissa = 4096"),
    ],
)
def test_a_population_that_the_chip_cannot_hold(change, message):
    with pytest.raises(UsageError, match=message):
        replace(one().populations[0], **change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": np.array([9])}, r"weight\[0\] = 9: weights of mixed sign must be even"),
        ({"weight": np.array([256])}, r"weight\[0\] = 256: must be -256 to 254"),
        ({"weight": np.array([2.0])}, r"weight: must be whole numbers"),
        ({"delay": np.array([63])}, r"delay\[0\] = 63: must be 0 to 62"),
        ({"exponent": 8}, r"exponent = 8: must be -6 to 7"),
        ({"i": np.array([0, 0])}, r"differ in length"),
    ],
)
def test_a_projection_that_the_chip_cannot_hold(change, message):
    with pytest.raises(UsageError, match=message):
        replace(one().projections[0], **change)


def test_what_a_network_refuses():
    net = one()
    with pytest.raises(UsageError, match="two groups are named 'n'"):
        replace(net, sources=(LoihiSource(name="n", size=1),))
    with pytest.raises(UsageError, match=r"post index outside 0\.\.0"):
        replace(net, projections=(replace(net.projections[0], j=np.array([1])),))
    with pytest.raises(UsageError, match="no source 'inn'; did you mean 'in'"):
        run_loihi(net, {"inn": (np.array([0]), np.array([0]))}, 1)
    with pytest.raises(UsageError, match="spikes twice in one step"):
        run_loihi(net, at(0, 0), 1)
    with pytest.raises(UsageError, match=r"outside steps 0\.\.0"):
        run_loihi(net, at(1), 1)
    with pytest.raises(UsageError, match="no such backend; did you mean 'cpu'"):
        run_loihi(net, {}, 1, backend="cp")
