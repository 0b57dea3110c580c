"""Hypervector operations in Triton (CUDA and HIP), on 32-bit words, bit-equal to `reference`.

The 64-bit words are read as pairs of 32-bit words (little-endian). With TRITON_INTERPRET=1 in the
environment the same code runs without a GPU, slowly.
"""

from __future__ import annotations

import os

import numpy as np
import torch
import triton
import triton.language as tl

from bioplastic.errors import UsageError
from bioplastic.kernels.ahead_of_time import Compiled
from bioplastic.kernels.hypervector.executors import handed

BLOCK = 256
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"  # Triton decides when a kernel is defined


@triton.jit
def bind_kernel(a, b, made, size, BLOCK: tl.constexpr):
    """XOR of `size` words."""
    n = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = n < size
    left, right = tl.load(a + n, mask=inside, other=0), tl.load(b + n, mask=inside, other=0)
    tl.store(made + n, left ^ right, mask=inside)


@triton.jit
def bundle_kernel(vectors, tie, made, many, width, BLOCK: tl.constexpr):
    """Majority of `many` rows; one program counts the 32 bits of BLOCK words."""
    n = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = n < width
    bit = tl.arange(0, 32)[None, :]
    count = tl.zeros((BLOCK, 32), tl.int32)
    row = vectors + n
    for _ in range(many):
        count += (tl.load(row, mask=inside, other=0)[:, None] >> bit) & 1
        row += width
    decided = (tl.load(tie + n, mask=inside, other=0)[:, None] >> bit) & 1
    on = tl.where(2 * count == many, decided, (2 * count > many).to(tl.int32))
    tl.store(made + n, tl.sum(on << bit, axis=1), mask=inside)


@triton.jit
def _bits_from(row, first, width, inside):
    """32 bits of a row from bit `first` on; 0 outside the row."""
    word, bit = first >> 5, (first & 31).to(tl.uint32)
    low = tl.load(row + word, mask=inside & (word >= 0) & (word < width), other=0)
    high = tl.load(row + word + 1, mask=inside & (word >= -1) & (word + 1 < width), other=0)
    pair = (high.to(tl.uint32, bitcast=True).to(tl.uint64) << 32) | low.to(
        tl.uint32, bitcast=True
    ).to(tl.uint64)
    return (pair >> bit.to(tl.uint64)).to(tl.uint32)


@triton.jit
def permute_kernel(vectors, made, shift, dimension, width, BLOCK: tl.constexpr):
    """Rotate rows as numbers of D bits: (v << shift | v >> (D − shift)) mod 2^D."""
    n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = n < width
    row = tl.program_id(0).to(tl.int64) * width
    bits = _bits_from(vectors + row, n * 32 - shift, width, inside)
    bits |= _bits_from(vectors + row, n * 32 + dimension - shift, width, inside)
    beyond = tl.minimum(tl.maximum((n + 1) * 32 - dimension, 0), 32)
    kept = (0xFFFFFFFF >> beyond.to(tl.uint64)).to(tl.uint32)
    tl.store(made + row + n, (bits & kept).to(tl.int32, bitcast=True), mask=inside)


@triton.jit
def distance_kernel(query, memory, found, width, BLOCK: tl.constexpr):
    """Hamming distance of the query to one row of the memory."""
    row = memory + tl.program_id(0).to(tl.int64) * width
    total = tl.zeros((BLOCK,), tl.int32)
    for start in range(0, width, BLOCK):
        n = start + tl.arange(0, BLOCK)
        inside = n < width
        left, right = tl.load(query + n, mask=inside, other=0), tl.load(row + n, inside, other=0)
        v = (left ^ right).to(tl.uint32, bitcast=True)
        v = v - ((v >> 1) & 0x55555555)
        v = (v & 0x33333333) + ((v >> 2) & 0x33333333)
        v = (v + (v >> 4)) & 0x0F0F0F0F
        v = v + (v >> 8)
        total += ((v + (v >> 16)) & 63).to(tl.int32)
    tl.store(found + tl.program_id(0), tl.sum(total, axis=0).to(tl.int64))


class Gpu:
    """The operations on the current GPU; arrays travel there and back.

    Raises UsageError when there is no GPU and Triton's interpreter was not asked for.
    """

    def __init__(self) -> None:
        if not INTERPRETED and not torch.cuda.is_available():
            raise UsageError("backend = 'gpu': torch finds no CUDA or HIP device; use 'cpu'")
        self.device = torch.device("cpu" if INTERPRETED else "cuda")

    def bind(
        self, a: np.ndarray, b: np.ndarray, dimension: int, out: np.ndarray | None = None
    ) -> np.ndarray:
        """(…, W), (…, W) → (…, W)."""
        left, right = map(self._there, np.broadcast_arrays(a, b))
        made, size = torch.empty_like(left), left.numel()
        if size:
            bind_kernel[(triton.cdiv(size, BLOCK),)](left, right, made, size, BLOCK=BLOCK)
        return handed(_back(made), out)

    def bundle(self, vectors: np.ndarray, tie: np.ndarray, dimension: int) -> np.ndarray:
        """(K, W), (W,) → (W,)."""
        rows, ties = self._there(vectors), self._there(tie)
        made, (many, width) = torch.empty_like(ties), rows.shape
        bundle_kernel[(triton.cdiv(width, 32),)](rows, ties, made, many, width, BLOCK=32)
        return _back(made)

    def permute(self, vectors: np.ndarray, shift: int, dimension: int) -> np.ndarray:
        """(M, W) → (M, W); 0 <= shift < D."""
        rows = self._there(vectors)
        made, (many, width) = torch.empty_like(rows), rows.shape
        if many:
            grid = (many, triton.cdiv(width, BLOCK))
            permute_kernel[grid](rows, made, shift, dimension, width, BLOCK=BLOCK)
        return _back(made)

    def distance(self, query: np.ndarray, memory: np.ndarray, dimension: int) -> np.ndarray:
        """(W,), (M, W) → (M,) int64."""
        one, rows = self._there(query), self._there(memory)
        found = torch.empty(len(memory), dtype=torch.int64, device=self.device)
        if len(memory):
            distance_kernel[(len(memory),)](one, rows, found, rows.shape[1], BLOCK=BLOCK)
        return found.cpu().numpy()

    def _there(self, words: np.ndarray) -> torch.Tensor:
        return torch.tensor(np.ascontiguousarray(words).view(np.int32), device=self.device)


def _back(words: torch.Tensor) -> np.ndarray:
    return words.cpu().numpy().view(np.uint64)


COMPILED = (
    Compiled(
        name="bind",
        function=bind_kernel,
        signature="*i32 *i32 *i32 i32",
        constants={"BLOCK": BLOCK},
    ),
    Compiled(
        name="bundle",
        function=bundle_kernel,
        signature="*i32 *i32 *i32 i32 i32",
        constants={"BLOCK": 32},
    ),
    Compiled(
        name="permute",
        function=permute_kernel,
        signature="*i32 *i32 i32 i32 i32",
        constants={"BLOCK": BLOCK},
    ),
    Compiled(
        name="distance",
        function=distance_kernel,
        signature="*i32 *i32 *i64 i32",
        constants={"BLOCK": BLOCK},
        expected=("POPC",),
    ),
)
