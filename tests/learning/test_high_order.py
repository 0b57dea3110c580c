"""High-order sequences: the stream, how it is scored, and the network that learns it."""

import copy
import itertools

import numpy as np
import pytest
from brian2 import ms

from bioplastic.description import SymbolSchedule
from bioplastic.errors import DescriptionError, UsageError
from bioplastic.kernels.circuit.run import run_circuit
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Unsuited
from bioplastic.learning.learners.high_order_attention import HighOrderAttention
from bioplastic.learning.learners.high_order_novelty import Familiar, Familiarity, Front
from bioplastic.learning.sequence import run_sequence
from bioplastic.learning.space import Frames, Symbols
from bioplastic.learning.tasks.high_order import HighOrder
from bioplastic.learning.tasks.high_order_score import (
    Diverged,
    hits,
    learned_at,
    published_times,
    running,
    smoothed,
)
from bioplastic.learning.tasks.high_order_sequences import (
    elements,
    high_order_stream,
    sequences,
)
from bioplastic.networks.tapped_attention import Context, Parameters, tapped_attention
from bioplastic.quantize.circuit import lower_circuit

SMALL = HighOrderAttention(taps=(((0, 5, 6), 2), ((0, 1, 5, 6), 1)))


@pytest.mark.parametrize(("endings", "size"), [(1, 10), (2, 12), (4, 16)])
def test_beginnings_share_the_middle_and_the_switch_exchanges_ends(endings, size):
    """Each beginning has its ends; the switch gives them to the other of the pair."""
    before, after = sequences(endings), sequences(endings, switched=True)
    assert elements(endings) == size
    assert len(before) == 8 * endings == len(set(before))
    ends = {s[:-1]: {r[-1] for r in before if r[:-1] == s[:-1]} for s in before}
    exchanged = {s[:-1]: {r[-1] for r in after if r[:-1] == s[:-1]} for s in after}
    assert len(ends) == 8
    assert ends.keys() == exchanged.keys()
    for begin, its in ends.items():
        (partner,) = [b for b in ends if b[1:] == begin[1:] and b != begin]
        assert len(its) == endings
        assert exchanged[begin] == ends[partner] != its


def test_the_first_sequences_are_those_of_the_paper():
    """Two of the eight, as the paper's figure shows them."""
    assert {(6, 8, 7, 4, 2, 3, 0), (1, 8, 7, 4, 2, 3, 5)} <= set(sequences(1))


def test_stream_has_one_noise_symbol_after_each_sequence():
    """Every stretch between noise symbols is a sequence; its last element is marked."""
    found = high_order_stream(endings=1, length=900, noise=50, seed=3, switch=400)
    ends = np.flatnonzero(found.symbols >= 10)
    known = set(sequences(1)) | set(sequences(1, switched=True))
    for a, b in itertools.pairwise([-1, *ends]):
        whole = tuple(found.symbols[a + 1 : b].tolist())
        assert whole in known
        assert found.last[b - 1]
        assert found.last[a + 1 : b].sum() == 1
        assert (whole in set(sequences(1))) == (a + 1 < 400)
    assert found.symbols.max() < 60
    plain = high_order_stream(endings=1, length=500, noise=50, seed=3)
    assert np.array_equal(plain.symbols[:400], found.symbols[:400])
    with pytest.raises(UsageError, match="start at 1"):
        high_order_stream(endings=1, length=5, noise=0, seed=1)
    with pytest.raises(UsageError, match="one of 1, 2, 4"):
        sequences(3)


class Fixed:
    """Always the same prediction."""

    def __init__(self, p):
        self.p, self.met = np.asarray(p, float), []

    def predict(self, history):
        """Give it."""
        return self.p

    def learn(self, x):
        """Note it."""
        self.met.append(x)

    observe = learn

    def cost(self):
        """It costs nothing."""
        return Cost(symbols=len(self.met), executions=0, footprint_bytes=0, plastic_synapses=0)


def test_hits_count_the_most_probable_elements_and_leave_noise_out():
    """Top 1 and top 2 of three elements; the fourth symbol is noise, however probable."""
    p = [0.2, 0.1, 0.15, 0.55]
    x, asked = np.array([0, 1, 2, 2]), np.array([True, True, True, False])
    rng = np.random.default_rng(0)
    one = hits(Fixed(p), x, asked, top=1, elements=3, rng=rng)
    two = hits(Fixed(p), x, asked, top=2, elements=3, rng=rng)
    assert one.tolist() == [True, False, False]
    assert two.tolist() == [True, False, True]
    ties = hits(Fixed(np.full(4, 0.25)), np.zeros(3000, int), np.ones(3000, bool), top=1,
                elements=3, rng=rng)  # fmt: skip
    assert abs(ties.mean() - 1 / 3) < 5 * np.sqrt(2 / 9 / 3000)
    with pytest.raises(Diverged, match="symbol 0"):
        hits(Fixed([np.nan] * 4), x, asked, top=1, elements=3, rng=rng)


