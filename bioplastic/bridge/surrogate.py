"""Surrogate gradients: what stands in for the derivative of a step, spike = 1 if u > 0.

u is dimensionless: the distance from threshold in units of a population's own scale (see
`bioplastic.bridge.twin`). Forward nothing changes; only the backward pass sees these slopes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from bioplastic.description import _check


@dataclass(frozen=True, kw_only=True)
class FastSigmoid:
    """Derivative of u/(1 + k|u|):  ds/du = 1/(1 + k|u|)².

    slope   k, dimensionless
    Source: Zenke & Ganguli 2018 [zenke2018].
    """

    slope: float = 25.0

    def __post_init__(self) -> None:
        _check.quantity(self, "slope", 1, low=0, open_low=True)

    def derivative(self, u: Tensor) -> Tensor:
        """ds/du, same shape as u."""
        return (1.0 + self.slope * u.abs()) ** -2


@dataclass(frozen=True, kw_only=True)
class ATan:
    """Derivative of arctan(π a u/2)/π:  ds/du = (a/2)/(1 + (π a u/2)²).

    width   1/a, dimensionless: larger is broader
    Source: Fang et al. 2021 [fang2021].
    """

    width: float = 0.5

    def __post_init__(self) -> None:
        _check.quantity(self, "width", 1, low=0, open_low=True)

    def derivative(self, u: Tensor) -> Tensor:
        """ds/du, same shape as u."""
        sharp = 1.0 / self.width
        return (sharp / 2) / (1.0 + (math.pi / 2 * sharp * u) ** 2)


@dataclass(frozen=True, kw_only=True)
class Triangle:
    """Piecewise linear: ds/du = height · max(0, 1 − |u|/width), exactly 0 far from threshold.

    height, width   dimensionless
    Source: Bellec et al. 2018 [bellec2018].
    """

    height: float = 0.3
    width: float = 1.0

    def __post_init__(self) -> None:
        _check.quantity(self, "height", 1, low=0, open_low=True)
        _check.quantity(self, "width", 1, low=0, open_low=True)

    def derivative(self, u: Tensor) -> Tensor:
        """ds/du, same shape as u."""
        return self.height * (1.0 - u.abs() / self.width).clamp(min=0.0)


@dataclass(frozen=True, kw_only=True)
class StraightThrough:
    """The step is passed as if it were the identity near threshold: ds/du = 1 if |u| < width.

    width   dimensionless
    Source: Bengio, Léonard & Courville 2013 [bengio2013].
    """

    width: float = 1.0

    def __post_init__(self) -> None:
        _check.quantity(self, "width", 1, low=0, open_low=True)

    def derivative(self, u: Tensor) -> Tensor:
        """ds/du, same shape as u."""
        return (u.abs() < self.width).to(u.dtype)


Surrogate = FastSigmoid | ATan | Triangle | StraightThrough


@dataclass(frozen=True, kw_only=True)
class DetachedReset:
    """The reset is a fact, not a function: no gradient runs through it (the usual choice)."""

    def seen(self, spikes: Tensor) -> Tensor:
        """The spikes as the reset sees them."""
        return spikes.detach()


@dataclass(frozen=True, kw_only=True)
class AttachedReset:
    """The surrogate gradient runs through the reset too: v ← v (1 − s) + v_reset s."""

    def seen(self, spikes: Tensor) -> Tensor:
        """The spikes as the reset sees them."""
        return spikes


Reset = DetachedReset | AttachedReset


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Spikes per window as whole numbers: round(Σ s) forward, the gradient of Σ s backward.

    window   steps, or None: the whole run
    For spikes of 0 and 1 rounding changes nothing; for graded ones the straight-through estimator
    makes the count whole and passes the gradient unchanged [bengio2013].
    """

    window: int | None = None

    def __post_init__(self) -> None:
        if self.window is not None:
            _check.integer(self, "window", low=1)

    def __call__(self, spikes: Tensor) -> Tensor:
        """Counts (B, W, N) of spikes (B, T, N); W = T/window, and (B, N) without a window.

        Raises DescriptionError when T is not a multiple of the window.
        """
        if self.window is None:
            return whole_number(spikes.sum(dim=1))
        batch, steps, n = spikes.shape
        if steps % self.window:
            raise _check.fail(self, "window", self.window, f"must divide the run of {steps} steps")
        return whole_number(spikes.reshape(batch, -1, self.window, n).sum(dim=2))


def whole_number(x: Tensor) -> Tensor:
    """round(x) forward (half to even), identity gradient backward."""
    return x.detach().round() + (x - x.detach())


def step(above: Tensor, u: Tensor, surrogate: Surrogate) -> Tensor:
    """Spikes 0 or 1 in the type of u, with the surrogate gradient with respect to u.

    above   bool: the strict comparison itself, so that the surrogate cannot move a spike
    u       distance from threshold, dimensionless, finite
    """
    return above.to(u.dtype) + surrogate.derivative(u.detach()) * (u - u.detach())
