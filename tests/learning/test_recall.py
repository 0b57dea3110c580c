"""Multi-query recall: episodes, Hebbian attention against its closed form, networks, the task."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from brian2 import ms
from torch.utils.flop_counter import FlopCounterMode

from bioplastic.description import SymbolSchedule
from bioplastic.errors import DescriptionError, UsageError
from bioplastic.kernels.circuit.run import run_circuit
from bioplastic.learning.learner import Unsuited
from bioplastic.learning.learners import learner
from bioplastic.learning.learners.hebbian_attention import HebbianAttention, RecruitedAttention
from bioplastic.learning.learners.recall_nets import (
    Linear,
    LowRank,
    RecallNet,
    Recurrent,
    Softmax,
)
from bioplastic.learning.learners.recall_pretrained import (
    RecallGRU,
    RecallLinear,
    RecallTransformer,
)
from bioplastic.learning.space import Frames, Symbols
from bioplastic.learning.tasks import task
from bioplastic.learning.tasks.recall import Recall
from bioplastic.learning.tasks.recall_episodes import Vocabulary, joined, multi_query, shortest
from bioplastic.learning.tasks.recall_subject import FewShot, likeliest, predictions
from bioplastic.learning.walk import walk
from bioplastic.networks.hebbian_attention import KOfN, Parameters, Recruited, hebbian_attention
from bioplastic.provenance import stream
from bioplastic.quantize.circuit import lower_circuit
from bioplastic.quantize.circuit_program import FRACTION

WORDS = Vocabulary(keys=8, values=6, fillers=4)
SPACE = WORDS.space
FEW = HebbianAttention(units=12, active=3)
ONE = RecruitedAttention()
X = stream(3, "symbols").integers(SPACE.size, size=90)
SMALL = Recall(
    words=WORDS, sizes=(2, 4), queries=8, lengths=(40, 80, 160), few=2, pairs=3, rounds=3
)


# episodes


def test_every_key_is_asked_once_and_has_one_value():
    found = multi_query(stream(1, "e"), WORDS, pairs=5, length=40, episodes=6)
    assert found.x.shape == found.asked.shape == (6, 40)
    for x, asked in zip(found.x, found.asked, strict=True):
        keys, values = x[1:11:2], x[2:12:2]
        at = np.flatnonzero(asked)
        assert sorted(x[at]) == sorted(keys)
        assert len(set(keys)) == 5
        bound = dict(zip(keys.tolist(), values.tolist(), strict=True))
        assert [bound[int(k)] for k in x[at]] == x[at + 1].tolist()
        assert keys.max() < 8 <= values.min() <= values.max() < 14
        rest = np.delete(x, [*range(1, 11), *at, *(at + 1)])
        assert len(rest) == 40 - 20
        assert rest.min() >= 14
    flat = joined(found)
    assert flat.x.shape == (1, 240)
    assert flat.targets.tolist() == found.targets.tolist()


def test_gaps_are_anywhere():
    found = multi_query(stream(2, "e"), WORDS, pairs=2, length=11, episodes=400)
    first = np.array([np.flatnonzero(a)[0] for a in found.asked])
    assert set(first) == {5, 6, 7}  # two fillers, before, between or after two queries
    # six equally likely ways: 3 with no filler before, 2 with one, 1 with two; 5 sigma of 400
    assert abs((first == 5).mean() - 1 / 2) < 5 * 0.5 / 20


@pytest.mark.parametrize(
    ("pairs", "length", "among"), [(9, 80, None), (3, 12, None), (0, 20, None), (4, 40, 3)]
)
def test_episodes_that_do_not_fit_are_refused(pairs, length, among):
    with pytest.raises(UsageError, match="pairs need"):
        multi_query(stream(1, "e"), WORDS, pairs=pairs, length=length, episodes=1, among=among)


def test_vocabulary_is_checked():
    with pytest.raises(UsageError, match="values=1"):
        Vocabulary(values=1)


# the network


def circuit(code, addressed=None):
    schedule = SymbolSchedule(symbols=X, size=SPACE.size)
    network = hebbian_attention(schedule, Parameters(code=code, addressed=addressed))
    return lower_circuit(network, dt=0.5 * ms, seed=5)


@pytest.mark.parametrize("code", [Recruited(pool=SPACE.size), KOfN(units=9, active=2, seed=1)])
def test_reference_and_cpu_agree_in_every_bit(code):
    made = circuit(code)
    x = np.array([0, 1, 0])
    steps = np.arange(3) * made.program.period
    slow = run_circuit(made, x, steps, backend="reference", progress=False)
    fast = run_circuit(made, x, steps, backend="cpu", progress=False)
    assert slow.state.f.any()
    for name, a, b in zip(slow.state._fields, slow.state, fast.state, strict=True):
        assert np.array_equal(a, b), name
    assert np.array_equal(slow.potential, fast.potential)
    assert np.array_equal(slow.winners, fast.winners)


def test_descriptions_that_make_no_sense_are_refused():
    schedule = SymbolSchedule(symbols=X, size=SPACE.size)
    with pytest.raises(DescriptionError, match="period"):
        hebbian_attention(
            SymbolSchedule(symbols=X, size=SPACE.size, period=100 * ms),
            Parameters(code=Recruited(pool=3)),
        )
    with pytest.raises(DescriptionError, match=r"1\.\.18"):
        hebbian_attention(schedule, Parameters(code=Recruited(pool=3), addressed=19))
    with pytest.raises(DescriptionError, match="active = 4 of units = 3"):
        KOfN(units=3, active=4)
    with pytest.raises(DescriptionError, match="pool = 0"):
        Recruited(pool=0)


def test_symbols_without_an_address_have_no_key():
    made = circuit(Recruited(pool=8), addressed=3)
    found = run_circuit(made, X, np.arange(len(X)) * made.program.period, progress=False)
    grown = found.state.symbol[found.state.symbol >= 0]
    assert sorted(grown) == [0, 1, 2]


# against closed forms


def heard(student):
    """u before each symbol in units of E, exactly."""
    rows = []
    for x in X:
        rows.append(student.potentials / (8 << FRACTION))
        student.learn(int(x))
    return np.array(rows)


def test_k_of_n_is_willshaws_matrix():
    """u_v = E Σ_{i in code} w_iv with w the OR of outer products, in every cycle and output."""
    code = KOfN(units=12, active=3, seed=7).draw(SPACE.size)
    w = np.zeros((12, SPACE.size), int)
    expected = [np.zeros(SPACE.size)]
    for t, x in enumerate(X):
        if t:
            w[code[X[t - 1]], x] = 1
        expected.append(w[code[x]].sum(axis=0))
    assert np.array_equal(heard(FEW.begin(SPACE, seed=7)), expected[:-1])


def test_recruited_is_a_table_of_last_successors():
    table: dict[int, int] = {}
    expected = [np.zeros(SPACE.size)]
    for t, x in enumerate(X.tolist()):
        if t > 0:
            table[int(X[t - 1])] = x
        said = np.zeros(SPACE.size)
        if x in table:
            said[table[x]] = 1
        expected.append(said)
    assert np.array_equal(heard(ONE.begin(SPACE, seed=7)), expected[:-1])


@pytest.mark.parametrize("made", [FEW, ONE])
def test_only_bits_are_learned(made):
    student = made.begin(SPACE, seed=1)
    student.run(X)
    assert not student.state.w.any()
    assert set(np.unique(student.state.f)) == {0, 1}
    rows = student.state.f.shape[0]
    address = 5 * rows if made is ONE else 0  # 18 symbols need 5 bits
    plateaus = {FEW: 3, ONE: 1}[made] * SPACE.size
    bits = rows * SPACE.size + address + plateaus
    keys = {FEW: 12, ONE: SPACE.size}[made]
    assert made.state_bytes(SPACE) == -(-bits // 8) + 12 * keys


@pytest.mark.parametrize("made", [FEW, ONE])
def test_run_is_the_loop(made):
    fast, slow, told = (made.begin(SPACE, seed=2) for _ in range(3))
    losses = walk(fast, SPACE, X)
    rows = []
    for t, x in enumerate(X):
        rows.append(slow.predict(X[:t]))
        assert np.array_equal(rows[-1], slow.predict(X[:t]))
        slow.learn(int(x))
    assert np.allclose(losses, [SPACE.loss(p, x) for p, x in zip(rows, X, strict=True)], atol=1e-9)
    assert np.array_equal(predictions(told, X), np.stack(rows))
    assert fast.cost().effective_acs == slow.cost().effective_acs


def test_nothing_is_known_at_the_start():
    for made in (FEW, ONE):
        student = made.begin(SPACE, seed=2)
        assert not student.state.f.any()
        assert student.state.mature.sum() == {FEW: len(student.program.first) - 1, ONE: 1}[made]
        assert np.allclose(student.predict(X[:0]), 1 / SPACE.size)
        assert student.cost().symbols == 0


def test_observing_binds_nothing():
    student = ONE.begin(SPACE, seed=2)
    student.run(X[:40])
    before = student.state.f.copy(), student.state.parent.copy()
    student.run(X[40:], learning=False)
    assert np.array_equal(student.state.f, before[0])
    assert np.array_equal(student.state.parent, before[1])


@pytest.mark.parametrize("made", [FEW, ONE])
def test_events_are_counted_and_nothing_is_multiplied(made):
    student = made.begin(SPACE, seed=2)
    student.run(X)
    cost, n = student.cost(), student.meter.named()
    assert cost.effective_macs == cost.learning_macs == 0
    assert cost.effective_acs == n["conducted_events"] + n["value_events"]
    assert cost.weight_updates == n["fast_updates"] > 0
    assert cost.symbols == len(X)


def test_answers_in_spikes_are_the_winners_of_most_races():
    student = ONE.begin(SPACE, seed=2)
    student.run(X)
    p = student.predict(X)
    assert student.said.shape == (len(X), 8)
    assert student.spoken()[-1] == p.argmax()
    won = np.array([[3, 5, 5, -1], [-1, -1, -1, 2], [4, 1, 1, 4], [-1, -1, -1, -1]])
    student._pieces = [np.repeat(won, 2, axis=1)]
    assert student.spoken().tolist() == [5, 2, -1, -1]


def test_unsuited_spaces_and_sizes():
    for made in (FEW, ONE):
        with pytest.raises(Unsuited, match="Frames"):
            made.begin(Frames(size=4), seed=1)
        with pytest.raises(Unsuited, match="Frames"):
            made.state_bytes(Frames(size=4))
        assert all(use.local for use in made.locality())
    with pytest.raises(UsageError, match="pool = 1"):
        RecruitedAttention(pool=1)


# networks


MIXERS = {
    "softmax": lambda: Softmax(12, 5),
    "low rank": lambda: LowRank(12, 5, 3),
    "linear": lambda: Linear(12, 5),
    "gru": lambda: Recurrent(12, 5),
}


def small_net(kind):
    torch.manual_seed(0)
    return RecallNet(SPACE.size, 6, MIXERS[kind](), 5)


@pytest.mark.parametrize("kind", MIXERS)
def test_networks_see_only_the_past(kind):
    net, asked = small_net(kind), torch.ones(1, 10, dtype=torch.bool)
    x = torch.from_numpy(X[None, :10].copy())
    before = net(x, asked)
    x[0, 6] = (x[0, 6] + 1) % SPACE.size
    after = net(x, asked)
    assert torch.equal(before[:6], after[:6])
    assert not torch.equal(before[6:], after[6:])


def test_linear_attention_step_by_step():
    """The recurrent form with a state of `numbers` equals the parallel one, to float32 rounding."""
    torch.manual_seed(0)
    mixer, x = Linear(12, 5), torch.randn(2, 30, 12)
    s, z = torch.zeros(2, 5, 5), torch.zeros(2, 5)
    rows = []
    for t in range(30):
        y, s, z = mixer.step(x[:, t], s, z)
        rows.append(y)
    assert s[0].numel() + z[0].numel() == mixer.numbers(30)
    # 30 terms of order one, each rounded to 2⁻²⁴, in sums that differ in order
    assert torch.allclose(torch.stack(rows, dim=1), mixer(x), atol=30 * 30 * 2.0**-24)


@pytest.mark.parametrize("kind", ["softmax", "low rank", "linear"])
def test_multiplications_are_those_that_torch_counts(kind):
    """At the first symbol, where nothing is masked; torch counts two flops per MAC.

    It counts no elementwise products: the normaliser of linear attention, its outer product (made
    by torch as scalar products of width 1 in the parallel form: width + width instead of 2 width²),
    and low-rank attention before the latent absorbs k and v.
    """
    net = small_net(kind)
    x, asked = torch.zeros(1, 1, dtype=torch.int64), torch.ones(1, 1, dtype=torch.bool)
    with FlopCounterMode(display=False) as counter:
        net(x, asked)
    products = counter.get_total_flops() / 2
    parallel = {"softmax": 2 * 5, "low rank": 2 * 5, "linear": 2 * 5}[kind]
    recurrent = {"softmax": 2 * 5, "low rank": 2 * 3, "linear": 2 * 5 * 5 + 2 * 5}[kind]
    assert net.macs(0) == products - parallel + recurrent


def test_work_of_attention_grows_with_what_was_seen():
    assert small_net("softmax").macs(100) - small_net("softmax").macs(0) == 100 * 2 * 5
    assert small_net("low rank").macs(100) - small_net("low rank").macs(0) == 100 * 2 * 3
    for kind in ("linear", "gru"):
        assert small_net(kind).macs(100) == small_net(kind).macs(0)
        assert small_net(kind).mixer.numbers(7) == small_net(kind).mixer.numbers(700)


def test_training_teaches_recall_and_repeats():
    """Four values, two pairs: chance is 1/4; 60 steps must leave it, and be the same twice."""
    words = Vocabulary(keys=4, values=4, fillers=1)
    made = Recall(words=words, sizes=(2,), gap=0, lengths=(9, 10, 11), pairs=2, few=1)
    recipe = RecallTransformer(width=16, embedding=16, steps=60, symbols=600, learning_rate=0.02)
    found = [recipe.train(words.space, made.draw, seed=4) for _ in range(2)]
    assert np.array_equal(found[0].y, found[1].y)
    assert found[0].x[-1] == 60 * (600 // 9) * 9
    assert found[0].y[-1] > 0.75
    cost = found[0].cost()
    assert cost.learning_macs > 2 * cost.effective_macs > 0
    assert found[0].state_bytes(100) == 4 * (2 * 16 * 100 + 16)


def test_networks_cannot_begin_without_training():
    for name in ("recall_transformer", "recall_gru", "recall_linear_attention"):
        with pytest.raises(Unsuited, match="training over episodes"):
            learner(name).begin(SPACE, seed=1)
    with pytest.raises(Unsuited, match="Frames"):
        RecallGRU().train(Frames(size=3), SMALL.draw, seed=1)
    with pytest.raises(UsageError, match="learning_rate = 0"):
        RecallGRU(learning_rate=0.0)


# the task


@pytest.mark.parametrize("made", [HebbianAttention(units=80, active=8), ONE])
def test_hebbian_attention_recalls(made):
    found = SMALL.measure(made, seed=1)
    assert (found.score, found.note) == (1.0, "")
    assert found.extra["accuracy_2_pairs"] == 1.0
    assert found.extra["accuracy_in_spikes_4_pairs"] == 1.0
    assert found.extra["state_bytes"] == made.state_bytes(SPACE)
    assert found.series["accuracy by length"][1].tolist() == [1.0, 1.0, 1.0]
    again = SMALL.measure(made, seed=1)
    assert again.extra == found.extra


def test_only_competition_can_rebind():
    found = replace(SMALL, rounds=6).measure(ONE, seed=1)
    assert found.extra["rebinding_accuracy"] == 1.0
    piled = replace(SMALL, rounds=6).measure(HebbianAttention(units=80, active=8), seed=1)
    assert piled.extra["rebinding_accuracy"] < 1.0


def test_cost_depends_on_the_symbols_in_use_and_not_on_the_length():
    """Events per symbol: primes of at most all grown keys, drive (of the key and of the young one),
    clock, teacher, one value; with 2 + 3 + 3 symbols in use at most 8 + 5."""
    found = SMALL.measure(ONE, seed=1)
    assert max(found.series["operations_per_symbol by length"][1]) <= 2 + 3 + 3 + 5
    trained = RecallTransformer(width=4, embedding=4, steps=1, symbols=50)
    other = SMALL.measure(trained, seed=1)
    assert other.extra["operations_slope"] == pytest.approx(4.0)  # 2 · width · L/2 per symbol


def test_others_take_part_too():
    table = SMALL.measure(learner("suffix_table"), seed=1)
    assert table.rule == "none"
    assert 0.0 <= table.score <= 1.0
    assert SMALL.measure(learner("uniform"), seed=1).score == 0.0  # a tie is no answer
    assert likeliest(np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2]])).tolist() == [1, -1]


def test_a_copy_of_the_student_is_asked():
    subject = FewShot(ONE, SPACE, seed=1)
    episodes = multi_query(stream(1, "e"), WORDS, pairs=3, length=20, episodes=2)
    first = subject.answers(episodes)
    assert np.array_equal(first, subject.answers(episodes))
    assert subject.cost().symbols == 2 * 2 * 20
    student = ONE.begin(SPACE, seed=1)
    twin = copy.deepcopy(student)
    twin.run(X)
    assert not student.state.f.any()


@pytest.mark.parametrize(
    "change",
    [
        {"sizes": (4, 2)},
        {"sizes": (9,)},
        {"lengths": (40, shortest(3) - 1, 60)},
        {"lengths": (40, 60)},
        {"rounds": 0},
        {"few": 5},
    ],
)
def test_sizes_are_checked(change):
    with pytest.raises(UsageError, match="recall: "):
        replace(SMALL, **change).check()


def test_full_size_is_consistent():
    made = Recall()
    assert task("recall") == made
    made.check()
    names = [one.name for one in made.learners()]
    assert "hebbian_attention" in names
    assert made.target is not None
    assert made.target.learner in names
    assert len(set(names)) == len(names)
    widths = [one.width for one in made.learners() if isinstance(one, RecallLinear)]
    state = HebbianAttention().state_bytes(made.words.space)
    assert any(4 * w * (w + 1) >= state for w in widths)  # linear attention as large takes part
    assert isinstance(made.words.space, Symbols)
