"""How a gradient changes weights: Adam or plain gradient descent, on arrays with a mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.learners.lif_kernels import adam


@dataclass(kw_only=True, eq=False)
class Plastic:
    """One array of weights that learning may change.

    weights, gradient   same shape; the gradient is summed by a rule and set to 0 by a step
    mask                uint8, 0 where there is no synapse
    moments             arrays of the same shape, kept by the optimiser
    """

    weights: np.ndarray
    mask: np.ndarray
    gradient: np.ndarray = field(init=False)
    moments: list[np.ndarray] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Begin with no gradient."""
        self.gradient = np.zeros_like(self.weights)

    def synapses(self) -> int:
        """Weights that are there."""
        return int(np.count_nonzero(self.mask))


@dataclass(frozen=True, kw_only=True)
class Adam:
    """m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²; w ← w − η m̂/(√v̂ + ε).

    beta_1, beta_2   decay of the moments, 0 to 1
    epsilon          added to the root
    Source: Kingma & Ba 2015, algorithm 1 [kingma2015].
    """

    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    moments: int = field(default=2, init=False, repr=False)
    macs: int = field(default=4, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check the decays."""
        if not (0 <= self.beta_1 < 1 and 0 <= self.beta_2 < 1 and self.epsilon > 0):
            raise UsageError(
                f"Adam: beta_1 = {self.beta_1}, beta_2 = {self.beta_2} go from 0 to below 1 and "
                f"epsilon = {self.epsilon} must be positive"
            )

    def step(self, plastic: Sequence[Plastic], rate: float, scale: float, number: int) -> None:
        """Change the weights by scale times their gradient; `number` counts steps from 1."""
        for p in plastic:
            if not p.moments:
                p.moments = [np.zeros_like(p.weights), np.zeros_like(p.weights)]
            arrays = (p.weights, p.gradient, p.moments[0], p.moments[1], p.mask)
            flat = tuple(a.reshape(-1) for a in arrays)
            betas = (self.beta_1, self.beta_2)
            adam(flat, betas, rate, scale, self.epsilon, number)  # type: ignore[arg-type]


@dataclass(frozen=True, kw_only=True)
class Descent:
    """w ← w − η g: what one synapse can do with what it has, no number kept beside the weight."""

    moments: int = field(default=0, init=False, repr=False)
    macs: int = field(default=1, init=False, repr=False)

    def step(self, plastic: Sequence[Plastic], rate: float, scale: float, number: int) -> None:
        """Change the weights by scale times their gradient; `number` is not used."""
        for p in plastic:
            p.weights -= p.weights.dtype.type(rate * scale) * p.gradient * p.mask
            p.gradient[...] = 0


Optimiser = Adam | Descent


def clipped(plastic: Sequence[Plastic], symbols: int, clip: float) -> float:
    """1/symbols, made smaller where the Euclidean norm of the mean gradient is over `clip`.

    clip   largest norm of the mean gradient over all arrays; inf: the norm is not computed
    """
    if np.isinf(clip):
        return 1.0 / symbols
    squares = sum(float(np.vdot(p.gradient, p.gradient)) for p in plastic)
    norm = float(np.sqrt(squares)) / symbols
    return min(1.0, clip / (norm + 1e-6)) / symbols if np.isfinite(norm) else float("nan")
