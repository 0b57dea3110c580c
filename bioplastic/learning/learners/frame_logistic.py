"""Logistic regression of every key on the last frames: what a linear model can do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.locality import Use
from bioplastic.learning.space import Frames, Space


@dataclass(frozen=True, kw_only=True)
class FrameLogistic(Learner):
    """p_k = σ(b_k + Σ_d Σ_i w_dik x_i(t − d)), one step of Adagrad on its nats after each frame.

        g = p − x at the synapses of keys that were on;  s += g²;  w −= learning_rate · g / √s

    frames          how many of the last frames are seen
    learning_rate   nats       damping   s at the start
    All weights start at zero, silence before the first frame: the seed changes nothing. Under the
    prequential protocol this is online regression, under epochs the batch one.
    Raises UsageError for values out of range, Unsuited for symbols and series.
    Source: Duchi et al. 2011 [duchi2011].
    """

    name: str = "frame_logistic"
    rule: str = "backprop"
    frames: int = 4
    learning_rate: float = 0.1
    damping: float = 1.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        if self.frames < 1 or not all(
            math.isfinite(v) and v > 0 for v in (self.learning_rate, self.damping)
        ):
            raise UsageError(
                f"{self.name}: frames = {self.frames} starts at 1, learning_rate ="
                f" {self.learning_rate} and damping = {self.damping} must be positive"
            )

    def begin(self, space: Space, *, seed: int) -> FrameLogisticStudent:
        """Start on a space."""
        if not isinstance(space, Frames):
            raise Unsuited(f"{self.name} takes frames, not {type(space).__name__}")
        return FrameLogisticStudent(self, space)

    def locality(self) -> tuple[Use, ...]:
        """The delta rule of one layer, in floating point."""
        return (
            Use(
                quantity="whether the key was on",
                place="pre",
                latency=f"up to {self.frames} frames",
                local=True,
                why="the input of the synapse, through a delay of its own",
            ),
            Use(
                quantity="p − x of the post key, in floating point",
                place="post",
                latency="at the frame",
                local=True,
                why="one layer of independent outputs: the error of the neuron itself",
            ),
            Use(
                quantity="sum of squared errors at the synapse (Adagrad)",
                place="synapse",
                latency="at the frame",
                local=True,
                why="one number kept at the synapse",
            ),
        )


class FrameLogisticStudent:
    """Weights (D·K + 1, K) float64, the last row the bias; inputs are kept as indices of rows."""

    def __init__(self, learner: FrameLogistic, space: Frames) -> None:
        self.learner, self.space = learner, space
        self.w = np.zeros((learner.frames * space.size + 1, space.size))
        self.s = np.full_like(self.w, learner.damping)
        self.met = self.active = self.written = 0
        self.restart()

    def restart(self) -> None:
        """Begin a new piece: silence before it, weights stay."""
        self.past: list[np.ndarray] = []
        self._rows()

    def _rows(self) -> None:
        """Rows whose input is on."""
        on = [d * self.space.size + np.flatnonzero(x) for d, x in enumerate(self.past)]
        self.rows = np.concatenate([*on, [len(self.w) - 1]]).astype(np.int64)

    def snapshot(self) -> Any:
        """What was learned so far, for `restore`."""
        return self.w.copy(), self.s.copy()

    def restore(self, kept: Any) -> None:
        """Go back to a snapshot, at the beginning of a piece."""
        self.w, self.s = kept[0].copy(), kept[1].copy()
        self.restart()

    def predict(self, history: Any = None) -> np.ndarray:
        """p (K,) of each key, kept inside (0, 1) by |logit| <= 30."""
        logit = np.clip(self.w[self.rows].sum(axis=0), -30.0, 30.0)
        found: np.ndarray = 1.0 / (1.0 + np.exp(-logit))
        return found

    def learn(self, x: np.ndarray) -> None:
        """Meet one frame, one step."""
        g = self.predict() - np.asarray(x)
        self.s[self.rows] += g**2
        self.w[self.rows] -= self.learner.learning_rate * g / np.sqrt(self.s[self.rows])
        self.written += len(self.rows)
        self.observe(x)

    def observe(self, x: np.ndarray) -> None:
        """Meet one frame; no step."""
        self.active += len(self.rows)
        self.met += 1
        self.past = [np.asarray(x), *self.past][: self.learner.frames]
        self._rows()

    def cost(self) -> Cost:
        """K accumulates per input that is on; Adagrad: three products per weight written."""
        rows, keys = self.w.shape
        return Cost(
            symbols=self.met,
            executions=self.met,
            footprint_bytes=self.w.nbytes + self.s.nbytes + self.learner.frames * keys,
            plastic_synapses=self.w.size,
            neurons=keys,
            states_per_synapse=1.0,
            dense_operations=float(self.met * self.w.size),
            effective_acs=float(self.active * keys),
            activations=float(self.met * (rows - 1 + keys)),
            silent_activations=float(self.met * rows - self.active),
            trace_updates=float(self.written * keys),
            weight_updates=float(self.written * keys),
            learning_macs=float(3 * self.written * keys),
            bytes_touched=float(8 * keys * (self.active + 4 * self.written)),
        )
