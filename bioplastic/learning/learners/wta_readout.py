"""A backprop readout on the spikes of the frozen STDP network: what its features are worth."""

from __future__ import annotations

import time
from dataclasses import dataclass, fields

import numpy as np

from bioplastic.learning.cost import SIZES, Cost
from bioplastic.learning.learners.image_learner import ImageSpace
from bioplastic.learning.learners.image_mlp import BACKPROP, net_cost
from bioplastic.learning.learners.image_net import Net
from bioplastic.learning.learners.wta_classifier import WTAClassifier
from bioplastic.learning.learners.wta_locality import WTA_STDP
from bioplastic.learning.learners.wta_student import WTAStudent
from bioplastic.learning.locality import Use


@dataclass(frozen=True, kw_only=True)
class WTAReadout(WTAClassifier):
    """STDP as `WTAClassifier`, one pass without labels; then softmax regression on who spikes.

    voters          winners of an image, the ones of its binary feature vector (N,)
    learning_rate   of Adam       epochs   passes of the readout over the stored features
    """

    name: str = "wta_readout"
    rule: str = "backprop"
    voters: int = 20
    learning_rate: float = 3e-3
    epochs: int = 10

    def begin_images(self, space: ImageSpace, *, seed: int, total: int) -> WTAReadoutStudent:
        """Start."""
        return WTAReadoutStudent(self, space, seed=seed, total=total)

    def locality(self) -> tuple[Use, ...]:
        """That of the features, and that of the readout."""
        return WTA_STDP[:-1] + BACKPROP[:1]


class WTAReadoutStudent(WTAStudent):
    """A WTA network with a trained readout."""

    learner: WTAReadout

    def __init__(self, learner: WTAReadout, space: ImageSpace, *, seed: int, total: int) -> None:
        super().__init__(learner, space, seed=seed, total=total)
        self._net = self._fresh()

    def _fresh(self) -> Net:
        sizes = (self.learner.neurons, self.space.classes)
        return Net(sizes=sizes, seed=self.seed, learning_rate=self.learner.learning_rate)

    def _features(self, images: np.ndarray) -> np.ndarray:
        """Binary (n, N) float32: who spiked."""
        winners = self.winners(images)
        found = np.zeros((len(images), self.learner.neurons + 1), np.float32)
        np.put_along_axis(found, winners, 1.0, axis=1)  # −1 falls into the last column
        return np.ascontiguousarray(found[:, :-1])

    def settle(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Train the readout on the features of the training images."""
        self.space.check(images, labels)
        self._freeze()
        x = self._features(images)
        wall, cpu = time.perf_counter(), time.process_time()
        self._net = self._fresh()
        for _ in range(self.learner.epochs):
            self._net.train(x, labels, shuffle=True)
        self._wall += time.perf_counter() - wall
        self._cpu += time.process_time() - cpu

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Classes (n,) int64."""
        self.space.check(images)
        return self._net.classify(self._features(images))

    def cost(self) -> Cost:
        """That of the network, and that of the readout added to it (its inputs are binary)."""
        a = super().cost()
        b = net_cost(self._net, 0.0, 0.0, 0, self._net.size)
        kept = ("symbols", "executions", "states_per_synapse")
        total = {
            f.name: getattr(a, f.name) + (0 if f.name in kept else getattr(b, f.name))
            for f in fields(Cost)
            if f.name in SIZES or f.name not in kept
        }
        total |= {name: getattr(a, name) for name in kept}
        total["effective_macs"] -= b.effective_macs
        total["effective_acs"] += b.effective_macs
        return Cost(**total)
