"""Random ReLU features and a ridge readout: nothing hidden is learned."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import fraction as a_fraction
from bioplastic.learning.learners.image_learner import ImageLearner, ImageSpace, drawn, pieces
from bioplastic.learning.locality import Use
from bioplastic.provenance import stream

RIDGE = (
    Use(
        quantity="inverse of the covariance of all features", place="elsewhere",
        latency="after the pass", local=False, why="the readout solves one set of equations",
    ),
    Use(
        quantity="label", place="elsewhere", latency="one image", local=False,
        why="every label of the training images enters the readout",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RandomFeatures(ImageLearner):
    """φ = max(0, W x + b), W and b drawn once; readout V = (ΦᵀΦ + ridge·I)⁻¹ Φᵀ Y, one pass.

    neurons   K features; W_ki ~ N(0, 1/mean |x|²), b_k ~ U(−1, 1), and a constant feature
    ridge     on the scale of one image, times the number of images
    Y is +1 for the class and −1 for the others.
    """

    name: str = "random_features"
    rule: str = "least-squares"
    neurons: int = 400
    ridge: float = 1e-4

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        if self.neurons < 1 or not self.ridge > 0:
            raise UsageError(f"{self.name}: neurons = {self.neurons}, ridge = {self.ridge}")

    def begin_images(self, space: ImageSpace, *, seed: int, total: int) -> Ridge:
        """Start."""
        return Ridge(self, space, seed)

    def locality(self) -> tuple[Use, ...]:
        """What the readout uses."""
        return RIDGE


class Ridge:
    """Random features in the middle of their images: it keeps ΦᵀΦ and ΦᵀY."""

    def __init__(self, learner: RandomFeatures, space: ImageSpace, seed: int) -> None:
        self.learner, self.space = learner, space
        rng, k = stream(seed, "random_features"), learner.neurons
        self._w = rng.standard_normal((space.pixels, k)).astype(np.float32)
        self._b = rng.uniform(-1, 1, k).astype(np.float32)
        self._scaled = False
        self._square = np.zeros((k + 1, k + 1))
        self._sum = np.zeros((k + 1, space.classes))
        self._readout: np.ndarray = np.zeros((k + 1, space.classes))
        self._solved = self._learned = self._shown = 0
        self._active = 0.0
        self._wall = self._cpu = 0.0

    def _features(self, images: np.ndarray) -> np.ndarray:
        x = self.space.values(images, self.learner.energy)
        if not self._scaled:  # from the first images shown
            size = float(np.sqrt((x * x).sum(axis=1).mean())) or 1.0
            self._w /= np.float32(size)
            self._scaled = True
        phi = np.maximum(x @ self._w + self._b, 0)
        self._shown += len(images)
        self._active += float(np.count_nonzero(phi))
        return np.concatenate([phi, np.ones((len(phi), 1), np.float32)], axis=1)

    def fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Add the images to the sums."""
        self.space.check(images, labels)
        wall, cpu = time.perf_counter(), time.process_time()
        for part in pieces(len(images)):
            phi = self._features(images[part])
            y = np.where(labels[part, None] == np.arange(self.space.classes), 1.0, -1.0)
            self._square += phi.T @ phi
            self._sum += phi.T @ y
        self._learned += len(images)
        self._wall += time.perf_counter() - wall
        self._cpu += time.process_time() - cpu

    def settle(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Solve for the readout."""
        wall, cpu = time.perf_counter(), time.process_time()
        if not self._learned:
            raise UsageError(f"{self.learner.name}: no image was shown")
        small = self.learner.ridge * self._learned
        self._readout = np.linalg.solve(self._square + small * np.eye(len(self._square)), self._sum)
        self._solved += 1
        self._wall += time.perf_counter() - wall
        self._cpu += time.process_time() - cpu

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Classes (n,) int64."""
        self.space.check(images)
        found = [np.zeros(0, np.int64)]
        found += [
            (self._features(images[p]) @ self._readout).argmax(axis=1) for p in pieces(len(images))
        ]
        return np.concatenate(found)

    def cost(self) -> Cost:
        """Forward P·K + (K + 1)·C MACs an image; learning (K + 1)² + (K + 1)·C, (K + 1)³/3 a solve.

        Effective ones leave out features that are zero in the readout.
        """
        p, k, c = self.space.pixels, self.learner.neurons, self.space.classes
        dense = float(self._shown) * (p * k + (k + 1) * c)
        effective = float(self._shown) * (p * k + c) + self._active * c
        learned = float(self._learned) * ((k + 1) ** 2 + (k + 1) * c)
        learned += self._solved * (k + 1) ** 3 / 3
        return Cost(
            symbols=self._shown,
            executions=self._shown,
            footprint_bytes=4 * (p + 1) * k + 8 * (k + 1) * (k + 1 + 2 * c),
            plastic_synapses=(k + 1) * c,
            fixed_synapses=(p + 1) * k,
            neurons=k + c,
            dense_operations=dense,
            effective_macs=effective,
            activations=float(self._shown) * k,
            silent_activations=float(self._shown) * k - self._active,
            weight_updates=float(self._solved * (k + 1) * c),
            learning_macs=learned,
            bytes_touched=4 * effective + 16 * learned,
            wall_seconds=self._wall,
            cpu_seconds=self._cpu,
        )

    def lesion_neurons(self, fraction: float, rng: np.random.Generator) -> None:
        """These features are zero."""
        lost = drawn(self.learner.neurons, a_fraction(fraction, "lesion_neurons"), rng)
        self._readout = self._readout.copy()
        self._readout[lost] = 0

    def lesion_synapses(self, fraction: float, rng: np.random.Generator) -> None:
        """Weights of pixels and of the readout become zero, from both together."""
        size = self._w.size + self._readout.size
        lost = drawn(size, a_fraction(fraction, "lesion_synapses"), rng)
        self._w, self._readout = self._w.copy(), self._readout.copy()
        self._w.reshape(-1)[lost[lost < self._w.size]] = 0
        self._readout.reshape(-1)[lost[lost >= self._w.size] - self._w.size] = 0
