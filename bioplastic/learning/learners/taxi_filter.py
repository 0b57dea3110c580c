"""An adaptive linear filter: recursive least squares on the last records, online."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.locality import Use
from bioplastic.learning.space import Series, Space


@dataclass(frozen=True, kw_only=True)
class AdaptiveFilter(Learner):
    """Forecast = w · z, z = (1, all features of the last `window` records), by least squares.

        k = P z/(λ + zᵀP z),   w += k (x − w·z),   P ← (P − k zᵀP)/λ,   P₀ = 1/δ

    z is the input of `horizon` records before, met again when the value has come. Features are
    divided by their largest absolute value so far.

    window   records        forgetting   λ        ridge   δ
    Source: recursive least squares, Haykin 2002 [haykin2002].
    Raises UsageError for values out of range, Unsuited for other spaces.
    """

    name: str = "adaptive_filter"
    rule: str = "least-squares"
    window: int = 48
    forgetting: float = 0.9995
    ridge: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        if self.window < 1 or not 0.5 < self.forgetting <= 1.0 or not self.ridge > 0:
            raise UsageError(
                f"{self.name}: window = {self.window} (1 or more), forgetting = {self.forgetting}"
                f" (above .5, at most 1), ridge = {self.ridge} (positive)"
            )

    def begin(self, space: Space, *, seed: int) -> FilterStudent:
        """Start with w = 0; the seed changes nothing."""
        if not isinstance(space, Series):
            raise Unsuited(f"{self.name} forecasts a series, not {type(space).__name__}")
        return FilterStudent(self, space)

    def locality(self) -> tuple[Use, ...]:
        """The inverse correlation of all inputs is not local."""
        return (
            Use(
                quantity="input of the synapse", place="pre", latency="the horizon", local=True,
                why="a delay line or a trace carries it",
            ),
            Use(
                quantity="error of the one output", place="post", latency="the horizon", local=True,
                why="one neuron, its own error",
            ),
            Use(
                quantity="P, inverse correlation of all inputs", place="elsewhere",
                latency="each record", local=False, why="a matrix over all pairs of synapses",
            ),
        )  # fmt: skip


class FilterStudent:
    """One linear neuron."""

    def __init__(self, learner: AdaptiveFilter, space: Series) -> None:
        self.learner, self.space = learner, space
        features = len(space.features)
        self.size = 1 + learner.window * features
        self.w = np.zeros(self.size)
        self.p = np.eye(self.size) / learner.ridge
        self.recent = np.zeros((learner.window, features))
        self.scale = np.full(features, 1e-12)
        self.pending: list[np.ndarray] = []
        self.met = self.steps = 0
        self.wall = self.cpu = 0.0

    def _input(self) -> np.ndarray:
        return np.concatenate(([1.0], (self.recent / self.scale).ravel()))

    def predict(self, history: Any) -> np.ndarray:
        """The forecast, 0-d; 0 before anything was met."""
        if not self.met:
            return self.space.start()
        return np.asarray(float(self.w @ self._input()) * self.scale[0])

    def observe(self, x: np.ndarray) -> None:
        """Move on."""
        record = np.asarray(x, np.float64)
        self.scale = np.maximum(self.scale, np.abs(record))
        self.recent = np.concatenate((record[None], self.recent[:-1]))
        self.met += 1
        self.pending.append(self._input())
        self.pending = self.pending[-self.space.horizon :]

    def learn(self, x: np.ndarray) -> None:
        """Correct the forecast of this record, then move on."""
        tick, busy = time.perf_counter(), time.process_time()
        if len(self.pending) == self.space.horizon:
            z = self.pending[0]
            lam = self.learner.forgetting
            pz = self.p @ z
            k = pz / (lam + z @ pz)
            self.w = self.w + k * (float(x[0]) / self.scale[0] - self.w @ z)
            self.p = (self.p - np.outer(k, pz)) / lam
            self.p = (self.p + self.p.T) / 2.0
            self.steps += 1
        self.observe(x)
        self.wall += time.perf_counter() - tick
        self.cpu += time.process_time() - busy

    def cost(self) -> Cost:
        """D weights: D MACs a forecast; learning 2D² + 3D (P z, outer product, w, k, forecast)."""
        d = self.size
        return Cost(
            symbols=self.met, executions=self.met,
            footprint_bytes=8 * (d * d + d + self.recent.size + len(self.scale)),
            plastic_synapses=d, neurons=1, states_per_synapse=float(d),
            dense_operations=float(d * self.met), effective_macs=float(d * self.met),
            activations=float(self.met), learning_macs=float((2 * d * d + 3 * d) * self.steps),
            trace_updates=float(d * d * self.steps), weight_updates=float(d * self.steps),
            bytes_touched=8.0 * (d * self.met + 2 * d * d * self.steps),
            wall_seconds=self.wall, cpu_seconds=self.cpu,
        )  # fmt: skip
