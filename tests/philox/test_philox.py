"""Philox4x32-10 against the Random123 known answers; the numba and the numpy form agree."""

import numpy as np
import pytest

from bioplastic.philox import philox4x32, philox4x32_array

KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "words"), KNOWN)
def test_random123_known_answers(counter, key, words):
    c0, c1, c2, c3 = counter
    assert tuple(int(w) for w in philox4x32(c0, c1, c2, c3, *key)) == words
    assert tuple(philox4x32_array(np.array(counter), key).tolist()) == words


def test_numpy_form_equals_numba_form():
    counters = np.random.default_rng(7).integers(0, 2**32, (50, 4))
    words = philox4x32_array(counters, (3, 5))
    for row, (c0, c1, c2, c3) in zip(words, counters.tolist(), strict=True):
        assert tuple(row.tolist()) == tuple(int(w) for w in philox4x32(c0, c1, c2, c3, 3, 5))
