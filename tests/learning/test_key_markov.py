"""Per-key Markov chain and logistic regression: closed forms, costs by brute count."""

import math

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Unsuited
from bioplastic.learning.learners.frame_logistic import FrameLogistic
from bioplastic.learning.learners.key_markov import KeyMarkov
from bioplastic.learning.space import Frames, Symbols
from bioplastic.learning.walk import walk

SPACE = Frames(size=5)


@pytest.fixture
def frames():
    return np.random.default_rng(3).random((60, 5)) < np.array([0.1, 0.3, 0.5, 0.7, 0.9])


def test_markov_is_the_ratio_of_counts(frames):
    student = KeyMarkov().begin(SPACE, seed=0)
    before = np.zeros(5, bool)
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    for x in frames:
        p = student.predict()
        for k in range(5):
            after = [b[k] for a, b in seen if a[k] == before[k]]
            assert p[k] == pytest.approx((sum(after) + 0.5) / (len(after) + 1), rel=1e-15)
        student.learn(x)
        seen.append((before, x))
        before = x


def test_markov_of_a_piece_of_its_own(frames):
    """Σ over a stream = the closed form of Krichevsky–Trofimov: one product of Γ per state."""
    x = frames[:, :1]
    losses = walk(KeyMarkov().begin(Frames(size=1), seed=0), Frames(size=1), x)
    before = np.concatenate([[False], x[:-1, 0]])
    nats = 0.0
    for state in (False, True):
        on, off = (int(((before == state) & (x[:, 0] == v)).sum()) for v in (True, False))
        nats -= (
            math.lgamma(on + 0.5) + math.lgamma(off + 0.5) - 2 * math.lgamma(0.5)
            - math.lgamma(on + off + 1)
        )  # fmt: skip
    assert losses.sum() == pytest.approx(nats, rel=1e-12)


@pytest.mark.parametrize("made", [KeyMarkov(), FrameLogistic(frames=2)])
def test_observe_moves_on_without_learning(made, frames):
    student = made.begin(SPACE, seed=0)
    walk(student, SPACE, frames[:40])
    kept = student.snapshot()
    walk(student, SPACE, frames[40:], learning=False)
    for a, b in zip(kept, student.snapshot(), strict=True):
        assert np.array_equal(a, b)
    later = student.predict()
    student.restore(kept)
    assert np.array_equal(student.predict(), _fresh(made, kept).predict())
    student.observe(frames[58])
    student.observe(frames[59])
    assert np.array_equal(student.predict(), later)  # both see two frames at most


def _fresh(made, kept):
    student = made.begin(SPACE, seed=0)
    student.restore(kept)
    return student


@pytest.mark.parametrize("made", [KeyMarkov(), FrameLogistic()])
def test_only_frames(made):
    with pytest.raises(Unsuited, match="frames, not Symbols"):
        made.begin(Symbols(size=3), seed=0)


def test_markov_cost(frames):
    student = KeyMarkov().begin(SPACE, seed=0)
    walk(student, SPACE, frames)
    walk(student, SPACE, frames, learning=False)
    cost = student.cost()
    assert cost.symbols == 120
    assert cost.weight_updates == 60 * 2 * 5


@pytest.mark.parametrize(
    "bad", [{"frames": 0}, {"learning_rate": 0.0}, {"damping": math.nan}, {"learning_rate": -1.0}]
)
def test_logistic_ranges(bad):
    with pytest.raises(UsageError, match="frame_logistic"):
        FrameLogistic(**bad)


def test_logistic_step_is_the_gradient(frames):
    """With s = 1 + g² Adagrad moves by rate·g/√s; g against central differences of the nats.

    Error of central differences with h: h²/6 times the third derivative of the nats (at most
    1/4·1 per key) + rounding 1e-16·nats/h; h = 1e-4 gives 1e-9 and 1e-11.
    """
    student = FrameLogistic(frames=2, learning_rate=0.5).begin(SPACE, seed=0)
    walk(student, SPACE, frames[:30])
    w, s = student.snapshot()
    x, rows = frames[30], student.rows.copy()
    h, g = 1e-4, np.zeros_like(w)
    for at in np.ndindex(*w.shape):
        nats = []
        for move in (h, -h):
            student.w = w.copy()
            student.w[at] += move
            nats.append(SPACE.loss(student.predict(), x))
        g[at] = (nats[0] - nats[1]) / (2 * h)
    assert np.abs(np.delete(g, rows, axis=0)).max() == 0.0
    student.w = w.copy()
    student.learn(x)
    assert np.allclose(student.w, w - 0.5 * g / np.sqrt(s + g**2), atol=1e-7)


def test_logistic_cost_by_brute_count(frames):
    made = FrameLogistic(frames=3)
    student = made.begin(SPACE, seed=0)
    walk(student, SPACE, frames)
    walk(student, SPACE, frames, learning=False)
    both = np.concatenate([frames, frames])
    on = [1 + int(both[max(0, t - 3) : t].sum()) for t in range(120)]
    cost = student.cost()
    assert cost.effective_acs == sum(on) * 5
    assert cost.weight_updates == sum(on[:60]) * 5
    assert cost.plastic_synapses == (3 * 5 + 1) * 5
    assert cost.activations == 120 * (15 + 5)
    assert cost.silent_activations == 120 * 15 - (sum(on) - 120)
    assert cost.learning_macs == 3 * cost.weight_updates


def test_logistic_learns_a_rule():
    """Key 0 repeats key 1 of two frames ago: no Markov chain knows, regression does."""
    rng = np.random.default_rng(5)
    x = rng.random((2000, 2)) < 0.5
    x[2:, 0] = x[:-2, 1]
    space = Frames(size=2)
    losses = walk(FrameLogistic(frames=2, learning_rate=0.5).begin(space, seed=0), space, x)
    markov = walk(KeyMarkov().begin(space, seed=0), space, x)
    # what is left is key 1, a fair coin: ln 2; three standard errors of 500 fair coins are 0 nats,
    # as ln ½ is the loss of either side, so the excess is what the two weights still miss
    assert math.log(2) < losses[-500:].mean() < math.log(2) + 0.1
    assert markov[-500:].mean() > 2 * math.log(2) - 0.02


def test_local_quantities_are_listed():
    assert {use.place for use in FrameLogistic().locality()} <= {"pre", "post", "synapse"}
    assert KeyMarkov().locality() == ()
