"""Spike codes in Triton (CUDA and HIP), bit-equal to `reference`.

One program writes or reads BLOCK numbers over all T steps; T is a runtime argument. With
TRITON_INTERPRET=1 in the environment the same code runs without a GPU, slowly.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
import triton
import triton.language as tl

from bioplastic.errors import UsageError
from bioplastic.kernels.ahead_of_time import Compiled

BLOCK = 256
INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"  # Triton decides when a kernel is defined


@triton.jit
def unary_kernel(x, spikes, size, steps, BLOCK: tl.constexpr):
    """See `reference.unary`."""
    n = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = n < size
    value = tl.load(x + n, mask=inside, other=0)
    for t in range(steps):
        spike = (value > t).to(tl.int8) - (value < -t).to(tl.int8)
        tl.store(spikes + t * size + n, spike, mask=inside)


@triton.jit
def positional_kernel(x, spikes, size, steps, BLOCK: tl.constexpr):
    """See `reference.positional`."""
    n = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = n < size
    value = tl.load(x + n, mask=inside, other=0)
    magnitude = tl.abs(value)
    for t in range(steps):
        bit = (magnitude >> (steps - 1 - t)) & 1
        tl.store(spikes + t * size + n, tl.where(value < 0, -bit, bit).to(tl.int8), mask=inside)


@triton.jit
def weighted_sum_kernel(spikes, weights, found, size, steps, BLOCK: tl.constexpr):
    """See `reference.weighted_sum`."""
    n = tl.program_id(0).to(tl.int64) * BLOCK + tl.arange(0, BLOCK)
    inside = n < size
    total = tl.zeros((BLOCK,), tl.int64)
    for t in range(steps):
        spike = tl.load(spikes + t * size + n, mask=inside, other=0).to(tl.int64)
        total += spike * tl.load(weights + t)
    tl.store(found + n, total, mask=inside)


class Gpu:
    """The three functions on the current GPU; arrays travel there and back.

    Raises UsageError when there is no GPU and Triton's interpreter was not asked for.
    """

    def __init__(self) -> None:
        if not INTERPRETED and not torch.cuda.is_available():
            raise UsageError("backend = 'gpu': torch finds no CUDA or HIP device; use 'cpu'")
        self.device = torch.device("cpu" if INTERPRETED else "cuda")

    def unary(self, x: np.ndarray, steps: int) -> np.ndarray:
        """(N,) int64 → (T, N) int8."""
        return self._write(unary_kernel, x, steps)

    def positional(self, x: np.ndarray, steps: int) -> np.ndarray:
        """(N,) int64 → (T, N) int8."""
        return self._write(positional_kernel, x, steps)

    def weighted_sum(self, spikes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(T, N) int8, (T,) int64 → (N,) int64."""
        steps, size = spikes.shape
        given, worth = self._there(spikes), self._there(weights)
        found = torch.empty(size, dtype=torch.int64, device=self.device)
        if size:
            weighted_sum_kernel[(triton.cdiv(size, BLOCK),)](
                given, worth, found, size, steps, BLOCK=BLOCK
            )
        return found.cpu().numpy()

    def _write(self, kernel: Any, x: np.ndarray, steps: int) -> np.ndarray:
        size = len(x)
        spikes = torch.empty((steps, size), dtype=torch.int8, device=self.device)
        if size and steps:
            kernel[(triton.cdiv(size, BLOCK),)](self._there(x), spikes, size, steps, BLOCK=BLOCK)
        return spikes.cpu().numpy()

    def _there(self, array: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self.device)


COMPILED = (
    Compiled(
        name="unary",
        function=unary_kernel,
        signature="*i64 *i8 i32 i32",
        constants={"BLOCK": BLOCK},
    ),
    Compiled(
        name="positional",
        function=positional_kernel,
        signature="*i64 *i8 i32 i32",
        constants={"BLOCK": BLOCK},
    ),
    Compiled(
        name="weighted sum",
        function=weighted_sum_kernel,
        signature="*i8 *i64 *i64 i32 i32",
        constants={"BLOCK": BLOCK},
    ),
)
