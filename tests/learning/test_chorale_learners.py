"""Chorale learners: prediction before hearing, exact marginals, fast path equal to the loop."""

import copy
import math
from dataclasses import replace

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.learning.learner import Unsuited
from bioplastic.learning.learners.chorale_attention import ChoraleAttention
from bioplastic.learning.learners.chorale_code import spelt
from bioplastic.learning.learners.chorale_frames import ChoraleFrames
from bioplastic.learning.space import Frames, Symbols
from bioplastic.learning.walk import walk

SPACE = Frames(size=9)
SMALL = ChoraleFrames(
    contexts=((), ((1, None),), ((1, 0), (1, 1)), ((1, None), (2, None))), voices=2, pool=400
)


def melody(frames, seed=1):
    """Two voices on nine keys that walk by steps; now and then one, none or three sound."""
    rng = np.random.default_rng(seed)
    x = np.zeros((frames, 9), bool)
    low, high = 2, 6
    for t in range(frames):
        low = int(np.clip(low + rng.integers(-1, 2), 0, 4))
        high = int(np.clip(high + rng.integers(-1, 2), 5, 8))
        x[t, low] = x[t, high] = True
        if t % 11 == 7:
            x[t, high] = False
        if t % 13 == 9:
            x[t] = False
        if t % 17 == 12:
            x[t, [0, 4, 8]] = True
    return x


def loop(student, space, stream, learning=True):
    losses = []
    for t, x in enumerate(stream):
        losses.append(space.loss(student.predict(stream[:t]), x))
        student.learn(x) if learning else student.observe(x)
    return np.array(losses)


def test_run_is_the_loop():
    """Bit for bit; `predict` knows nothing of the frame, so `run` does not either."""
    x = melody(40)
    fast, slow = (SMALL.begin(SPACE, seed=3) for _ in range(2))
    assert np.allclose(fast.run(x), loop(slow, SPACE, x), rtol=0, atol=1e-12)
    later = melody(12, seed=2)
    still = fast.run(later, learning=False)
    assert np.allclose(still, loop(slow, SPACE, later, learning=False), rtol=0, atol=1e-12)
    for name in ("step", "mature", "gain", "fast"):  # pools may have room for more in one of them
        a, b = (getattr(student.inner.state, name) for student in (fast, slow))
        assert np.array_equal(a, b), name


def test_a_frame_changes_no_prediction_of_itself():
    """Potentials of every voice in the frame are bit-equal whatever the frame is."""
    x = melody(30)
    found = []
    for last in range(5):
        y = x.copy()
        y[-1] = melody(30, seed=last + 10)[-1 - last]
        student = SMALL.begin(SPACE, seed=3)
        symbols, starts = spelt(y, voices=2)
        p = student.inner.predictions(symbols)
        found.append(p[starts[-2] + np.arange(2)])
    for other in found[1:]:
        assert np.array_equal(found[0], other)
    assert np.ptp(found[0]) > 0


def test_prediction_is_idempotent():
    x = melody(20)
    student, quiet = (SMALL.begin(SPACE, seed=3) for _ in range(2))
    for frame in x:
        a, b = student.predict(None), student.predict(None)
        assert np.array_equal(a, b)
        student.learn(frame)
        quiet.learn(frame)
    assert np.array_equal(student.predict(None), quiet.predict(None))
    assert student.cost().effective_acs == quiet.cost().effective_acs


def test_marginals_add_up():
    """Σ_k P(k) = expected number of notes: at most one per voice, floors aside."""
    x = melody(300)
    student = SMALL.begin(SPACE, seed=3)
    student.run(x)
    p = student.predict(None)
    assert SMALL.floor <= p.min()
    assert p.max() <= 1 - SMALL.floor
    assert p.sum() <= 2 + 9 * SMALL.floor


def test_it_learns():
    """Against the same keys by frequency: the walk is worth about two thirds of a nat a voice.

    A voice of five (four) places is ln 5 (ln 4) nats by frequency and ln 3 by its walk, so the gap
    is ln(20/9) = 0.8 nats per frame before exceptions; half of it must be found in 400 frames.
    """
    x = melody(800)
    losses = SMALL.begin(SPACE, seed=3).run(x)[400:]
    often = x[:400].mean(axis=0).clip(0.01, 0.99)
    floor = -np.where(x[400:], np.log(often), np.log1p(-often)).sum(axis=1)
    assert losses.mean() < floor.mean() - 0.4


