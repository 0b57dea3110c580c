"""The high-order sequences of Cui, Ahmad & Hawkins 2016, and streams of them with noise between.

Pairs of sequences share all but the first and the last element, so the last can only be told from
the first, five or six elements before. At the switch the ends change places within the pairs.
Source: Cui, Ahmad & Hawkins 2016 [cui2016], and the sequences of its published experiments,
restated here by beginnings, middles and ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.provenance import stream as random_stream

Pair = tuple[tuple[int, int], tuple[int, ...], tuple[tuple[int, ...], tuple[int, ...]]]
"""(first elements), shared middle, (ends after the first, ends after the second)."""

PAIRS: dict[int, tuple[Pair, ...]] = {
    1: (
        ((6, 1), (8, 7, 4, 2, 3), ((0,), (5,))),
        ((6, 1), (3, 4, 2, 7, 8), ((5,), (0,))),
        ((0, 2), (9, 7, 8, 5, 3, 4), ((1,), (6,))),
        ((0, 2), (4, 3, 5, 8, 7, 9), ((6,), (1,))),
    ),
    2: (
        ((4, 5), (8, 3, 10, 9, 6), ((1, 2), (0, 7))),
        ((4, 5), (6, 9, 10, 3, 8), ((7, 0), (2, 1))),
        ((4, 5), (3, 8, 6, 1, 10, 11), ((9, 2), (0, 7))),
        ((4, 5), (11, 10, 1, 6, 8, 3), ((7, 0), (2, 9))),
    ),
    4: (
        ((7, 11), (4, 12, 5, 14, 1), ((2, 3, 0, 9), (13, 10, 6, 8))),
        ((7, 11), (1, 14, 5, 12, 4), ((8, 6, 10, 13), (9, 0, 3, 2))),
        ((9, 13), (4, 5, 15, 6, 1, 12), ((2, 3, 0, 10), (14, 11, 7, 8))),
        ((9, 13), (1, 12, 6, 15, 4, 5), ((8, 7, 11, 14), (10, 0, 3, 2))),
    ),
}
"""Number of possible ends → pairs."""


def sequences(endings: int, *, switched: bool = False) -> tuple[tuple[int, ...], ...]:
    """All sequences, 8 for each possible end; UsageError for other than 1, 2 or 4 endings."""
    if endings not in PAIRS:
        raise UsageError(f"endings = {endings}: one of {', '.join(map(str, PAIRS))}")
    return tuple(
        (first, *middle, end)
        for firsts, middle, ends in PAIRS[endings]
        for first, its in zip(firsts, ends[::-1] if switched else ends, strict=True)
        for end in its
    )


def elements(endings: int) -> int:
    """How many elements the sequences are made of: 10, 12 or 16."""
    return 1 + max(max(s) for s in sequences(endings))


@dataclass(frozen=True, kw_only=True, eq=False)
class HighOrderStream:
    """Sequences in random order, each followed by one noise symbol.

    symbols (L,) int64   elements 0..E−1, noise E..E+noise−1
    last (L,) bool       the last elements of sequences: what is tested
    """

    symbols: np.ndarray
    last: np.ndarray


def high_order_stream(
    *, endings: int, length: int, noise: int, seed: int, switch: int | None = None
) -> HighOrderStream:
    """Draw a stream of `length` symbols.

    endings  1, 2 or 4 possible ends of each beginning
    noise    size of the vocabulary of the symbols between, 1 or more
    switch   sequences that begin at this symbol or later have their ends exchanged; None: never
    Streams of equal seed and endings agree up to the switch.
    """
    if length < 1 or noise < 1:
        raise UsageError(f"high_order_stream: length = {length}, noise = {noise} start at 1")
    before, after = sequences(endings), sequences(endings, switched=True)
    first = elements(endings)
    rng = random_stream(seed, "high-order", f"{endings} endings")
    found: list[int] = []
    last: list[bool] = []
    while len(found) < length:
        now = before if switch is None or len(found) < switch else after
        chosen = now[int(rng.integers(len(now)))]
        found += [*chosen, first + int(rng.integers(noise))]
        last += [False] * (len(chosen) - 1) + [True, False]
    return HighOrderStream(
        symbols=np.array(found[:length], np.int64), last=np.array(last[:length], bool)
    )
