"""Golden trace of 2026-11-23: 300 symbols, hashed. A change here is a line under Numerics."""

import hashlib

import numpy as np

GOLDEN = "e759a87eb43336ee318b61b15e7683cf"


def test_three_hundred_symbols_keep_their_bits(go):
    symbols = np.random.default_rng(2026).integers(0, 6, 300)
    run = go(symbols, 6, order=3)
    digest = hashlib.sha256()
    for array in (run.potential, run.winners, run.state.w, run.state.f, run.state.gain):
        digest.update(np.ascontiguousarray(array, "<i4").tobytes())
    found = digest.hexdigest()[:32]
    assert found == GOLDEN, found