def test_lags_are_those_of_the_notes():
    """A stream whose frame f spells notes 10 f + voice: each lag must give the note asked for."""
    made = replace(SMALL, contexts=(((1, None),), ((1, 0), (2, 1)), ((3, None), (1, 1))))
    frame = made.voices + 1
    stream = [10 * f + v for f in range(8) for v in range(frame)]
    places = iter(made.places())
    for j in range(made.voices):
        asked = 6 * frame + j
        for context in made.contexts:
            lags, anchor = next(places)
            assert anchor is not None
            heard = sorted(stream[asked - 1 - lag] for lag in lags)
            assert heard == sorted(10 * (6 - d) + (j if v is None else v) for d, v in context)
            assert stream[asked - 1 - anchor] % 10 == made.voices
            assert anchor > max(lags)


def test_seeds_decide():
    x = melody(60)
    a, b, c = (SMALL.begin(SPACE, seed=s).run(x) for s in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_copies_go_their_own_way():
    x = melody(60)
    student = SMALL.begin(SPACE, seed=3)
    student.run(x[:30])
    twin = copy.deepcopy(student)
    twin.run(x[30:])
    assert np.array_equal(student.run(x[30:]), SMALL.begin(SPACE, seed=3).run(x)[30:])


def test_cost_is_per_frame():
    student = SMALL.begin(SPACE, seed=3)
    x = melody(25)
    student.run(x)
    cost = student.cost()
    assert cost.symbols == 25
    period = student.inner.program.period
    assert cost.executions == period * int(np.maximum(x.sum(axis=1), 2).sum() + 25)
    assert cost.learning_macs > 0


def test_lesion_of_everything_leaves_the_uniform_softmax():
    """Without keys every softmax is 1/V: each voice gives each key 1/11."""
    student = SMALL.begin(SPACE, seed=3)
    student.run(melody(40))
    before = student.predict(None)
    student.lesion_synapses(0.5, np.random.default_rng(0))
    student.run(melody(2), learning=False)
    assert not np.array_equal(student.predict(None), before)
    student.lesion_neurons(1.0, np.random.default_rng(0))
    student.run(melody(2), learning=False)
    assert np.allclose(student.predict(None), 2 / 11)


@pytest.mark.parametrize(
    "bad",
    [{"voices": 0}, {"floor": 0.0}, {"floor": 0.5}, {"contexts": (((0, 0),),)},
     {"contexts": (((1, 4),),)}, {"pool": 1}],
)  # fmt: skip
def test_ranges(bad):
    with pytest.raises(UsageError, match="chorale_frames"):
        ChoraleFrames(**bad)


def test_spaces():
    with pytest.raises(Unsuited, match="frames, not Symbols"):
        SMALL.begin(Symbols(size=4), seed=1)
    with pytest.raises(Unsuited, match="symbols, not Frames"):
        ChoraleAttention().begin(SPACE, seed=1)


def test_joint_learner_on_symbols():
    """Fast path equal to the loop, and better than frequency, on the same melody note by note."""
    symbols, _ = spelt(melody(150), voices=2)
    space = Symbols(size=11, delimiter=10)
    made = ChoraleAttention(lags=((0,), (0, 2), (2,)), pool=400)
    losses = made.begin(space, seed=1).run(symbols)
    assert np.allclose(losses[:60], loop(made.begin(space, seed=1), space, symbols[:60]))
    often = np.bincount(symbols, minlength=11) / len(symbols)
    entropy = -(often[often > 0] * np.log2(often[often > 0])).sum()
    assert losses[len(losses) // 2 :].mean() < entropy - 0.5
    assert math.isfinite(losses.max())
    assert made.locality() == SMALL.locality() != ()


def test_default_contexts_run():
    """All defaults lower and run: 17 contexts of the joint learner, 4 × 13 of the other."""
    space = Frames(size=12)
    x = np.zeros((12, 12), bool)
    x[:, [0, 4, 7, 11]] = True
    assert np.isfinite(walk(ChoraleFrames().begin(space, seed=1), space, x)).all()
    symbols, _ = spelt(x, voices=4)
    joint = Symbols(size=14, delimiter=13)
    assert np.isfinite(walk(ChoraleAttention().begin(joint, seed=1), joint, symbols)).all()
