"""The Brian2 executor of dendritic attention by itself: noise, states, causality, refusals."""

import dataclasses

import numpy as np
import pytest
from brian2 import ms
from hypothesis import given
from hypothesis import strategies as st

from bioplastic.description import LIF, Network, Population, Rhythm, SymbolSchedule
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention
from bioplastic.quantize.circuit import gumbel_table
from bioplastic.simulate import attention
from bioplastic.simulate.attention_learning import discrete
from bioplastic.simulate.attention_race import gumbel

DT = 0.5 * ms


def test_gumbel_numbers_are_the_quantiles_of_the_kernel():
    table = gumbel_table() / 2**17
    drawn = np.concatenate([gumbel(27, step, 3) for step in range(50, 4050)])
    nearest = table[np.clip(np.searchsorted(table, drawn), 1, len(table) - 1)]
    below = table[np.clip(np.searchsorted(table, drawn) - 1, 0, None)]
    assert np.minimum(abs(drawn - nearest), abs(drawn - below)).max() <= 2.0**-18 + 1e-12
    spread = np.pi / np.sqrt(6)  # of a standard Gumbel number; its mean is Euler's constant
    assert drawn.mean() == pytest.approx(np.euler_gamma, abs=4 * spread / np.sqrt(len(drawn)))


@given(
    w=st.integers(-127, 127),
    step=st.floats(-1, 1).filter(lambda x: abs(x * 2**14 % 1 - 0.5) > 1e-9),
    dither=st.integers(0, 255),
)
def test_discrete_states_are_those_of_the_kernel(w, step, dither):
    integer = ((w << 8) + round(step * 2**14) + dither) >> 8
    assert discrete(w / 64, step, dither, 1 / 64) == integer / 64


@given(w=st.integers(-20, 20), step=st.floats(-0.3, 0.3))
def test_discrete_states_are_right_on_average(w, step):
    mean = np.mean([discrete(w / 10, step, d, 0.1) for d in range(256)])
    assert abs(mean - (w / 10 + step)) <= 0.1 / 512 + 1e-9


def _network(symbols, **parameters):
    schedule = SymbolSchedule(symbols=np.array(symbols), size=4)
    return dendritic_attention(schedule, Parameters(pool=16, order=2, **parameters))


@pytest.fixture(scope="module")
def small():
    return attention.run(_network([1, 2, 3, 0, 1, 2, 3, 0, 1, 2]), dt=DT, seed=2, progress=False)


def test_a_repeated_context_is_recognised_not_grown_again(small):
    """Cycle 0 has no past; from then on order-1 keys stand for pairs: four of them, in turn."""
    assert small.recruited[:, 1].tolist() == [-1, 0, 1, 2, 3, -1, -1, -1, -1, -1]
    assert small.spikes["order1"].ids.tolist() == [0, 1, 2, 3, 0, 1, 2, 3, 0]


def test_a_matching_key_spikes_before_a_young_one(small):
    phase = small.spikes["order1"].steps % 250
    young, matching = set(phase[:4].tolist()), set(phase[4:].tolist())
    assert len(young) == len(matching) == 1
    assert 10 < matching.pop() < young.pop() < 50


def test_one_spike_per_pool_and_step_and_one_winner_per_race(small):
    for name, record in small.spikes.items():
        assert np.all(np.diff(record.steps) > 0), name
    assert len(small.spikes["outputs"].ids) == 10 + (small.winners >= 0).sum()


def test_teacher_reaches_its_output_one_millisecond_after_the_symbol(small):
    steps, ids = small.spikes["outputs"].steps, small.spikes["outputs"].ids
    taught = steps % 250 < 50
    np.testing.assert_array_equal(ids[taught], small.symbols)
    np.testing.assert_array_equal(steps[taught], np.arange(10) * 250 + 3)


def test_the_future_changes_no_earlier_figure(small):
    other = attention.run(
        _network([1, 2, 3, 0, 1, 2, 3, 0, 1, 3]), dt=DT, seed=2, cycles=10, progress=False
    )
    np.testing.assert_array_equal(other.potentials[:9], small.potentials[:9])
    np.testing.assert_array_equal(other.bits()[:8], small.bits()[:8])


def test_continuous_weights_keep_the_bound_and_leave_the_grid():
    found = attention.run(
        _network([1, 2, 1, 2, 1, 2]), dt=DT, seed=2, grid=None, progress=False
    ).weights
    assert np.any(found * 64 != np.rint(found * 64))
    assert np.abs(found).max() <= 127 / 64


def _with(network, **changes):
    fields = {f.name: getattr(network, f.name) for f in dataclasses.fields(network)}
    return Network(**{**fields, **changes})


def test_refusals_name_object_and_reason():
    network = _network([1, 2])
    with pytest.raises(UnsupportedModel, match="standalone cannot; use target='numpy'"):
        attention.run(network, dt=DT, seed=0, target="cpp_standalone")
    with pytest.raises(UsageError, match="seed = -1"):
        attention.run(network, dt=DT, seed=-1)
    with pytest.raises(UsageError, match="grid = 0"):
        attention.run(network, dt=DT, seed=0, grid=0.0)
    with pytest.raises(UsageError, match="cycles = 0"):
        attention.run(network, dt=DT, seed=0, cycles=0)
    with pytest.raises(UsageError, match="multiple of the time step"):
        attention.run(network, dt=0.7 * ms, seed=0)
    with pytest.raises(UnsupportedModel, match="not a dendritic attention network"):
        attention.run(_with(network, rhythm=None, projections=[]), dt=DT, seed=0)
    stranger = Population(name="extra", size=1, neuron=LIF())
    with pytest.raises(UnsupportedModel, match="extra: neither a recruiting pool nor the race"):
        attention.run(_with(network, populations=[*network.populations, stranger]), dt=DT, seed=0)


def test_one_pool_cannot_prime_two():
    network = _network([1, 2])
    names = [q.name for q in network.projections]
    changed = list(network.projections)
    k = names.index("prime order2")
    changed[k] = dataclasses.replace(changed[k], pre="order0", connectivity=_resized(changed[k]))
    with pytest.raises(UnsupportedModel, match="prime order2: one pool primes at most one"):
        attention.run(_with(network, projections=changed), dt=DT, seed=0)


def _resized(projection):
    return dataclasses.replace(projection.connectivity, n_pre=1)


def test_two_symbols_in_one_cycle_are_refused():
    network = _network([1, 2])
    long = _with(network, rhythm=Rhythm(period=250 * ms, encoding=50 * ms))
    with pytest.raises(UsageError, match="two symbols in cycle 0"):
        attention.run(long, dt=DT, seed=0)


@pytest.mark.cython
def test_cython_gives_the_run_of_numpy(small):
    network = _network([1, 2, 3, 0, 1, 2, 3, 0, 1, 2])
    other = attention.run(network, dt=DT, seed=2, target="cython", progress=False)
    for name in ("winners", "steps", "recruited", "weights"):
        np.testing.assert_array_equal(getattr(other, name), getattr(small, name), name)
    np.testing.assert_allclose(other.potentials, small.potentials, rtol=0, atol=1e-12)
