"""The same-size multilayer perceptron with all labels: what backprop makes of the images."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Unsuited
from bioplastic.learning.learner import fraction as a_fraction
from bioplastic.learning.learners.image_learner import ImageLearner, ImageSpace, drawn, pieces
from bioplastic.learning.learners.image_net import Net
from bioplastic.learning.locality import Use
from bioplastic.provenance import stream

BACKPROP = (
    Use(
        quantity="error of every class", place="elsewhere", latency="one batch", local=False,
        why="label minus softmax, of all classes together",
    ),
    Use(
        quantity="weights of later layers", place="elsewhere", latency="one batch", local=False,
        why="the error returns through the transposed weights of other synapses",
    ),
    Use(
        quantity="mean over a batch", place="elsewhere", latency="one batch", local=False,
        why="gradients of many images are stored and averaged",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class ImageMLP(ImageLearner):
    """P – hidden – C, ReLU, softmax cross-entropy, Adam.

    neurons         hidden ReLU neurons; 0 leaves logistic regression
    learning_rate   of Adam        batch   images a step
    passes          1: in the order given, each image once; more: drawn orders, all images kept
    """

    name: str = "image_mlp"
    rule: str = "backprop"
    neurons: int = 400
    learning_rate: float = 1e-3
    batch: int = 64
    passes: int = 1

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        if self.neurons < 0 or not self.learning_rate > 0 or min(self.batch, self.passes) < 1:
            raise UsageError(
                f"{self.name}: neurons = {self.neurons}, learning_rate = {self.learning_rate}, "
                f"batch = {self.batch}, passes = {self.passes}"
            )

    def begin_images(self, space: ImageSpace, *, seed: int, total: int) -> BackpropStudent:
        """Start."""
        return BackpropStudent(self, space, seed)

    def locality(self) -> tuple[Use, ...]:
        """What an update uses."""
        return BACKPROP


class BackpropStudent:
    """A perceptron in the middle of its images."""

    def __init__(self, learner: ImageMLP, space: ImageSpace, seed: int) -> None:
        self.learner, self.space, self.seed = learner, space, seed
        hidden = (learner.neurons,) if learner.neurons else ()
        self.net = Net(
            sizes=(space.pixels, *hidden, space.classes), seed=seed,
            learning_rate=learner.learning_rate, batch=learner.batch,
        )  # fmt: skip
        self._kept: list[tuple[np.ndarray, np.ndarray]] = []
        self._rest: tuple[np.ndarray, np.ndarray] | None = None
        self._wall = self._cpu = 0.0

    def fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        """One pass: learn now, but for what does not fill a batch. More: keep the images."""
        self.space.check(images, labels)
        if self.learner.passes > 1:
            self._kept.append((images, labels))
            return
        if self._rest is not None:
            images = np.concatenate([self._rest[0], images])
            labels = np.concatenate([self._rest[1], labels])
        whole = len(images) - len(images) % self.learner.batch
        self._train(images[:whole], labels[:whole])
        self._rest = (images[whole:], labels[whole:])

    def settle(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Learn what was kept."""
        if self._rest is not None:
            self._train(*self._rest)
            self._rest = None
        if self._kept:
            x, y = (np.concatenate(both) for both in zip(*self._kept, strict=True))
            self._kept = []
            for k in range(self.learner.passes):
                order = stream(self.seed, "image_mlp", str(k)).permutation(len(x))
                self._train(x[order], y[order])

    def _train(self, images: np.ndarray, labels: np.ndarray) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        step = 30 * self.learner.batch
        for part in pieces(len(images), step):
            self.net.train(self.space.values(images[part], self.learner.energy), labels[part])
        self._wall += time.perf_counter() - wall
        self._cpu += time.process_time() - cpu

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Classes (n,) int64."""
        self.space.check(images)
        wall, cpu = time.perf_counter(), time.process_time()
        found = [np.zeros(0, np.int64)]
        for part in pieces(len(images)):
            found.append(self.net.classify(self.space.values(images[part], self.learner.energy)))
        self._wall += time.perf_counter() - wall
        self._cpu += time.process_time() - cpu
        return np.concatenate(found)

    def cost(self) -> Cost:
        """See `Net` for the formulas."""
        c, size = self.net.counts, self.net.size
        return net_cost(self.net, self._wall, self._cpu, c.shown, size)

    def lesion_neurons(self, fraction: float, rng: np.random.Generator) -> None:
        """Hidden neurons send nothing; Unsuited without a hidden layer."""
        if not self.learner.neurons:
            raise Unsuited(f"{self.learner.name}: has no hidden neurons to lesion")
        self.net.silence(drawn(self.learner.neurons, a_fraction(fraction, "lesion_neurons"), rng))

    def lesion_synapses(self, fraction: float, rng: np.random.Generator) -> None:
        """Weights become zero."""
        size = sum(a * b for a, b in self.net.matrices)
        self.net.cut(drawn(size, a_fraction(fraction, "lesion_synapses"), rng))


def net_cost(net: Net, wall: float, cpu: float, shown: int, size: int) -> Cost:
    """The counts of a net as a Cost: weights, and Adam's two moments, in float32."""
    c = net.counts
    hidden = sum(b for _, b in net.matrices[:-1])
    return Cost(
        symbols=shown,
        executions=shown,
        footprint_bytes=12 * size,
        plastic_synapses=size,
        neurons=sum(b for _, b in net.matrices),
        states_per_synapse=2.0,
        dense_operations=c.macs,
        effective_macs=c.effective,
        activations=float(shown) * hidden,
        silent_activations=max(float(shown) * hidden - c.active, 0.0),
        trace_updates=2 * c.written,
        weight_updates=c.written,
        learning_macs=c.learning,
        bytes_touched=4 * c.effective + 24 * c.written,
        wall_seconds=wall,
        cpu_seconds=cpu,
    )
