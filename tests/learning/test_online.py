"""The online harness on all three spaces: run is the loop, nothing comes from the future."""

import copy
import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

from bioplastic.errors import UsageError  # noqa: E402
from bioplastic.learning.learner import Lesionable, Streaming, Unsuited  # noqa: E402
from bioplastic.learning.learners.linear_attention import (  # noqa: E402
    Delta,
    LinearAttention,
    Sum,
)
from bioplastic.learning.learners.low_rank_attention import LowRankAttention  # noqa: E402
from bioplastic.learning.learners.online import Online, OnlineStudent  # noqa: E402
from bioplastic.learning.learners.recurrent import GRU, LSTM  # noqa: E402
from bioplastic.learning.learners.transformer import Transformer  # noqa: E402
from bioplastic.learning.learners.window_mlp import WindowMLP, WindowNetwork  # noqa: E402
from bioplastic.learning.space import Frames, Series, Space, Symbols  # noqa: E402
from bioplastic.learning.walk import divergence, walk  # noqa: E402

SMALL: dict[str, Any] = {"width": 8, "heads": 2, "layers": 2, "truncation": 6}
LEARNERS: dict[str, Online] = {
    "gru": GRU(hidden=5, truncation=6),
    "lstm": LSTM(hidden=5, truncation=6),
    "window_mlp": WindowMLP(hidden=5, window=3, layers=2, truncation=6),
    "transformer": Transformer(window=7, **SMALL),
    "sum": LinearAttention(update=Sum(retention=0.9), **SMALL),
    "delta": LinearAttention(update=Delta(), **SMALL),
    "low_rank": LowRankAttention(window=7, rank=3, turned=2, **SMALL),
}
SPACES: dict[str, Space] = {
    "symbols": Symbols(size=4),
    "frames": Frames(size=5),
    "series": Series(horizon=1, features=("a", "b")),
    "series 4 ahead": Series(horizon=4),
    "series 15 ahead": Series(horizon=15),  # further than two stretches
}


def data(space, length=70, seed=0):
    rng = np.random.default_rng(seed)
    if isinstance(space, Symbols):
        return rng.integers(0, space.size, length)
    if isinstance(space, Frames):
        return rng.random((length, space.size)) < 0.3
    return rng.normal(5, 2, (length, len(space.features)))


class Loop:
    """A student without its `run`, so that `walk` goes step by step."""

    def __init__(self, student):
        self.predict, self.learn = student.predict, student.learn
        self.observe, self.cost = student.observe, student.cost


def begin(learner, space, seed=1):
    """A student in float64, where rounding cannot hide a difference."""
    network = learner.network(space, torch.Generator().manual_seed(seed))
    return OnlineStudent(learner, space, network.double())


# Both paths do the same sums in another order: relative differences of 2⁻⁵³ per operation, of
# which a weight sees some 10³ a step; ten steps of Adam pass them on with factors of order one
# (η = 0.006 and losses of order one; forecasts are in units of 10). 10⁻¹⁰ leaves 10² of room.
CLOSE: dict[str, Any] = {"rtol": 1e-10, "atol": 1e-10}


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_run_is_the_loop(space):
    x = data(space)
    fast, slow = begin(LEARNERS["gru"], space), begin(LEARNERS["gru"], space)
    assert issubclass(OnlineStudent, Streaming)
    assert issubclass(OnlineStudent, Lesionable)
    assert not isinstance(Loop(slow), Streaming)
    for piece, learning in ((x[:29], True), (x[29:36], False), (x[36:36], True), (x[36:], True)):
        np.testing.assert_allclose(
            walk(fast, space, piece, learning=learning),
            walk(Loop(slow), space, piece, learning=learning),
            **CLOSE,
        )
    halfway = copy.deepcopy(slow)
    np.testing.assert_allclose(halfway.run(x), walk(Loop(slow), space, x), **CLOSE)


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_run_is_the_loop_for_every_network(learner):
    space = SPACES["symbols"]
    x = data(space, 40)
    fast, slow = begin(learner, space), begin(learner, space)
    np.testing.assert_allclose(fast.run(x), walk(Loop(slow), space, x), **CLOSE)
    one, other = learner.begin(space, seed=1), learner.begin(space, seed=2)
    assert (one.run(x[:6]) != other.run(x[:6])).any()


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_the_future_changes_no_earlier_figure(learner):
    space = SPACES["symbols"]
    x = data(space, 40)
    changed = x.copy()
    changed[20:] = (x[20:] + 1) % 4
    one, other = learner.begin(space, seed=0).run(x), learner.begin(space, seed=0).run(changed)
    assert (one[:20] == other[:20]).all()
    assert (one[20:] != other[20:]).any()


