"""Packed binary hypervectors: D components in 64-bit words.

Component i is bit i mod 64 of word i // 64 (least significant bit first), so that seen as 32-bit
words on a little-endian machine it is bit i mod 32 of word i // 32. The unused bits of the last
word are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UsageError

WORD = 64


@dataclass(frozen=True, kw_only=True, eq=False)
class Hypervectors:
    """One hypervector or an array of them.

    words      (…, W) uint64, W = ceil(D / 64)
    dimension  D, at least 1
    Raises UsageError when shape or dtype do not fit, or when a bit beyond D is set.
    """

    words: np.ndarray
    dimension: int

    def __post_init__(self) -> None:
        if self.dimension < 1:
            raise UsageError(f"dimension = {self.dimension}: must be at least 1")
        width, words = -(-self.dimension // WORD), self.words
        if words.dtype != np.uint64 or words.ndim == 0 or words.shape[-1] != width:
            raise UsageError(
                f"words: {self.dimension} components need (…, {width}) uint64, "
                f"not {words.shape} {words.dtype}"
            )
        if words.size and (words[..., -1] & ~last_word(self.dimension)).any():
            raise UsageError(f"words: bits beyond component {self.dimension - 1} are set")

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the array of vectors; () for one vector."""
        return self.words.shape[:-1]

    def bits(self) -> np.ndarray:
        """(…, D) uint8 of 0 and 1."""
        return unpack(self.words, self.dimension)


def trusted(words: np.ndarray, dimension: int) -> Hypervectors:
    """Hypervectors of words that an executor made from checked ones: nothing is looked at again."""
    made = object.__new__(Hypervectors)
    made.__dict__.update(words=words, dimension=dimension)
    return made


def last_word(dimension: int) -> np.uint64:
    """The bits of the last word that components use."""
    return np.uint64((1 << ((dimension - 1) % WORD + 1)) - 1)


def pack(bits: np.ndarray) -> Hypervectors:
    """Hypervectors from single bits: (…, D) of 0 and 1, in an integer or boolean dtype.

    Raises UsageError for other values or dtypes.

    >>> pack(np.array([1, 0, 0, 0, 1])).words
    array([17], dtype=uint64)
    """
    bits = np.asarray(bits)
    if bits.dtype.kind not in "iub" or bits.ndim == 0:
        raise UsageError(f"bits: must be (…, D) of whole numbers, not {bits.shape} {bits.dtype}")
    if bits.size and not (bits.min() >= 0 and bits.max() <= 1):
        raise UsageError(f"bits: must be 0 or 1, found {bits.min()} … {bits.max()}")
    dimension = bits.shape[-1]
    if dimension < 1:
        raise UsageError("bits: must have at least one component")
    return Hypervectors(words=pack_words(bits), dimension=dimension)


def pack_words(bits: np.ndarray) -> np.ndarray:
    """(…, D) of 0 and 1 → (…, W) uint64."""
    given, width = np.packbits(bits, axis=-1, bitorder="little"), -(-bits.shape[-1] // WORD)
    padded = np.zeros((*bits.shape[:-1], width * 8), np.uint8)
    padded[..., : given.shape[-1]] = given
    return padded.view("<u8").astype(np.uint64, copy=False)


def unpack(words: np.ndarray, dimension: int) -> np.ndarray:
    """(…, W) uint64 → (…, D) uint8 of 0 and 1."""
    octets = np.ascontiguousarray(words, "<u8").view(np.uint8)
    return np.unpackbits(octets, axis=-1, count=dimension, bitorder="little")