def test_learning_times_by_hand():
    """Errors in the first 30 of 400 tests, ten elements apart."""
    right, at = np.arange(400) >= 30, 10.0 * np.arange(400)
    assert running(right, 100)[0] == pytest.approx(0.7)
    # the window 29..128 holds one error
    assert learned_at(right, at, window=100, wanted=0.99) == 1280.0
    assert learned_at(~right, at, window=100, wanted=0.99) is None
    brute = [right[max(0, i - 100) : i + 1].mean() for i in range(400)] + [1.0] * 200
    curve = smoothed(right)
    for i in (60, 200, 399):
        # numpy's centred window of 100: 50 before, 49 after
        assert curve[i] == pytest.approx(np.mean(brute[i - 50 : i + 50]))
    times = published_times(right, at, 2000)
    level = 0.95 * curve[201 - 50]
    assert times["learned"] == at[np.flatnonzero(curve > level)[0]]
    assert times["learned again"] == at[201 + 101] - 2000


def test_familiarity_gives_channels_to_what_comes_back():
    """A symbol that comes back soon gets a channel for good; one that does not stays novel."""
    front = Front(Familiarity(channels=3, tau=10.0, threshold=0.5), 50)
    assert [front.meet(x, learning=True) for x in (7, 7, 8, 7)] == [0, 1, 0, 1]
    for x in range(20, 40):
        assert front.meet(x, learning=True) == 0
    # exp(−21/10) < .5: 8 was too long ago; then twice within ten
    assert [front.meet(8, learning=True) for _ in range(2)] == [0, 2]
    assert [front.meet(9, learning=True) for _ in range(3)] == [0, 0, 0]  # none is free
    p = front.spread(np.array([0.2, 0.5, 0.3]))
    assert p.sum() == pytest.approx(1.0)
    assert p[7] == pytest.approx(0.5)
    assert p[9] == pytest.approx(0.2 / 48)
    frozen = Front(Familiarity(), 5)
    assert [frozen.meet(1, learning=False) for _ in range(3)] == [0, 0, 0]
    with pytest.raises(UsageError, match="channels = 1"):
        Familiarity(channels=1)


def test_keys_stand_for_their_lags():
    """In a stream of period 3 the context (now, two ago) grows one key for each pair met."""
    symbols = np.tile([0, 1, 2], 8)
    parameters = Parameters(contexts=(Context(lags=(0, 2), copies=2, pool=16),))
    network = tapped_attention(SymbolSchedule(symbols=symbols, size=3), parameters)
    found = run_sequence(network, dt=0.5 * ms, seed=1, progress=False)
    circuit, state = found.circuit, found.run.state
    for copy_ in range(2):
        pool = circuit.pools.index(f"lag 0 2 #{copy_} level 2")
        first, n = int(circuit.program.first[pool]), int(state.mature[pool])
        pairs = {
            (int(state.symbol[state.parent[k]]), int(state.symbol[k]))
            for k in range(first, first + n)
        }
        assert pairs == {(0, 2), (1, 0), (2, 1)}
    assert found.surprise[-3:].max() < 0.5 < found.surprise[:3].min()


def test_ahead_teaches_the_race_later():
    """With one more cycle of delay the potentials of a cycle speak of the symbol after the next."""
    symbols = np.tile([0, 1, 2, 3], 20)
    parameters = Parameters(contexts=(Context(lags=(0,)),), ahead=1)
    network = tapped_attention(SymbolSchedule(symbols=symbols, size=4), parameters)
    run = run_sequence(network, dt=0.5 * ms, seed=1, progress=False).run
    late = run.potential[-8:-1].argmax(axis=1)
    assert np.array_equal(late, symbols[-7:])
    held = run.held[-1][0]
    pool = run.circuit.pools.index("lag 0 #0 level 1")
    first = run.circuit.program.first[pool]
    assert run.state.symbol[first + held] == symbols[-2]


@pytest.mark.parametrize("lags", [(1,), (0, 3, 2), (0, 0)])
def test_lags_that_no_chain_can_hold_are_refused(lags):
    """They ascend from 0."""
    with pytest.raises(DescriptionError, match="must ascend from 0"):
        Context(lags=lags)


def test_contexts_must_differ():
    """Copies are asked for by `copies`."""
    with pytest.raises(DescriptionError, match="must differ"):
        Parameters(contexts=(Context(lags=(0,)), Context(lags=(0,))))


def test_a_network_on_a_rhythm_of_its_own_is_refused():
    """Schedule and rhythm have one period."""
    schedule = SymbolSchedule(symbols=np.zeros(2, int), size=2, period=100 * ms)
    with pytest.raises(DescriptionError, match="must equal"):
        tapped_attention(schedule, Parameters())


