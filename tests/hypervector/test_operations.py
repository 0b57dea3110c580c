"""Bits equal between executors at odd sizes, algebra, chance levels, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bioplastic.errors import UsageError
from bioplastic.kernels.hypervector.operations import bind, bundle, distance, permute, similarity
from bioplastic.kernels.hypervector.vector import Hypervectors, pack

SIZES = (1, 63, 64, 65, 500, 1000)
DIMENSIONS = st.one_of(st.sampled_from(SIZES), st.integers(1, 300))


def draw(seed, dimension, *shape):
    return pack(np.random.default_rng(seed).integers(0, 2, (*shape, dimension)))


def same(a, b):
    return a.dimension == b.dimension and np.array_equal(a.words, b.words)


@pytest.mark.parametrize("dimension", [*SIZES, 5000])
@pytest.mark.parametrize("many", [1, 2, 3, 8, 101, 130])
def test_executors_agree_in_every_bit(dimension, many):
    a, b, one = draw(1, dimension, many), draw(2, dimension, many), draw(3, dimension)

    def everything(backend):
        yield bind(a, b, backend=backend).words
        yield bind(a, one, backend=backend).words
        yield bundle(a, one, backend=backend).words
        for shift in (0, 1, -1, 63, 64, 65, 12345):
            yield permute(a, shift, backend=backend).words
        yield distance(one, a, backend=backend)
        yield similarity(one, b, backend=backend)

    for fast, slow in zip(everything("cpu"), everything("reference"), strict=True):
        assert fast.dtype == slow.dtype
        assert np.array_equal(fast, slow)


@given(DIMENSIONS, st.integers(1, 20), st.integers(-2000, 2000), st.integers(0, 2**32))
@settings(deadline=None, max_examples=100)
def test_executors_agree_on_any_dimension(dimension, many, shift, seed):
    a, tie = draw(seed, dimension, many), draw(seed + 1, dimension)
    assert same(bundle(a, tie), bundle(a, tie, backend="reference"))
    assert same(permute(a, shift), permute(a, shift, backend="reference"))
    assert np.array_equal(distance(tie, a), distance(tie, a, backend="reference"))


@given(DIMENSIONS, st.integers(0, 2**32), st.integers(-2000, 2000), st.integers(-2000, 2000))
@settings(deadline=None, max_examples=60)
def test_algebra(dimension, seed, shift, more):
    a, b, c = (draw(seed + n, dimension) for n in range(3))
    assert same(bind(bind(a, b), b), a)  # its own inverse
    assert same(bind(a, b), bind(b, a))
    assert same(bind(bind(a, b), c), bind(a, bind(b, c)))
    assert same(permute(permute(a, shift), -shift), a)
    assert same(permute(permute(a, shift), more), permute(a, shift + more))
    assert same(permute(a, dimension), a)
    assert same(permute(bind(a, b), shift), bind(permute(a, shift), permute(b, shift)))
    pair = Hypervectors(words=np.stack([a.words, b.words]), dimension=dimension)
    kept = distance(bind(a, c), bind(pair, c))  # binding keeps distances
    assert np.array_equal(kept, distance(a, pair))
    assert np.array_equal(similarity(a, pair), dimension - 2 * distance(a, pair))


@given(st.integers(0, 2**32), st.integers(1, 12))
@settings(deadline=None, max_examples=40)
def test_a_bundle_is_like_its_members_and_like_nobody_else(seed, many):
    dimension = 4000
    members, others, tie = draw(seed, dimension, many), draw(~seed % 2**32, dimension, 5), None
    if many % 2 == 0:
        tie = draw(seed + 9, dimension)
    made = bundle(members, tie)
    spread = dimension**0.5  # standard deviation of the similarity of unrelated vectors
    assert (similarity(made, members) > 5 * spread).all()
    assert (abs(similarity(made, others)) < 6 * spread).all()


def test_majority_and_tie_by_hand():
    votes = pack(np.array([[0, 0, 1, 1], [0, 1, 0, 1]]))
    for tie, wanted in (([0, 0, 0, 0], [0, 0, 0, 1]), ([1, 1, 0, 0], [0, 1, 0, 1])):
        for backend in ("cpu", "reference"):
            made = bundle(votes, pack(np.array(tie)), backend=backend)
            assert made.bits().tolist() == wanted
    odd = pack(np.array([[0, 0, 1], [0, 1, 1], [1, 1, 1]]))
    assert bundle(odd).bits().tolist() == [0, 1, 1]
    assert bundle(odd, pack(np.array([1, 0, 0]))).bits().tolist() == [0, 1, 1]


def test_rotation_by_hand():
    assert permute(pack(np.array([1, 0, 0, 1, 0])), 1).bits().tolist() == [0, 1, 0, 0, 1]
    assert permute(pack(np.array([1, 0, 0, 1, 0])), -1).bits().tolist() == [0, 0, 1, 0, 1]


@pytest.mark.parametrize("dimension", SIZES)
def test_pack_unpack(dimension):
    bits = np.random.default_rng(1).integers(0, 2, (2, 3, dimension))
    packed = pack(bits)
    assert packed.shape == (2, 3)
    assert np.array_equal(packed.bits(), bits)
    for i in range(dimension):
        assert (packed.words[1, 2, i // 64] >> np.uint64(i % 64)) & np.uint64(1) == bits[1, 2, i]


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_bind_into_a_given_vector(backend):
    a, b, one = draw(1, 1000, 3), draw(2, 1000, 3), draw(3, 1000)
    for other in (b, one):
        wanted, out = bind(a, other), draw(9, 1000, 3)
        assert bind(a, other, out=out, backend=backend) is out
        assert same(out, wanted)
    wanted = bind(a, b)
    bind(a, b, out=a, backend=backend)
    assert same(a, wanted)
    step = Hypervectors(words=draw(1, 1000, 6).words[::2], dimension=1000)  # not contiguous
    assert same(bind(step, one, backend=backend), bind(step, one, backend="reference"))


def test_empty_memory():
    none = Hypervectors(words=np.zeros((0, 2), np.uint64), dimension=100)
    for backend in ("cpu", "reference"):
        assert distance(draw(1, 100), none, backend=backend).shape == (0,)
        assert permute(none, 3, backend=backend).words.shape == (0, 2)


V, PAIR, FROZEN = draw(1, 70), draw(2, 70, 2), draw(3, 70)
FROZEN.words.flags.writeable = False


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pack(np.array([0.0, 1.0])), "float64"),
        (lambda: pack(np.array([0, 2])), "found 0 … 2"),
        (lambda: pack(np.array([-1, 1])), "found -1 … 1"),
        (lambda: pack(np.zeros((3, 0), int)), "at least one component"),
        (lambda: Hypervectors(words=np.zeros(2, np.int64), dimension=70), "int64"),
        (lambda: Hypervectors(words=np.zeros(3, np.uint64), dimension=70), "need"),
        (lambda: Hypervectors(words=np.zeros(0, np.uint64), dimension=0), "dimension = 0"),
        (lambda: Hypervectors(words=np.full(2, 64, np.uint64), dimension=70), "beyond"),
        (lambda: bind(V, draw(1, 71)), "70 and 71 components"),
        (lambda: bind(PAIR, draw(1, 70, 3)), "do not fit together"),
        (lambda: bind(V, V, out=PAIR), r"out must be of shape \(\), not \(2,\)"),
        (lambda: bind(V, V, out=draw(1, 71)), "70 and 71 components"),
        (lambda: bind(V, V, out=FROZEN), "words of out are read-only"),
        (lambda: bundle(V), "K >= 1"),
        (lambda: bundle(PAIR), "2 vectors can tie"),
        (lambda: bundle(PAIR, PAIR), "tie must be one vector"),
        (lambda: distance(PAIR, PAIR), "needs one query"),
        (lambda: bind(V, V, backend="cuda"), "no such backend"),
    ],
)  # fmt: skip
def test_refusals(call, message):
    with pytest.raises(UsageError, match=message):
        call()
