"""Episodes of recall: drawn pairs, queries with gaps between them, what is asked where."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.space import Symbols


@dataclass(frozen=True, kw_only=True, eq=False)
class Episodes:
    """B episodes of equal length.

    x (B, L) int64      symbols
    asked (B, L) bool   True at t where x[t] is a query: x[t + 1] is to be said after it
    """

    x: np.ndarray
    asked: np.ndarray

    @property
    def targets(self) -> np.ndarray:
        """(n,) what is to be said, in the order of np.nonzero(asked)."""
        b, t = np.nonzero(self.asked)
        found: np.ndarray = self.x[b, t + 1]
        return found


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Disjoint symbols: keys 0..keys − 1, then values, then fillers."""

    keys: int = 256
    values: int = 256
    fillers: int = 64

    def __post_init__(self) -> None:
        """Check the sizes."""
        if self.keys < 1 or self.values < 2 or self.fillers < 1:
            raise UsageError(
                f"Vocabulary: keys={self.keys} and fillers={self.fillers} start at 1,"
                f" values={self.values} at 2"
            )

    @property
    def space(self) -> Symbols:
        """All of them."""
        return Symbols(size=self.keys + self.values + self.fillers)

    def filler(self, rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        """Fillers drawn at random."""
        found: np.ndarray = self.keys + self.values + rng.integers(self.fillers, size=shape)
        return found


def joined(episodes: Episodes) -> Episodes:
    """All of them one after the other, as one long episode."""
    return Episodes(x=episodes.x.reshape(1, -1), asked=episodes.asked.reshape(1, -1))


def shortest(pairs: int) -> int:
    """Symbols of an episode without gaps: a filler, the pairs, the queries with their answers."""
    return 1 + 4 * pairs


def multi_query(
    rng: np.random.Generator,
    words: Vocabulary,
    *,
    pairs: int,
    length: int,
    episodes: int,
    among: int | None = None,
) -> Episodes:
    """Multi-query associative recall: f k₁ v₁ … k_N v_N, then every key once more with its value.

    pairs    N keys without repetition, each with a value of its own drawing
    length   L; the L − 1 − 4N fillers fall into the gaps before, between and after the queries,
             every way of doing so equally likely
    among    draw keys from the first so many only; None: from all
    Queries come in random order. The answer follows its query, as in all text.
    Raises UsageError where the pairs do not fit.
    Source: Arora et al. 2023 [arora2023].
    """
    spare = length - shortest(pairs)
    drawn = words.keys if among is None else among
    if not 1 <= pairs <= drawn <= words.keys or spare < 0:
        raise UsageError(
            f"multi_query: {pairs} pairs need as many keys ({drawn} of {words.keys} are drawn from)"
            f" and {shortest(pairs)} symbols, not {length}"
        )
    x = words.filler(rng, (episodes, length))
    asked = np.zeros((episodes, length), bool)
    for b in range(episodes):
        keys = rng.permutation(drawn)[:pairs]
        values = words.keys + rng.integers(words.values, size=pairs)
        x[b, 1 : 2 * pairs + 1 : 2], x[b, 2 : 2 * pairs + 2 : 2] = keys, values
        order = rng.permutation(pairs)
        places = np.sort(rng.permutation(pairs + spare)[:pairs])
        at = 1 + 2 * pairs + places + np.arange(pairs)
        x[b, at], x[b, at + 1] = keys[order], values[order]
        asked[b, at] = True
    return Episodes(x=x, asked=asked)


def induction_heads(rng: np.random.Generator, size: int, *, length: int, episodes: int) -> Episodes:
    """… A B … A → B: random symbols; A comes twice, once inside and once as the last but one.

    A is any symbol, drawn anew in each episode; the others are drawn from the rest with repetition.
    The first A stands anywhere from 0 to L − 4, so that B lies between the two.
    Source: Olsson et al. 2022 [olsson2022].
    """
    if length < 4 or size < 2:
        raise UsageError(f"induction_heads: length = {length} starts at 4, size = {size} at 2")
    a = rng.integers(size, size=episodes)
    x = rng.integers(size - 1, size=(episodes, length))
    x += x >= a[:, None]
    first = rng.integers(length - 3, size=episodes)
    rows = np.arange(episodes)
    x[rows, first] = x[:, -2] = a
    x[:, -1] = x[rows, first + 1]
    asked = np.zeros((episodes, length), bool)
    asked[:, -2] = True
    return Episodes(x=x, asked=asked)
