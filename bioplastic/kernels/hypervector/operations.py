"""What one does with hypervectors, on the executor of one's choice; equal in every bit.

Source: binary spatter code, Kanerva 2009, "Hyperdimensional computing" [kanerva2009].
"""

from __future__ import annotations

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.kernels.hypervector.executors import kernels
from bioplastic.kernels.hypervector.vector import Hypervectors, trusted


def bind(
    a: Hypervectors, b: Hypervectors, *, backend: str = "cpu", out: Hypervectors | None = None
) -> Hypervectors:
    """Join two: 1 where they differ (XOR). Binding twice with the same vector undoes itself.

    a, b  of equal D; shapes broadcast against each other
    out   of that D and the shape that comes out; its words are overwritten and it is returned. It
          may be a or b. None: a new one
    The checks look at shapes and no words, so that their cost does not grow with D.
    Raises UsageError when the dimensions or shapes do not fit, or when out cannot be written.
    """
    dimension, left, right = a.dimension, a.words, b.words
    if dimension != b.dimension:
        raise _unequal(a, b)
    shape = left.shape if left.shape == right.shape else _joint(a, b)
    if out is None:
        return trusted(kernels(backend).bind(left, right, dimension), dimension)
    words = out.words
    if dimension != out.dimension:
        raise _unequal(a, out)
    if words.shape != shape:
        raise UsageError(f"bind: out must be of shape {shape[:-1]}, not {out.shape}")
    if not words.flags.writeable:
        raise UsageError("bind: the words of out are read-only")
    kernels(backend).bind(left, right, dimension, words)
    return out


def bundle(
    vectors: Hypervectors, tie: Hypervectors | None = None, *, backend: str = "cpu"
) -> Hypervectors:
    """Sum up K vectors into one: 1 where more than half have 1.

    vectors  shape (K,), K at least 1
    tie      shape (): decides the components where exactly half have 1, which even K has
    Raises UsageError for even K without `tie`: a rule that is always the same would make all
    bundles alike.
    """
    if len(vectors.shape) != 1 or vectors.shape[0] < 1:
        raise UsageError(f"bundle: needs vectors of shape (K,), K >= 1, not {vectors.shape}")
    if tie is None:
        if vectors.shape[0] % 2 == 0:
            raise UsageError(f"bundle: {vectors.shape[0]} vectors can tie; give `tie`, a vector "
                             "that decides then")  # fmt: skip
        tie = trusted(np.zeros_like(vectors.words[0]), vectors.dimension)
    if tie.shape != ():
        raise UsageError(f"bundle: tie must be one vector, not shape {tie.shape}")
    dimension = _same_dimension(vectors, tie)
    words = np.ascontiguousarray(vectors.words)
    made = kernels(backend).bundle(words, np.ascontiguousarray(tie.words), dimension)
    return trusted(made, dimension)


def permute(vectors: Hypervectors, shift: int, *, backend: str = "cpu") -> Hypervectors:
    """Rotate: component i moves to (i + shift) mod D. The opposite shift undoes it.

    shift  any whole number, also negative
    """
    dimension = vectors.dimension
    rows = np.ascontiguousarray(vectors.words.reshape(-1, vectors.words.shape[-1]))
    made = kernels(backend).permute(rows, int(shift) % dimension, dimension)
    return trusted(made.reshape(vectors.words.shape), dimension)


def distance(query: Hypervectors, memory: Hypervectors, *, backend: str = "cpu") -> np.ndarray:
    """Hamming distance of one query to each of M vectors.

    query   shape ()
    memory  shape (M,)
    Returns (M,) int64: 0 for equal vectors, about D/2 for unrelated ones, D for opposites.
    Raises UsageError when shapes or dimensions do not fit.
    """
    if query.shape != () or len(memory.shape) != 1:
        raise UsageError(
            f"distance: needs one query and memory of shape (M,), not {query.shape} and "
            f"{memory.shape}"
        )
    dimension = _same_dimension(query, memory)
    given = np.ascontiguousarray(query.words), np.ascontiguousarray(memory.words)
    return kernels(backend).distance(*given, dimension)


def similarity(query: Hypervectors, memory: Hypervectors, *, backend: str = "cpu") -> np.ndarray:
    """Components that agree minus components that do not, (M,) int64: D … −D, chance is 0.

    The dot product of the vectors with −1 written for 0. Arguments and errors as for `distance`.
    """
    return query.dimension - 2 * distance(query, memory, backend=backend)


def _same_dimension(a: Hypervectors, b: Hypervectors) -> int:
    if a.dimension != b.dimension:
        raise _unequal(a, b)
    return a.dimension


def _unequal(a: Hypervectors, b: Hypervectors) -> UsageError:
    return UsageError(f"hypervectors of {a.dimension} and {b.dimension} components do not fit")


def _joint(a: Hypervectors, b: Hypervectors) -> tuple[int, ...]:
    """The shape of words against words; UsageError when they do not broadcast."""
    try:
        return np.broadcast_shapes(a.words.shape, b.words.shape)
    except ValueError:
        raise UsageError(f"bind: shapes {a.shape} and {b.shape} do not fit together") from None
