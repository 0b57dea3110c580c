"""One recurrent network of LIF and adaptive LIF neurons: what it is made from, weights, a step."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from bioplastic.bridge.surrogate import Surrogate, Triangle
from bioplastic.errors import UsageError
from bioplastic.learning.learner import Learner, fraction
from bioplastic.learning.learners.lif_kernels import advance
from bioplastic.learning.learners.lif_optimiser import Adam, Optimiser, Plastic
from bioplastic.provenance import stream as random_stream


@dataclass(frozen=True, kw_only=True)
class LIFRecipe(Learner):
    """Symbols or keys as input spikes → recurrent LIF/ALIF network → leaky readout.

    In a step of `dt`, in units of v_th, with z the spikes of the step before and q what arrives
    (input spikes of this step, recurrent spikes of the step before):

        v ← α v − z + Σ_i w_ij q_i          α = exp(−dt/tau_m), reset by subtraction
        a ← ρ a + z                         ρ = exp(−dt/tau_a), the first `adaptive` · N neurons
        z' = 1 if v > 1 + β a               strictly, as in docs/integer-specification.md
        y ← κ y + Σ_j w_jk z'_j             κ = exp(−dt/tau_out)

    A symbol takes `steps` steps; its spikes arrive at the first (a frame: one spike for each key
    that is on), and after the last the next one is predicted: softmax(y + b) for Symbols, an
    independent 1/(1 + exp(−y − b)) for each key of Frames. Before the first symbol the network
    runs `steps` steps without input. A Series has no spikes to begin with and is `Unsuited`.

    Weights change after each `stretch` symbols, by the mean gradient of their nats; the stretch
    was predicted with the weights of before it. Where learning is switched off, the open stretch is
    first closed by an update by what was learned of it.

    neurons        N, 1 or more
    adaptive       fraction of neurons with an adaptive threshold, 0 to 1
    steps          grid steps per symbol: the execution rate
    dt, tau_m, tau_a, tau_out   ms
    beta           rise of the threshold per spike, in units of v_th
    gain_in, gain_rec, gain_out   standard deviations of the initial weights: of an input, of a
                   recurrent weight times √N, of a readout weight times √N; no autapses; b = 0
    surrogate      ∂z/∂u with u = (v − A)/v_th, of `bioplastic.bridge.surrogate`
    learning_rate  η₀; after t symbols η = η₀ / √(1 + t/decay)
    decay          symbols
    clip           largest Euclidean norm of the mean gradient in nats, or inf
    stretch        symbols per update
    optimiser      `Adam` or `Descent`
    single         True: float32, else float64
    The defaults of the network are the best on average over the three rules of eight networks
    drawn at random; those of each rule are the best of nine settings, all on the first 10 000
    symbols of kjv (`lif_search`, docs/figures/search-lif.jsonl).
    Source: Bellec et al. 2020, methods, network models [bellec2020].
    """

    neurons: int = 512
    adaptive: float = 0.5
    steps: int = 6
    dt: float = 1.0
    tau_m: float = 10.0
    tau_a: float = 200.0
    tau_out: float = 5.0
    beta: float = 0.3974
    gain_in: float = 2.733
    gain_rec: float = 1.273
    gain_out: float = 0.4678
    surrogate: Surrogate = field(default_factory=Triangle)
    learning_rate: float = 3e-3
    decay: float = 10_000.0
    clip: float = 1.0
    stretch: int = 16
    optimiser: Optimiser = field(default_factory=Adam)
    single: bool = True

    def __post_init__(self) -> None:
        """Check sizes and signs."""
        super().__post_init__()
        fraction(self.adaptive, f"{self.name}: adaptive")
        for name in ("neurons", "steps", "stretch"):
            if getattr(self, name) < 1:
                raise UsageError(f"{self.name}: {name} = {getattr(self, name)} starts at 1")
        for name in ("dt", "tau_m", "tau_a", "tau_out", "learning_rate", "decay", "clip"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{self.name}: {name} = {getattr(self, name)} must be positive")
        for name in ("beta", "gain_in", "gain_rec", "gain_out"):
            if not getattr(self, name) >= 0:
                raise UsageError(f"{self.name}: {name} = {getattr(self, name)} must be 0 or more")


class LIFNetwork:
    """Weights, masks and state of one network; see `LIFRecipe` for its equations.

    w (D + N, N)   inputs, then neurons, onto neurons     w_out (N, K), bias (K,)
    state          v (N,), a (A,), z (N,), y (K,)
    """

    def __init__(self, made: LIFRecipe, size: int, seed: int) -> None:
        n, rng = made.neurons, random_stream(seed, "lif", "weights")
        self.made, self.inputs = made, size
        self.dtype: Any = np.float32 if made.single else np.float64
        self.adaptive = round(made.adaptive * n)
        w_in = made.gain_in * rng.standard_normal((size, n))
        w_rec = made.gain_rec / math.sqrt(n) * rng.standard_normal((n, n))
        w_out = made.gain_out / math.sqrt(n) * rng.standard_normal((n, size))
        mask = np.ones((size + n, n), np.uint8)
        mask[size:][np.diag_indices(n)] = 0
        self.w = Plastic(weights=self._typed(np.concatenate((w_in, w_rec)) * mask), mask=mask)
        self.w_out = Plastic(weights=self._typed(w_out), mask=np.ones((n, size), np.uint8))
        self.bias = Plastic(weights=np.zeros(size, self.dtype), mask=np.ones(size, np.uint8))
        decays = [math.exp(-made.dt / tau) for tau in (made.tau_m, made.tau_a, made.tau_out)]
        self.constants = self._typed(np.array([decays[0], decays[1], made.beta, decays[2], 1.0]))
        self.alive = np.ones(n, np.uint8)
        self.state = tuple(np.zeros(k, self.dtype) for k in (n, self.adaptive, n, size))
        self.counts = np.zeros(4, np.int64)
        self._count_synapses()

    def _typed(self, x: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(x, dtype=self.dtype)

    def _count_synapses(self) -> None:
        self.degree = (
            np.count_nonzero(self.w.mask, axis=1).astype(np.int64),
            np.count_nonzero(self.w_out.mask, axis=1).astype(np.int64),
        )

    def psi(self, u: np.ndarray) -> np.ndarray:
        """∂z/∂v of the surrogate, same shape and type as u; 0 for a neuron that was destroyed."""
        import torch

        return self.made.surrogate.derivative(torch.from_numpy(u)).numpy() * self.alive

    def run(self, x: np.ndarray, tape: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
        """Run the steps of one symbol and return y + b (K,); see `lif_kernels.advance`."""
        advance(
            x,
            self.w.weights,
            self.w_out.weights,
            self.state,  # type: ignore[arg-type]
            self.alive,
            self.degree,
            self.constants,
            tape,
            self.counts,
        )
        return self.state[3] + self.bias.weights

    def kill(self, dead: np.ndarray) -> None:
        """Silence these neurons for good and remove their synapses."""
        self.alive[dead] = 0
        for part in self.state[:3]:
            part[dead[dead < len(part)]] = 0
        self.w.mask[:, dead] = 0
        self.w.mask[self.inputs + dead] = 0
        self.w_out.mask[dead] = 0
        self.cut()

    def cut(self) -> None:
        """Make the weights agree with the masks."""
        for p in (self.w, self.w_out, self.bias):
            p.weights *= p.mask
        self._count_synapses()


class Tape:
    """What happened in the symbols of a stretch: q arrived, z spiked, u from threshold."""

    def __init__(self, network: LIFNetwork, symbols: int) -> None:
        self.steps, n = network.made.steps, network.made.neurons
        rows = symbols * self.steps
        self.q = np.zeros((rows, network.inputs + n), np.uint8)
        self.z = np.zeros((rows, n), np.uint8)
        self.u = np.zeros((rows, n), network.dtype)

    def slot(self, k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The rows of symbol k; a tape of one symbol has only that."""
        first = k * self.steps % len(self.q)
        rows = slice(first, first + self.steps)
        return self.q[rows], self.z[rows], self.u[rows]
