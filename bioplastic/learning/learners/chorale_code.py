"""Frames of keys written as symbols: the notes of a chord from the top, rests, a bar.

A frame has exactly one spelling, so −ln p(frame) = Σ −ln p(symbol of its spelling) is a proper
joint loss in nats; spellings that no frame has (a note above the one before) only waste mass.
"""

from __future__ import annotations

import numpy as np

from bioplastic.errors import UsageError

EXTRA = 2
"""Symbols beside the keys: rest and bar."""


def rest(keys: int) -> int:
    """The symbol of a voice that is silent."""
    return keys


def bar(keys: int) -> int:
    """The symbol that ends a frame."""
    return keys + 1


def spelt(frames: np.ndarray, *, voices: int) -> tuple[np.ndarray, np.ndarray]:
    """Symbols (S,) int64 of frames (L, K) bool, and where each frame begins, (L + 1,).

    Each frame: its keys from the highest to the lowest, rests up to `voices`, a bar. With voices =
    0 there are no rests, so frames differ in length; with voices at least the largest chord, the
    j-th voice stands always voices + 1 symbols after the j-th voice of the frame before.
    """
    if voices < 0:
        raise UsageError(f"spelt: voices = {voices} starts at 0")
    count, keys = frames.shape
    notes = frames.sum(axis=1)
    starts = np.concatenate([[0], np.cumsum(np.maximum(notes, voices) + 1)]).astype(np.int64)
    symbols = np.full(starts[-1], rest(keys), np.int64)
    symbols[starts[1:] - 1] = bar(keys)
    which, flipped = np.nonzero(frames[:, ::-1])
    first = np.concatenate([[0], np.cumsum(notes)])[:-1]
    place = np.arange(len(which)) - np.repeat(first, notes) if count else which
    symbols[starts[which] + place] = keys - 1 - flipped
    return symbols, starts


def read(symbols: np.ndarray, *, keys: int, voices: int) -> np.ndarray:
    """The frames (L, K) bool of a spelling; UsageError where it is none that `spelt` writes."""
    ends = np.flatnonzero(symbols == bar(keys))
    frames = np.zeros((len(ends), keys), bool)
    for row, part in enumerate(np.split(symbols, ends + 1)[:-1]):
        frames[row, part[part < keys]] = True
    back, _ = spelt(frames, voices=voices)
    if not np.array_equal(back, symbols):
        raise UsageError("read: these symbols spell no frames")
    return frames
