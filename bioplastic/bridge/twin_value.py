"""What the twin trains: values kept as numbers of order one, and propagators of trained rates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bioplastic.description import _check
from bioplastic.errors import UsageError
from bioplastic.simulate.propagator import propagator

Row = Sequence[Any]  # floats, or 0-d tensors where a gradient is wanted


@dataclass(frozen=True, kw_only=True)
class Trainable:
    """Which values of a twin have ``requires_grad`` at the start; all are parameters.

    weights          of every projection
    thresholds       v_th of LIF, AdaptiveLIF and ConductanceLIF, theta of LinearIF
    offsets          i_offset, drive of ConductanceLIF, offset of LinearIF
    time_constants   tau_m, tau of receptors and branches, tau_theta (LIF and AdaptiveLIF only)
    """

    weights: bool = True
    thresholds: bool = False
    offsets: bool = False
    time_constants: bool = False


def power_of_two(values: np.ndarray, otherwise: float) -> float:
    """Largest power of two ≤ max|values|; of `otherwise` when all are 0."""
    top = float(np.max(np.abs(values), initial=0.0)) or abs(otherwise) or 1.0
    return float(2.0 ** math.floor(math.log2(top)))


class Scaled(nn.Module):
    """A value in SI units kept as ``number * scale``; scale is a power of two, nothing is rounded.

    Weights of 1e-10 A and thresholds of 0.02 V become numbers of order one, so that one learning
    rate serves both.
    """

    number: nn.Parameter
    scale: Tensor

    def __init__(
        self, owner: str, value: Any, dtype: torch.dtype, *, trainable: bool, otherwise: float = 1.0
    ) -> None:
        super().__init__()
        self.owner = owner
        values = np.array(value, dtype=float)
        scale = power_of_two(values, otherwise)
        self.number = nn.Parameter(
            torch.as_tensor(values / scale).to(dtype), requires_grad=trainable
        )
        self.register_buffer("scale", torch.tensor(scale, dtype=dtype))

    def forward(self) -> Tensor:
        """The value, SI; UsageError when training has made it infinite or not a number."""
        return self.number * self.scale

    def check(self) -> None:
        """UsageError when training has made the value infinite or not a number."""
        bad = ~torch.isfinite(self.number.detach())
        if bool(bad.any()):
            where = f"[{int(bad.reshape(-1).nonzero()[0])}]" if self.number.ndim else ""
            value = float(self.number.detach().reshape(-1)[bad.reshape(-1)][0])
            raise UsageError(f"{self.owner}{where} = {value}: must be finite")

    def si(self) -> np.ndarray:
        """The value as float64, SI."""
        number = self.number.detach().cpu().numpy().astype(float)
        return np.asarray(number * float(self.scale))


@lru_cache(maxsize=256)
def _cached(matrix: bytes, n: int, dt: float, order: int | None) -> np.ndarray:
    values = propagator(np.frombuffer(matrix).reshape(n, n), dt, order)
    values.flags.writeable = False
    return values


def one_step(matrix: np.ndarray, dt: float, order: int | None = None) -> np.ndarray:
    """exp(A dt), or `order` terms of it: the array of `bioplastic.simulate`, kept, read-only."""
    return _cached(np.ascontiguousarray(matrix, dtype=float).tobytes(), len(matrix), dt, order)


class Propagator(torch.autograd.Function):
    """exp(A dt) with its exact derivative.

    Backward: the adjoint of the derivative of the exponential at A in direction G is the upper
    right block of exp([[Aᵀ, G], [0, Aᵀ]] dt), taken in the same 50-digit arithmetic.
    """

    @staticmethod
    def forward(ctx: Any, matrix: Tensor, dt: float) -> Tensor:
        """(n, n) 1/s -> (n, n)."""
        ctx.save_for_backward(matrix)
        ctx.dt = dt
        values = one_step(matrix.detach().cpu().double().numpy(), dt)
        return torch.as_tensor(values.copy(), device=matrix.device).to(matrix.dtype)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        """Gradient with respect to A."""
        (matrix,) = ctx.saved_tensors
        (grad,) = grads
        n = len(matrix)
        a = matrix.detach().cpu().double().numpy().T
        double = np.zeros((2 * n, 2 * n))
        double[:n, :n], double[n:, n:] = a, a
        double[:n, n:] = grad.detach().cpu().double().numpy()
        block = propagator(double, ctx.dt)[:n, n:]
        return torch.as_tensor(block, device=matrix.device).to(matrix.dtype), None


def combine(row: Row, values: Sequence[Tensor]) -> Tensor:
    """Σ row·values over the entries that are not exactly 0, in order; the order fixes rounding."""
    total: Any = None
    for factor, value in zip(row, values, strict=True):
        if isinstance(factor, float) and factor == 0.0:
            continue
        total = factor * value if total is None else total + factor * value
    return total if total is not None else 0.0 * values[0]


def positive(owner: str, value: Any) -> None:
    """Raise UsageError unless a trained time constant is > 0."""
    if not float(value) > 0:
        raise UsageError(f"{owner} = {float(value) * 1e3:g} ms: must be > 0; training made it so")


def refuse_dtype(dtype: Any) -> None:
    """Raise UsageError unless dtype is float64 or float32."""
    if dtype not in (torch.float64, torch.float32):
        raise UsageError(f"twin dtype = {dtype}: must be torch.float64 or torch.float32")


def as_array(value: Any, unit: Any) -> np.ndarray:
    """`value` in `unit` as float64."""
    return _check.magnitude(value, unit)
