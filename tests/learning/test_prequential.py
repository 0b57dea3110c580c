"""What holds for every baseline: no look-ahead, probabilities that sum to one.

PPMd hands out a size and no figure per symbol, so neither can be asked of it; its coder is a
decoder's mirror image and could not use the future either.
"""

import numpy as np
import pytest

from bioplastic.learning import from_symbols
from bioplastic.learning.gru import OnlineGRU
from bioplastic.learning.ngram import NGram
from bioplastic.learning.prequential import Predictor
from bioplastic.learning.suffix_table import SuffixTable
from bioplastic.learning.uniform import Uniform
from bioplastic.learning.unigram import Unigram

PREDICTORS: list[Predictor] = [
    Uniform(),
    Unigram(),
    NGram(),
    NGram(order=0, name="ngram-0"),
    SuffixTable(),
    SuffixTable(longest=3, name="suffix_table-3"),
    OnlineGRU(hidden=12),
]
every_predictor = pytest.mark.parametrize("predictor", PREDICTORS, ids=lambda p: p.name)


def markov(length, alphabet_size, seed):
    """Symbols with something to learn: mostly a cycle, sometimes a jump."""
    rng = np.random.default_rng(seed)
    jumps = rng.integers(0, alphabet_size, length)
    return (np.cumsum(np.where(rng.random(length) < 0.2, jumps, 1)) % alphabet_size).astype(int)


@every_predictor
@pytest.mark.parametrize("cut", [1, 16, 163, 399])
def test_changing_the_future_changes_no_earlier_figure(predictor, cut):
    text = markov(400, 5, seed=0)
    other = text.copy()
    other[cut:] = (other[cut:] + 1 + markov(400 - cut, 4, seed=cut)) % 5
    assert (other[cut:] != text[cut:]).all()
    first = predictor.bits(from_symbols(text, 5))
    second = predictor.bits(from_symbols(other, 5))
    np.testing.assert_array_equal(first[:cut], second[:cut])
    assert cut == 399 or predictor.name == "uniform" or (first[cut:] != second[cut:]).any()


@every_predictor
@pytest.mark.parametrize("at", [0, 1, 2, 17, 90, 249])
def test_probabilities_sum_to_one(predictor, at):
    text = markov(250, 4, seed=1)
    total = 0.0
    for symbol in range(4):
        text[at] = symbol
        total += 2.0 ** -predictor.bits(from_symbols(text, 4))[at]
    # float32 softmax in the recurrent network, float64 elsewhere
    assert total == pytest.approx(1.0, abs=1e-6 if predictor.name == "gru" else 1e-12)


@every_predictor
def test_bits_are_finite_float64_one_per_symbol_and_repeatable(predictor):
    stream = from_symbols(markov(300, 7, seed=2), 300)
    bits = predictor.bits(stream)
    assert bits.shape == (300,)
    assert bits.dtype == np.float64
    assert np.isfinite(bits).all()
    assert (bits > 0).all()
    np.testing.assert_array_equal(bits, predictor.bits(stream))
