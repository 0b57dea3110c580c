"""What the circuit claims to be: exact contexts, a softmax race, a delta rule, causal, timed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from bioplastic.analysis import bits, log_softmax
from bioplastic.description import ThetaSTDP
from bioplastic.kernels.circuit.reference import Reference
from bioplastic.kernels.circuit.run import run_circuit
from bioplastic.quantize.circuit_program import FRACTION, fresh_trace

SCALE = 2.0**-FRACTION


def surprise(run):
    return bits(run.potential[:-1], SCALE, run.symbols[1:])


@settings(max_examples=12, deadline=None)
@given(data=st.data())
def test_a_key_stands_for_one_context(go, data):
    """Two cycles hold the same order-k key exactly when their last k symbols are the same.

    From cycle k on: the chain of parents starts with the order-0 key of cycle 0.
    """
    symbols = data.draw(st.lists(st.integers(0, 2), min_size=8, max_size=60))
    run = go(symbols, 3, order=3, delimiter=None)
    for k, name in enumerate(run.circuit.branches):
        assert name == f"order{k}"
        contexts: dict[tuple[int, ...], int] = {}
        for t in range(k, len(symbols)):
            context = tuple(symbols[t - k + 1 : t + 1])
            key = int(run.held[t, k])
            assert key >= 0
            assert contexts.setdefault(context, key) == key
        assert len(set(contexts.values())) == len(contexts)


def test_the_word_context_restarts_at_the_delimiter(go):
    run = go([1, 2, 0, 1, 2, 0, 2, 1, 2, 0, 1, 2], 3)
    word = run.held[:, run.circuit.branches.index("word")]
    assert word[3] == word[10]  # after "1" at the start of a word
    assert word[4] == word[11]  # after "1 2"
    assert word[2] == word[5] == word[9]  # the delimiter: root
    assert word[7] != word[3]  # "2 1" is another word so far


def test_the_race_is_a_softmax(circuit):
    """Frequencies of argmax(u + Gumbel) over 4,000 races against softmax(u)."""
    lowered, *_ = circuit([0, 1], 5)
    machine = Reference(lowered.program, lowered.state, fresh_trace(lowered.program, 1))
    u = np.array([0.0, 1.0, -1.0, 0.5, 2.0])
    races = [np.argmax(np.rint(u / SCALE) + machine.noise(now)) for now in range(4000)]
    expected = np.exp(log_softmax(u)) * len(races)
    assert chisquare(np.bincount(races, minlength=5), expected).pvalue > 1e-4


def test_winners_follow_the_potentials(go):
    """In a learned deterministic cycle the predicted symbol wins nearly every race."""
    run = go([1, 2, 3, 0] * 30, 4)
    late = slice(100, 119)
    assert (run.potential[late].argmax(axis=1) == run.symbols[101:120]).all()
    p = np.exp(-surprise(run)[late] * np.log(2.0))
    wins = (run.winners[late] == run.symbols[101:120][:, None]).mean()
    spread = np.sqrt((p * (1 - p)).sum() * 4) / (4 * len(p))
    assert abs(wins - p.mean()) < 4 * spread


@pytest.mark.parametrize("place", [5, 57, 118])
def test_the_future_of_the_text_changes_no_earlier_figure(go, place):
    symbols = np.random.default_rng(3).integers(0, 4, 120)
    other = symbols.copy()
    other[place:] = np.random.default_rng(4).integers(0, 4, 120 - place)
    other[place] = (symbols[place] + 1) % 4
    a, b = go(symbols, 4), go(other, 4)
    assert np.array_equal(a.potential[:place], b.potential[:place])
    assert np.array_equal(surprise(a)[: place - 1], surprise(b)[: place - 1])
    assert not np.array_equal(a.potential[place:], b.potential[place:])


def test_encoding_potentiates_and_retrieval_depresses(go):
    """The only weight that may rise is the teacher's; free winners can only fall."""
    plain = ThetaSTDP(fast=None, spare=0)
    run = go([1, 2] * 12, 3, order=1, delimiter=None, stdp=plain)
    w = run.state.w.astype(int)
    row = run.circuit.program.branch_first[1]
    taught = {0: 1, 1: 2}  # order-1 keys as recruited: the context 2 (then comes 1), the context 1
    for key, symbol in taught.items():
        others = np.delete(w[row + key], symbol)
        assert w[row + key, symbol] > 0
        assert (others <= 0).all()
        assert (others < 0).any()


def test_shuffled_spike_times_destroy_the_prediction(go):
    symbols = [1, 2, 3, 0] * 40
    ordered, shuffled = surprise(go(symbols, 4)), surprise(go(symbols, 4, shuffle=1))
    assert ordered[-40:].mean() < 0.1
    assert shuffled[-40:].mean() > 1.0


@settings(max_examples=10, deadline=None)
@given(symbols=st.lists(st.integers(0, 4), min_size=4, max_size=50), shuffle=st.booleans())
def test_weights_stay_in_range_and_spikes_in_their_rules(go, symbols, shuffle):
    run = go(symbols, 5, shuffle=1 if shuffle else None)
    program = run.circuit.program
    assert np.abs(run.state.w.astype(int)).max() <= program.w_max
    assert run.state.f.min() >= 0
    assert run.state.f.max() < program.fast_levels
    assert ((run.state.w == 0) | (run.state.f > 0)).all()  # a silent synapse has no weight
    out = run.spikes[run.circuit.outputs]
    assert len(np.unique(out.steps)) == len(out.steps)  # one output spike per step at most
    assert (run.winners < 5).all()
    for name in run.circuit.pools:
        assert len(np.unique(run.spikes[name].steps)) == len(run.spikes[name].steps)


def test_a_driven_key_returns_to_exact_rest(circuit):
    """Decay rounds toward zero, so potential and current reach 0 and stay."""
    lowered, *_ = circuit([0, 1], 3)
    machine = Reference(lowered.program, lowered.state, fresh_trace(lowered.program, 1))
    lowered.state.i[1] = int(lowered.program.drive_young.max()) // 4
    steps = 0
    while machine.st.v[1] != 0 or machine.st.i[1] != 0:
        assert machine.integrate().count(-1) == len(lowered.pools)
        steps += 1
        assert steps < 1000
    assert machine.integrate().count(-1) == len(lowered.pools)
    assert not machine.st.v.any()


def test_full_pools_are_counted(go):
    symbols = np.random.default_rng(1).integers(0, 4, 60)
    run = go(symbols, 4, order=3, pool=5)
    assert run.counters["pool_exhausted"] > 0
    assert run.state.mature.max() <= 16
    assert np.isfinite(surprise(run)).all()


def test_an_unknown_backend_is_named(circuit):
    lowered, shown, steps = circuit([0, 1, 2], 3)
    with pytest.raises(ValueError, match="did you mean 'reference'"):
        run_circuit(lowered, shown, steps, backend="referenze", progress=False)