@pytest.mark.parametrize("horizon", [1, 4, 15])
def test_the_future_of_a_series_changes_no_earlier_forecast(horizon):
    space = Series(horizon=horizon)
    x = data(space, 60)
    changed = x.copy()
    changed[33:] += 10.0
    students = [LEARNERS["gru"].begin(space, seed=0) for _ in range(2)]
    told: list[list[float]] = []
    for student, stream in zip(students, (x, changed), strict=True):
        told.append([])
        for t in range(60):
            told[-1].append(float(student.predict(stream[:t])))
            student.learn(stream[t])
    assert told[0][:34] == told[1][:34]  # the forecast after x[0..32] is number 33
    assert told[0][34] != told[1][34]


@pytest.mark.parametrize("horizon", [1, 3, 8])
def test_a_series_is_learned_when_its_values_have_come(horizon):
    """Against a plain restatement for a network without a state, stretches of 5."""
    space, stretch = Series(horizon=horizon), 5
    learner = WindowMLP(window=1, hidden=3, truncation=stretch, clip=1e9)
    student = begin(learner, space)
    twin = copy.deepcopy(student.module)
    adam = torch.optim.Adam(twin.parameters(), lr=learner.learning_rate)
    x = data(space, 42)
    student.run(x)
    scaled, scales = [0.0], [(0.0, 1.0)]  # what the network sees before x[t], and its scale
    for t in range(len(x)):
        mean, sd = x[: t + 1, 0].mean(), x[: t + 1, 0].std() or 1.0
        scaled.append((x[t, 0] - mean) / sd)
        scales.append((mean, sd))
    done = 0
    for end in range(stretch, len(x) + 1, stretch):
        known = end - horizon + 1  # forecast t is of x[t + horizon − 1]
        if known <= done:
            continue
        adam.param_groups[0]["lr"] = learner.rate(done)
        outputs, _ = twin(torch.tensor(scaled)[done:known, None], twin.begin())
        wanted = [(x[t + horizon - 1, 0] - scales[t][0]) / scales[t][1] for t in range(done, known)]
        adam.zero_grad()
        (outputs[:, 0] - torch.tensor(wanted)).abs().mean().backward()
        adam.step()
        done = known
    for p, q in zip(student.module.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.detach(), q.detach(), **CLOSE)


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_predictions_have_the_form_of_the_space_and_asking_changes_nothing(space):
    x = data(space, 20)
    asked, unasked = begin(LEARNERS["lstm"], space), begin(LEARNERS["lstm"], space)
    for t in range(20):
        p = asked.predict(x[:t])
        assert (asked.predict(x[:t]) == p).all()
        asked.learn(x[t])
        unasked.learn(x[t])
    p = asked.predict(x)
    assert (p == unasked.predict(x)).all()
    assert p.shape == space.start().shape
    if isinstance(space, Symbols):
        assert p.sum() == pytest.approx(1.0, abs=1e-15)


def test_observing_learns_nothing_once_the_stretch_is_closed():
    space = SPACES["symbols"]
    x = data(space, 40)
    student = begin(LEARNERS["gru"], space)
    student.run(x[:15])
    student.observe(x[15])  # closes the stretch of three that was open
    assert student.examples == 15
    before = copy.deepcopy(student.module.state_dict())
    student.run(x[16:], learning=False)
    for name, value in student.module.state_dict().items():
        assert torch.equal(value, before[name])


def test_torch_is_left_as_it_was():
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    LEARNERS["gru"].begin(SPACES["symbols"], seed=3).run(data(SPACES["symbols"]))
    assert torch.get_num_threads() == threads
    assert torch.equal(state, torch.random.get_rng_state())


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
def test_lesions_stay(learner):
    space = SPACES["symbols"]
    x = data(space)
    student = learner.begin(space, seed=0)
    student.run(x)
    whole = student.cost().plastic_synapses
    student.lesion_synapses(0.25, np.random.default_rng(0))
    left = student.cost().plastic_synapses
    assert left == whole - round(0.25 * whole)
    student.lesion_neurons(0.5, np.random.default_rng(1))
    for units, fed in student.module.readers():
        for p in fed:
            silent = (p.reshape(-1, units) == 0).all(dim=0).sum()
            assert int(silent) >= round(0.5 * units)
    zeros = {name: p == 0 for name, p in student.module.named_parameters() if p.dim() > 1}
    student.run(x)
    for name, p in student.module.named_parameters():
        if p.dim() > 1:
            assert (p[zeros[name]] == 0).all()
    assert student.cost().plastic_synapses == sum(
        int((p != 0).sum()) for p in student.module.parameters() if p.dim() > 1
    )


