"""The circuit as a learner: the same bits as the experiment, and lesions that last."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms

from bioplastic import provenance
from bioplastic.description import SymbolSchedule
from bioplastic.errors import UsageError
from bioplastic.kernels.circuit.reference import Reference
from bioplastic.learning import corpus
from bioplastic.learning.learner import Lesionable, Streaming, Unsuited
from bioplastic.learning.learners import attention, learner
from bioplastic.learning.learners.attention import Attention
from bioplastic.learning.learners.attention_ablations import (
    ABLATIONS,
    NoDendrite,
    NoInhibition,
    NoMetaplasticity,
    NoPlasticity,
    NoRecruitment,
    NoTiming,
)
from bioplastic.learning.learners.attention_cost import synapses_per_key
from bioplastic.learning.learners.attention_state import alive, value_synapses
from bioplastic.learning.sequence import run_sequence
from bioplastic.learning.space import Frames, Symbols
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention
from bioplastic.quantize.circuit_program import fresh_trace

SPACE = Symbols(size=5, delimiter=0)
LEARNED = ("w", "f", "gain", "fast", "parent", "symbol", "mature")


def text(length: int, seed: int = 1) -> np.ndarray:
    """Words of three letters drawn from four, with gaps: something to learn."""
    words = np.array([[1, 2, 3, 0], [1, 4, 3, 0], [2, 2, 4, 0], [3, 1, 2, 0]])
    drawn = words[np.random.default_rng(seed).integers(4, size=length // 4 + 1)].ravel()
    return drawn[:length]


def small(**changes):
    return Attention(order=3, **changes).begin(SPACE, seed=3)


def same(a, b, names=None):
    return [n for n in names or a._fields if not np.array_equal(getattr(a, n), getattr(b, n))]


def grown(student):
    """What a student has learned, whatever room its pools have."""
    program, state = student.program, student.state
    keys = [np.arange(a, a + n) for a, n in zip(program.first, state.mature, strict=False)]
    pool = np.concatenate([np.full(len(k), p) for p, k in enumerate(keys)])
    every = np.concatenate(keys)
    parent = state.parent[every]
    own = np.where(parent >= 0, np.searchsorted(every, parent), -1)
    rows = np.concatenate(
        [
            a + np.arange(state.mature[p])
            for a, p in zip(program.branch_first, program.branch_pool, strict=False)
        ]
    )
    values = (state.w[rows], state.f[rows], state.arrivals[rows], state.gain, state.fast)
    return (pool, own, state.symbol[every], state.spikes[every], student.potentials, *values)


def alike(a, b):
    return all(np.array_equal(x, y) for x, y in zip(grown(a), grown(b), strict=True))


def test_run_gives_the_bits_of_the_experiment():
    stream = corpus.load("kjv", symbols=1500)
    schedule = SymbolSchedule(symbols=stream.symbols, size=27)
    network = dendritic_attention(schedule, Parameters(pool=1500), labels=stream.glyphs)
    key = int(provenance.seed_tree(7).child("circuit").key()) & 0xFFFFFFFF
    wanted = run_sequence(network, dt=0.5 * ms, seed=key, progress=False)
    space = Symbols(size=27, delimiter=0, labels=stream.glyphs)
    student = Attention().begin(space, seed=7)
    found = student.run(stream.symbols)
    assert np.array_equal(found, wanted.surprise)
    counted = wanted.run.counters
    assert student.meter.named() == counted


def test_loop_equals_run_to_the_last_bit_of_the_potentials():
    x, fast, slow = text(240), small(), small()
    p = fast.predictions(x)
    for t, symbol in enumerate(x):
        assert np.array_equal(slow.predict(x[:t]), p[t])
        slow.learn(symbol)
    assert alike(fast, slow)
    assert replace(fast.cost(), wall_seconds=0, cpu_seconds=0) == replace(
        slow.cost(), wall_seconds=0, cpu_seconds=0
    )
    # two ways to take a logarithm of the same float64 potentials: 1e-12 is 4 000 roundings
    losses = small().run(x)
    assert losses == pytest.approx([-np.log2(q[s]) for q, s in zip(p, x, strict=True)], abs=1e-12)


def test_the_future_changes_no_earlier_figure():
    x = text(200)
    other = np.concatenate([x[:120], (x[120:] + 1) % 5])
    assert np.array_equal(small().run(x)[:121], small().run(other)[:121]) == (x[120] == other[120])
    assert np.array_equal(small().run(x)[:120], small().run(other)[:120])


@pytest.mark.parametrize("room", [8, 64])
def test_room_for_keys_changes_nothing(room, monkeypatch):
    x, wide = text(300), small()
    wanted = wide.run(x)
    monkeypatch.setattr(attention, "ROOM", room)
    tight = small()
    tight.stride = 7
    assert np.diff(tight.program.first).max() <= room
    assert np.array_equal(tight.run(x), wanted)
    assert alike(tight, wide)


def test_pools_stop_at_their_limit():
    student = small(pool=6)
    student.run(text(300))
    assert student.state.mature.max() <= 6
    assert student.meter.named()["pool_exhausted"] > 0


def test_observing_learns_nothing_and_goes_on():
    student, x = small(), text(300)
    student.run(x[:200])
    before = copy.deepcopy(student)
    losses = student.run(x[200:], learning=False)
    assert same(before.state, student.state, LEARNED) == []
    assert student.state.step[0] == 300 * student.program.period
    assert losses.mean() < np.log2(5)
    step = copy.deepcopy(before)
    for symbol in x[200:]:
        step.observe(symbol)
    assert same(step.state, student.state) == []


def test_a_copy_lives_its_own_life():
    student, x = small(), text(200)
    student.run(x)
    twin, taken = copy.deepcopy(student), student.snapshot()
    wanted = twin.run(x)
    assert np.array_equal(student.run(x), wanted)
    student.restore(taken)
    assert np.array_equal(student.run(x), wanted)


class Heard(attention.AttentionStudent):
    """Keeps which keys spiked."""

    spiked: tuple[np.ndarray, ...] = ()

    def after(self, x, cycles, trace, *, learning):
        count = int((trace.key_step > 0).sum())
        self.spiked = (*self.spiked, trace.key_id[:count].copy())


class Hearing(Attention):
    @property
    def student(self):
        return Heard


@pytest.mark.parametrize("learning", [True, False])
def test_killed_keys_never_spike_again(learning):
    student = Hearing(order=2, pool=64, dt=1.0).begin(SPACE, seed=3)
    assert isinstance(student, Heard)
    student.run(text(80))
    keys = alive(student.program, student.state)
    student.lesion_neurons(0.4, np.random.default_rng(2))
    dead = np.setdiff1d(keys, alive(student.program, student.state))
    assert len(dead) == round(0.4 * len(keys))
    mature, student.spiked = student.state.mature.copy(), ()
    student.run(text(80), learning=learning)
    assert not np.isin(np.concatenate(student.spiked), dead).any()
    fresh = [
        np.arange(a + m, a + n)
        for a, m, n in zip(student.program.first, mature, student.state.mature, strict=False)
    ]
    assert not np.isin(np.concatenate(fresh), dead).any()


def test_executors_agree_after_a_lesion():
    found = []
    for backend in ("cpu", "reference"):
        student = Attention(order=1, pool=16, backend=backend, dt=1.0).begin(SPACE, seed=3)
        student.run(text(14))
        student.lesion_neurons(0.3, np.random.default_rng(5))
        student.lesion_synapses(0.3, np.random.default_rng(6))
        student.run(text(6, seed=2))
        found.append(student.state)
    assert same(*found) == []


def test_lost_synapses_stay_lost_while_learning():
    student, x = small(), text(300)
    student.run(x)
    rows, outputs = value_synapses(student.program, student.state)
    student.lesion_synapses(0.5, np.random.default_rng(4))
    gone = student.state.f[rows, outputs] == 0
    assert 0.4 < gone.mean() < 0.6  # of 300 or so: 3.5 standard deviations of a half
    assert sum(map(len, student._lost.values())) >= gone.sum()
    updates = student.meter.named()["weight_updates"]
    assert np.isfinite(student.run(x)).all()
    assert student.meter.named()["weight_updates"] > updates
    for row, lost in student._lost.items():
        assert not student.state.f[row, lost].any()
        assert not student.state.w[row, lost].any()
    sizes = np.diff(student.program.first)
    student._make_room(int(sizes.max()))  # rows move, what is lost moves with them
    before = student.state.f.sum()
    for row, lost in student._lost.items():
        assert not student.state.f[row, lost].any()
    assert student.state.f.sum() == before


def test_lesions_from_nothing_to_everything():
    x, rng = text(200), np.random.default_rng(1)
    student = small()
    student.run(x)
    whole = copy.deepcopy(student)
    student.lesion_neurons(0.0, rng)
    student.lesion_synapses(0.0, rng)
    assert same(student.state, whole.state) == []
    for kind in ("lesion_neurons", "lesion_synapses"):
        student = copy.deepcopy(whole)
        getattr(student, kind)(1.0, rng)
        assert student.run(x, learning=False) == pytest.approx(np.log2(5))
        with pytest.raises(UsageError, match=kind):
            getattr(student, kind)(1.1, rng)


def test_costs_are_the_counts_of_a_slow_look():
    student, x = small(), text(60)
    neurons = synapses = arrivals = 0
    for symbol in x:
        before = student.state.arrivals.sum()
        student.learn(symbol)
        state, program = student.state, student.program
        young = int((program.has_pool_parent >= 0).sum())
        neurons += int(state.mature.sum()) + young + 5
        static = int((program.direct != 0).sum()) + 5
        synapses += int(state.mature @ synapses_per_key(program)) + static
        arrivals += int(student.state.arrivals.sum() - before)
    cost, named = student.cost(), student.meter.named()
    assert cost.symbols == 60
    assert cost.executions == 60 * 250
    assert cost.activations == 250 * neurons
    assert cost.dense_operations == 250 * synapses
    assert cost.trace_updates == arrivals
    assert cost.effective_macs == named["value_events"]
    assert cost.effective_acs == named["value_events"] + named["conducted_events"]
    spikes = named["key_spikes"] + named["output_spikes"]
    assert cost.activations - cost.silent_activations == spikes


def test_a_symbol_costs_a_thousandth_of_the_gru():
    stream = corpus.load("alice29", symbols=3000)
    student = Attention().begin(Symbols(size=27, delimiter=0), seed=1)
    student.run(stream.symbols)
    each = student.cost().per_symbol()
    gru = 3 * 512 * (512 + 27) + 512 * 27  # its forward pass alone
    ours = each["effective_macs_per_symbol"] + each["learning_macs_per_symbol"]
    assert ours + each["effective_acs_per_symbol"] < gru / 1000


def test_jitter_moves_spikes_and_nothing_else():
    x = text(200)
    calm, shaken, far = small(), small(), small()
    shaken.run(x)
    calm.run(x)
    shaken.jitter_spikes(0.0, np.random.default_rng(1))
    wanted = calm.run(x, learning=False)
    assert np.array_equal(shaken.run(x, learning=False), wanted)
    far.run(x)
    far.jitter_spikes(40.0, np.random.default_rng(1))
    assert far.run(x, learning=False).mean() > wanted.mean()
    late = far.offsets(np.arange(4000))
    assert late.min() >= 0
    assert late.max() < far.program.period
    # mean of |N(0, sd)| is sd·√(2/π); 80 steps, of which the cycle's end (250) cuts 0.2 %
    assert late.mean() == pytest.approx(80 * np.sqrt(2 / np.pi), abs=4 * 80 * 0.6 / np.sqrt(4000))
    with pytest.raises(UsageError, match="sd_ms"):
        far.jitter_spikes(-1.0, np.random.default_rng(1))


def test_what_it_cannot_meet_is_named():
    assert isinstance(small(), Streaming)
    assert isinstance(small(), Lesionable)
    with pytest.raises(Unsuited, match="takes symbols"):
        Attention().begin(Frames(size=3), seed=1)
    with pytest.raises(UsageError, match="pool = 1"):
        Attention(pool=1)
    with pytest.raises(UsageError, match="do not fit"):
        small().run(np.array([5]))


def test_words_end_at_all_that_is_no_letter():
    space = Symbols(size=5, delimiter=1, labels=("↵", " ", ".", "a", "7"))
    assert space.word_ends == (0, 1, 2)
    assert Symbols(size=5, delimiter=1).word_ends == (1,)
    assert Symbols(size=2, labels=(".", "a")).word_ends == ()
    student = Attention(order=1).begin(space, seed=1)
    word = student.circuit.pools.index("word")
    assert np.flatnonzero(student.program.direct[word]).tolist() == [0, 1, 2]


def test_audit_flags_what_is_not_local():
    uses = {u.quantity: u for u in Attention().locality()}
    assert not all(u.local for u in uses.values())
    assert any(u.place == "broadcast" and "theta" in q for q, u in uses.items())
    assert not next(u for q, u in uses.items() if q.startswith("competition")).local


def test_ablations_run_and_take_away_what_they_say():
    x, scores = text(600), {}
    for a in (Attention(), *ABLATIONS):
        student = replace(a, order=3).begin(SPACE, seed=1)
        scores[a.name] = student.run(x)[300:].mean()
        assert learner(a.name).name == a.name
    whole = scores.pop("attention")
    assert scores["attention_no_plasticity"] == pytest.approx(np.log2(5))
    # words here have two letters to tell them apart, so one symbol at a time cannot do it
    for worse in ("no_plasticity", "no_recruitment", "no_inhibition", "no_dendrite", "no_timing"):
        assert whole < scores[f"attention_{worse}"]


def test_parts_taken_away_are_away():
    x = text(200)
    no_keys = NoRecruitment(order=3).begin(SPACE, seed=1)
    no_keys.run(x)
    assert no_keys.state.mature.sum() == 2  # the roots of order 0 and of the word
    still = NoPlasticity(order=3).begin(SPACE, seed=1)
    still.run(x)
    assert not still.state.w.any()
    assert not still.state.f.any()
    assert still.state.mature.sum() > 10
    linear = NoDendrite(order=3).begin(SPACE, seed=1)
    linear.run(x)
    assert linear.state.mature.tolist() == [1, 5]  # one key for each symbol, none for a pair
    assert len(linear.circuit.branches) == 4
    period = linear.program.period
    assert linear.program.branch_delay.tolist() == [10, 10, 10 + period, 10 + 2 * period]
    flat = NoMetaplasticity(order=3).begin(SPACE, seed=1).program.eta_plus
    assert (flat == flat[0, 0]).all()
    drawn = NoTiming(order=3).begin(SPACE, seed=1).offsets
    assert np.array_equal(drawn(np.arange(9))[4:], drawn(np.arange(4, 9)))
    with pytest.raises(UsageError, match="cpu"):
        NoInhibition(backend="reference")


def test_losers_learn_by_the_rule_of_the_specification():
    """Cycle by cycle: the kernel with its winner, then Reference.learn for all who cross later."""
    x = text(40)
    student = NoInhibition(order=2, word=False).begin(SPACE, seed=3)
    plain = Attention(order=2, word=False).begin(SPACE, seed=3)
    program, winners = plain.program, []

    def after(shown, cycles, trace, *, learning):
        winners.append(trace.winners[0].copy())

    plain.after = after  # type: ignore[method-assign]
    for t, symbol in enumerate(x):
        student.learn(symbol)
        plain.learn(symbol)
        machine = Reference(program, plain.state, fresh_trace(program, 1))
        u = plain.potentials
        for g in range(program.gamma):
            opened = t * program.period + program.encoding + g * program.gamma_steps
            over = u + machine.noise(opened) - program.ramp_start
            for v in range(5):
                inside = next(
                    (k for k in range(program.gamma_steps) if over[v] + k * program.ramp_slope > 0),
                    None,
                )
                if inside is not None and v != winners[-1][g]:
                    machine.learn(v, opened + inside)
        assert alike(student, plain)
    assert plain.state.w.any()
