"""Closed forms and slow re-computations of single baselines."""

import math
import sys

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.learning import from_symbols, load
from bioplastic.learning._hashmap import FREE, create, doubled, place
from bioplastic.learning.gru import OnlineGRU
from bioplastic.learning.ngram import NGram
from bioplastic.learning.ppm import PPMd
from bioplastic.learning.prequential import Unavailable
from bioplastic.learning.suffix_table import SuffixTable
from bioplastic.learning.uniform import Uniform
from bioplastic.learning.unigram import Unigram


def random_stream(length, alphabet_size, seed=0):
    symbols = np.random.default_rng(seed).integers(0, alphabet_size, length)
    return from_symbols(symbols, alphabet_size)


def cycle(period, length):
    return from_symbols(np.arange(length) % period, period)


def test_uniform_is_log2_v():
    assert (Uniform().bits(random_stream(50, 27)) == math.log2(27)).all()


def test_unigram_is_the_krichevsky_trofimov_closed_form():
    stream = random_stream(1000, 6)
    counts = np.bincount(stream.symbols, minlength=6)
    nats = math.lgamma(1000 + 3.0) - math.lgamma(3.0)
    nats -= sum(math.lgamma(c + 0.5) - math.lgamma(0.5) for c in counts)
    assert Unigram().bits(stream).sum() == pytest.approx(nats / math.log(2), rel=1e-12)


def naive_kneser_ney(x, alphabet_size, order):
    """The docstring of NGram, with dictionaries."""
    counts: list[dict] = [{} for _ in range(order + 1)]  # context -> successor -> count
    bits = []
    for t, y in enumerate(x):
        p = 1.0 / alphabet_size
        contexts = [tuple(x[t - k : t]) for k in range(min(order, t) + 1)]
        for k, context in enumerate(contexts):
            seen = counts[k].get(context)
            if seen:
                every = [c for after in counts[k].values() for c in after.values()]
                d = (every.count(1) + 1) / (every.count(1) + 2 * every.count(2) + 2)
                p = (max(seen.get(y, 0) - d, 0) + d * len(seen) * p) / sum(seen.values())
        bits.append(-math.log2(p))
        for k in range(len(contexts) - 1, -1, -1):
            after = counts[k].setdefault(contexts[k], {})
            after[y] = after.get(y, 0) + 1
            if after[y] > 1:
                break
    return bits


@pytest.mark.parametrize("order", [0, 1, 3, 6])
def test_ngram_equals_the_naive_one(order):
    stream = load("alice29", symbols=400)
    slow = naive_kneser_ney(stream.symbols.tolist(), 27, order)
    np.testing.assert_allclose(NGram(order=order).bits(stream), slow, rtol=1e-12)


def naive_suffix_table(x, alphabet_size, longest):
    """The docstring of SuffixTable, by search from the end."""
    right, asked = [0] * (longest + 1), [0] * (longest + 1)
    bits = []
    for t, y in enumerate(x):
        q = [(x[:t].count(s) + 0.5) / (t + alphabet_size / 2) for s in range(alphabet_size)]
        best, source = -1, None
        for end in range(t - 1, -1, -1):
            m = 0
            while m < min(longest, end) and x[end - 1 - m] == x[t - 1 - m]:
                m += 1
            if m > best:
                best, source = m, end
        if source is None:
            bits.append(-math.log2(q[y]))
            continue
        g = x[source]
        trust = (right[best] + 0.5) / (asked[best] + 1)
        bits.append(-math.log2(trust if y == g else (1 - trust) * q[y] / (1 - q[g])))
        asked[best] += 1
        right[best] += y == g
    return bits


@pytest.mark.parametrize("longest", [1, 4, 32])
def test_suffix_table_equals_the_naive_one(longest):
    stream = load("alice29", symbols=600)
    slow = naive_suffix_table(stream.symbols.tolist(), 27, longest)
    np.testing.assert_allclose(SuffixTable(longest=longest).bits(stream), slow, rtol=1e-12)


def test_suffix_table_learns_a_cycle():
    bits = SuffixTable().bits(cycle(9, 1000))
    assert bits[9] > 1  # the first return cannot be known
    # a match of the full 32 symbols is right n times of n: trust (n + ½) / (n + 1)
    assert bits[-1] == pytest.approx(-math.log2((958 - 0.5) / 958), abs=1e-4)
    assert bits[100:].max() < 0.02


@pytest.mark.parametrize("predictor", [NGram(), OnlineGRU(hidden=16, learning_rate=0.02)])
def test_the_others_learn_a_cycle(predictor):
    assert predictor.bits(cycle(9, 1600))[-100:].mean() < 0.05


def test_order_zero_does_not_see_the_cycle():
    assert NGram(order=0).bits(cycle(8, 3000))[-300:].mean() > 2.5


def test_ppmd_is_the_size_of_the_compressed_letters():
    pyppmd = pytest.importorskip("pyppmd")
    stream = load("alice29", symbols=5000)
    letters = "".join(stream.text()).encode()
    size = 8 * len(pyppmd.compress(letters, max_order=8, mem_size=1 << 26))
    assert PPMd().bits_total(stream) == size
    assert PPMd().bits_total(stream, 100) < size


def test_ppmd_says_what_it_lacks(monkeypatch):
    with pytest.raises(Unavailable, match="300 > 256"):
        PPMd().bits_total(from_symbols([0, 299], 300))
    monkeypatch.setitem(sys.modules, "pyppmd", None)
    with pytest.raises(Unavailable, match="pip install pyppmd"):
        PPMd().bits_total(cycle(3, 10))


def test_gru_leaves_torch_as_it_was_and_obeys_its_seed():
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    stream = cycle(3, 64)
    before = torch.random.get_rng_state()
    one = OnlineGRU(hidden=8, seed=1).bits(stream)
    assert torch.equal(before, torch.random.get_rng_state())
    assert torch.get_num_threads() == threads
    assert (one != OnlineGRU(hidden=8, seed=2).bits(stream)).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: NGram(order=17), "ngram order 17 is out of range 0 to 16"),
        (lambda: SuffixTable(longest=0), "longest=0 is out of range 1 to 1024"),
        (lambda: PPMd(order=1), "ppmd order 1 is out of range 2 to 64"),
        (lambda: PPMd(memory=1), "ppmd memory 1 B is out of range"),
        (lambda: OnlineGRU(hidden=0), "hidden=0"),
        (lambda: OnlineGRU(clip=0.0), "clip=0.0 must be positive"),
    ],
)
def test_parameters_out_of_range(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_hashmap_keeps_every_key_while_it_grows():
    keys, values = create(8)
    wanted = {int(k): i for i, k in enumerate(np.random.default_rng(0).integers(0, 2**60, 500))}
    for i, (key, value) in enumerate(wanted.items()):
        if 2 * (i + 1) > len(keys):
            keys, values = doubled(keys, values)
        at = place(keys, key)
        assert keys[at] == FREE
        keys[at], values[at] = key, value
    assert {k: int(values[place(keys, k)]) for k in wanted} == wanted