def test_a_lesion_of_nothing_changes_nothing_and_of_all_leaves_the_biases():
    space = SPACES["symbols"]
    x = data(space)
    one, other = begin(LEARNERS["gru"], space), begin(LEARNERS["gru"], space)
    other.lesion_neurons(0.0, np.random.default_rng(0))
    assert (one.run(x) == other.run(x)).all()
    other.lesion_neurons(1.0, np.random.default_rng(0))
    bias = torch.softmax(other.module.output.bias.detach(), 0).numpy()
    np.testing.assert_allclose(other.predict(x), bias, rtol=1e-12)
    with pytest.raises(UsageError, match=r"a fraction from 0 to 1"):
        other.lesion_synapses(1.5, np.random.default_rng(0))


def test_divergence_is_kept():
    space = SPACES["symbols"]
    wild = replace(LEARNERS["window_mlp"], learning_rate=1e30, decay=math.inf)
    losses = wild.begin(space, seed=0).run(data(space))
    assert divergence(losses).startswith("diverged: loss ")
    assert not np.isfinite(walk(Loop(wild.begin(space, seed=0)), space, data(space))).all()
    for other in SPACES.values():
        student = LEARNERS["gru"].begin(other, seed=0)
        with torch.no_grad():
            student.module.output.bias[0] = torch.nan
        assert np.isnan(student.run(data(other))[30:]).all()


def test_pieces_side_by_side_are_the_mean_over_all_examples():
    space = SPACES["frames"]
    pieces = [data(space, n, seed=n) for n in (4, 9, 1)]
    learner = replace(LEARNERS["gru"], clip=1e9)
    student = begin(learner, space)
    twin = copy.deepcopy(student.module)
    student.learn_pieces(pieces)
    adam = torch.optim.Adam(twin.parameters(), lr=learner.learning_rate)
    total = torch.zeros((), dtype=torch.float64)
    for x in pieces:
        before = torch.from_numpy(np.concatenate((np.zeros((1, 5)), x[:-1])))
        outputs, _ = twin(before, twin.begin())
        total = total + torch.nn.functional.binary_cross_entropy_with_logits(
            outputs, torch.from_numpy(x.astype(float)), reduction="sum"
        )
    (total / 14).backward()
    adam.step()
    for p, q in zip(student.module.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.detach(), q.detach(), **CLOSE)
    assert student.cost().symbols == 14
    with pytest.raises(Unsuited, match="side by side"):
        LEARNERS["gru"].begin(SPACES["series 4 ahead"], seed=0).learn_pieces([])


def test_snapshot_and_restore():
    space = SPACES["symbols"]
    x = data(space)
    student = begin(LEARNERS["lstm"], space)
    student.run(x)
    student.restart()
    kept = student.snapshot()
    one = student.run(x)
    assert (one != student.run(x)).any()
    student.restore(kept)
    assert (one == student.run(x)).all()


# Elementwise products that FlopCounterMode does not see: three per unit of a recurrent net.
ELEMENTWISE = {"gru": 3 * 5, "lstm": 3 * 5}


@pytest.mark.parametrize("name", ["gru", "lstm", "window_mlp", "transformer", "low_rank"])
def test_dense_operations_are_what_torch_multiplies(name):
    """Brute count: torch's own counter of matrix products (two operations per product)."""
    space = SPACES["symbols"]
    x = data(space, 11)
    student = begin(LEARNERS[name], space)
    counter = FlopCounterMode(display=False)
    math_only = torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH)
    with counter, math_only:
        for t in range(11):  # step by step: in stretches masked products are made and thrown away
            student.predict(x[:t])
            student.observe(x[t])
    counted = counter.get_total_flops() / 2 + 11 * ELEMENTWISE.get(name, 0)
    assert student.cost().dense_operations == counted
    again = begin(LEARNERS[name], space)
    again.run(x, learning=False)
    assert again.cost().dense_operations == counted