def test_walk_run_and_loop_agree():
    """`predictions`, `run` and the loop of predict and learn give the same numbers."""
    stream = high_order_stream(endings=1, length=120, noise=20, seed=5)
    space = Symbols(size=30)
    fast, loop, losses = (SMALL.begin(space, seed=2) for _ in range(3))
    p = np.concatenate([fast.predictions(stream.symbols[a : a + 40]) for a in (0, 40, 80)])
    bits = losses.run(stream.symbols)
    for t, x in enumerate(stream.symbols.tolist()):
        assert np.allclose(loop.predict(stream.symbols[:t]), p[t], rtol=0, atol=1e-12)
        loop.learn(x)
    assert np.allclose(p.sum(axis=1), 1.0)
    picked = p[np.arange(120), stream.symbols]
    assert np.allclose(bits, -np.log2(picked))
    twin = copy.deepcopy(fast)
    twin.learn(1)
    assert fast.cost().symbols == 120
    assert twin.cost().symbols == 121


def test_learns_in_one_pass_and_dies_gracefully():
    """1 500 symbols: every test right in the end, copies cover for dead neurons, all dead: none."""
    stream = high_order_stream(endings=1, length=1500, noise=300, seed=11)
    student = HighOrderAttention(taps=(((0, 5, 6), 8),)).begin(Symbols(size=310), seed=1)
    rng = np.random.default_rng(1)
    right = hits(student, stream.symbols, stream.last, top=1, elements=10, rng=rng)
    assert right[-100:].mean() >= 0.98
    more = high_order_stream(endings=1, length=400, noise=300, seed=12)
    accuracy = []
    for part in (0.0, 0.2, 1.0):
        twin = copy.deepcopy(student)
        twin.lesion_neurons(part, np.random.default_rng(2))
        found = hits(twin, more.symbols, more.last, top=1, elements=10, rng=rng, learning=False)
        accuracy.append(found[1:].mean())
    assert accuracy[0] >= 0.95
    assert accuracy[1] >= 0.8
    assert accuracy[2] < 0.5  # nothing but ties is left: one in ten


def test_the_front_serves_other_learners():
    """The rule is that of the learner behind; frames are refused."""
    front = Familiar(name="familiar_suffix_table")
    assert front.rule == "none"
    assert front.inner == "suffix_table"
    student = front.begin(Symbols(size=40), seed=1)
    x = np.tile([1, 2, 3], 12)
    assert student.run(x)[-1] < 1.0
    with pytest.raises(Unsuited, match="takes symbols"):
        front.begin(Frames(size=4), seed=1)
    with pytest.raises(Unsuited, match="takes symbols"):
        SMALL.begin(Frames(size=4), seed=1)
    assert len(SMALL.locality()) > len(front.locality()) > 0


def test_a_small_cell_has_all_figures():
    """Every figure that the protocol names, and the same record twice."""
    task = HighOrder(
        elements=1200, switch=600, noise=100, several=(2,), several_elements=600,
        death=(0.0, 0.4), death_elements=600, window=50,
    )  # fmt: skip
    task.check()
    learner = Familiar(name="familiar_suffix_table")
    record = task.measure(learner, seed=1)
    assert record.note == ""
    assert 0.0 <= record.score <= 1.0
    assert {"final accuracy before the switch", "accuracy, 2 endings"} <= record.extra.keys()
    assert record.cost is not None
    assert record.cost.symbols == 1200
    assert len(record.x) == len(record.y) <= 120
    again = task.measure(learner, seed=1)
    assert again.score == record.score
    assert dict(again.extra) == dict(record.extra)
    assert "accuracy, 40 % dead" not in record.extra  # a table has no neurons
    assert record.settings["absent"]


def test_streams_too_short_are_refused():
    """A window of tests must fit into each part."""
    with pytest.raises(UsageError, match=r"switch = 100: at least 1200"):
        HighOrder(switch=100).check()
    with pytest.raises(UsageError, match="fraction from 0 to 1"):
        HighOrder(death=(0.0, 1.5)).check()


def test_the_circuit_is_lowered_as_described():
    """Chains of one root and one pool a lag; delays of whole cycles less the lead."""
    schedule = SymbolSchedule(symbols=np.zeros(1, int), size=4)
    parameters = Parameters(contexts=(Context(lags=(0, 5, 6), copies=3, pool=8),), ahead=2)
    circuit = lower_circuit(tapped_attention(schedule, parameters), dt=0.5 * ms, seed=1)
    program = circuit.program
    assert len(circuit.pools) == 12
    assert len(circuit.branches) == 3
    assert program.prime_delay.tolist() == [230, 230, 1230] * 3
    assert program.branch_delay.tolist() == [510] * 3


def test_both_executors_agree_on_slow_axons():
    """Primes and values of several cycles: cpu equals the reference in every bit."""
    symbols = np.tile([0, 1, 2], 4)
    parameters = Parameters(contexts=(Context(lags=(0, 2), pool=6),), ahead=2)
    circuit = lower_circuit(
        tapped_attention(SymbolSchedule(symbols=symbols, size=3), parameters), dt=0.5 * ms, seed=1
    )
    steps = circuit.program.period * np.arange(len(symbols))
    runs = [
        run_circuit(circuit, symbols, steps, backend=backend, progress=False)
        for backend in ("cpu", "reference")
    ]
    assert np.array_equal(runs[0].potential, runs[1].potential)
    assert runs[0].potential.any()
    for mine, other in zip(runs[0].state, runs[1].state, strict=True):
        assert np.array_equal(mine, other)