@pytest.mark.parametrize("name", LEARNERS)
def test_effective_operations_leave_zeros_out(name):
    space = SPACES["frames"]
    x = data(space, 12)
    student = begin(LEARNERS[name], space)
    student.run(x, learning=False)
    cost, module = student.cost(), student.module
    reading = sum(p.numel() for p in module.reading())
    ids = {id(p) for p in module.reading()}
    inner = sum(p.numel() for p in module.parameters() if p.dim() > 1 and id(p) not in ids)
    mixing = sum(module.mixing(t) for t in range(12))
    acs = 0
    for t in range(12):  # every active input of every window, with every weight it feeds
        past = x[max(t - (3 if name == "window_mlp" else 1), 0) : t]
        acs += int(past.sum()) * sum(len(p) for p in module.reading())
    assert cost.effective_acs == acs
    assert cost.effective_macs == 12 * inner + mixing
    assert cost.dense_operations == 12 * (inner + reading) + mixing
    assert cost.learning_macs == cost.weight_updates == 0
    assert cost.symbols == cost.executions == 12


def test_costs_of_learning():
    space = SPACES["symbols"]
    x = data(space, 12)  # two stretches of six
    fast, slow = begin(LEARNERS["gru"], space), begin(LEARNERS["gru"], space)
    fast.run(x)
    walk(Loop(slow), space, x)
    parameters = sum(p.numel() for p in fast.module.parameters())
    cost = fast.cost()
    forward = cost.effective_macs
    assert cost.learning_macs == 2 * forward + cost.effective_acs + 2 * 5 * parameters
    assert cost.weight_updates == 2 * parameters
    assert cost.trace_updates == 4 * parameters
    # the loop makes every forward pass a second time for the gradient
    again = slow.cost()
    assert again.learning_macs == cost.learning_macs + forward + cost.effective_acs
    assert again.effective_macs == forward
    assert cost.footprint_bytes == 8 * (3 * parameters + 5)
    per_symbol = cost.per_symbol()
    assert per_symbol["executions_per_symbol"] == 1.0
    assert cost.wall_seconds > 0


@dataclass(frozen=True, kw_only=True)
class Own(Online):
    """A learner of one's own, as the docstring of the module shows it."""

    name: str = "own"

    def module(self, space, generator):
        return WindowNetwork(4, 4, 2, 3, 1)


def test_another_learner_is_one_method():
    student = Own().begin(SPACES["symbols"], seed=0)
    assert isinstance(student, OnlineStudent)
    assert np.isfinite(student.run(data(SPACES["symbols"]))).all()
    assert {use.place for use in Own().locality()} >= {"elsewhere"}
    before = torch.random.get_rng_state()
    one, other = (
        Own().network(SPACES["symbols"], torch.Generator().manual_seed(7)) for _ in range(2)
    )
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.equal(one.first.weight, other.first.weight)
    assert one.forward_batch(torch.zeros(3, 5, 4)).shape == (3, 5, 4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Own(truncation=0), "own: truncation=0 starts at 1"),
        (lambda: Own(learning_rate=0.0), r"learning_rate=0.0, decay=10000.0 and clip=1.0"),
        (lambda: Own(betas=(0.9, 1.0)), r"betas=\(0.9, 1.0\) lie in"),
        (lambda: GRU(hidden=0), "gru: hidden=0 starts at 1"),
        (lambda: LSTM(hidden=-1), "lstm: hidden=-1 starts at 1"),
        (lambda: WindowMLP(window=0), "window=0"),
        (lambda: Transformer(width=30), "multiple of 2 · heads=4"),
        (lambda: Transformer(window=0), "window=0 starts at 1"),
        (lambda: LinearAttention(conv=0), "conv=0 starts at 1"),
        (lambda: Sum(retention=0.0), r"retention=0.0 lies in \(0, 1\]"),
        (lambda: LowRankAttention(turned=3), "turned=3 is even"),
        (lambda: GRU().begin(Symbols(size=5000), seed=0), "5000 symbols, at most 4096"),
    ],
)
def test_bad_settings(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_the_rate_warms_up_and_falls():
    own = Own(learning_rate=1.0, warm_up=100.0, decay=1000.0)
    assert own.rate(0) == 0.01
    assert own.rate(3000) == pytest.approx(0.5)
    assert Own(learning_rate=1.0, decay=math.inf).rate(10**9) == 1.0
