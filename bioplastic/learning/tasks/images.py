"""Images into classes: a winner-take-all network that sees no labels, against the usual floor."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field, fields, replace
from typing import Any, ClassVar

import numpy as np

from bioplastic.errors import UsageError, nearest
from bioplastic.learning.cost import SIZES, Cost
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.learners import learner
from bioplastic.learning.learners.image_learner import (
    ImageLearner,
    ImageStudent,
    LesionableClassifier,
)
from bioplastic.learning.task import Metric, Published, Record, Target
from bioplastic.learning.tasks import image_data
from bioplastic.learning.tasks.image_data import ImageData
from bioplastic.provenance import stream

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
CHECKPOINTS = (100, 300, 1000, 3000, 10_000, 30_000)


@dataclass(frozen=True, kw_only=True)
class ImageSet:
    """A set of images: how it is read, how large the networks are, what others reached.

    energy     ‖x‖ after gain control, for all learners; near the mean of the raw images
    held_out   training images that tuning is judged on, the last ones      seeds   paired seeds
    """

    read: Callable[[int], ImageData]
    neurons: int
    energy: float
    seeds: int
    held_out: int
    published: tuple[Published, ...] = ()
    target: Target | None = None


SETS: dict[str, ImageSet] = {
    "mnist": ImageSet(
        read=image_data.mnist,
        neurons=400,
        energy=9.0,
        seeds=5,
        held_out=10_000,
        published=(
            Published(
                name="Diehl & Cook, 400 neurons, STDP, 3 passes", score=0.870,
                source="Diehl & Cook 2015 [diehl2015]", measured="recalled",
            ),
        ),
        target=Target(
            learner="wta_classifier", score=0.87,
            why="400 neurons of Diehl & Cook 2015, reached in one pass",
        ),
    ),
    "fashion": ImageSet(read=image_data.fashion, neurons=400, energy=9.0, seeds=5, held_out=10_000),
    "digits": ImageSet(read=image_data.digits, neurons=100, energy=3.6, seeds=10, held_out=300),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Images:
    """One pass over the training images, then the test images, with learning off.

    name        mnist, fashion or digits
    neurons     of every hidden layer or set of prototypes; 0: as the set says
    train, test   at most this many images of each; 0: all
    robust      test images on which damage and the learning curve are measured, 0: all
    validate    the last training images are the test (for tuning): test images are not touched
    """

    name: str = "mnist"
    neurons: int = 0
    train: int = 0
    test: int = 0
    robust: int = 2000
    levels: tuple[float, ...] = LEVELS
    validate: bool = False
    fresh: ClassVar[bool] = False
    metric: Metric = field(
        default=Metric(name="test accuracy", unit="fraction", lower_is_better=False), init=False
    )

    def __post_init__(self) -> None:
        """Check the numbers."""
        if self.name not in SETS:
            raise UsageError(f"images: no set {self.name!r}{nearest(self.name, SETS)}")
        if min(self.neurons, self.train, self.test, self.robust) < 0:
            raise UsageError(f"{self.name}: neurons, train, test and robust are 0 or more")
        if not all(0 <= level <= 1 for level in self.levels):
            raise UsageError(f"{self.name}: levels = {self.levels}: fractions from 0 to 1")

    @property
    def set(self) -> ImageSet:
        """What is known of the set of images."""
        return SETS[self.name]

    @property
    def seeds(self) -> int:
        """Paired seeds at full size."""
        return self.set.seeds

    @property
    def published(self) -> tuple[Published, ...]:
        """Rows of the literature."""
        return self.set.published

    @property
    def target(self) -> Target | None:
        """The figure to reach."""
        return self.set.target

    @property
    def question(self) -> str:
        """What is asked."""
        return "Does STDP in one pass without labels find prototypes as good as k-means does?"

    @property
    def protocol(self) -> str:
        """What is done."""
        return (
            f"{self.name}: training images in an order drawn by the seed, each once; rules that"
            " use no labels are then shown the training images again to name their neurons;"
            " accuracy on the test images with learning off. All see the same gain-controlled"
            " images unless the name says raw. Learning curve from copies that stop early; damage"
            " and noise on copies, nothing tuned again. Settings chosen on the last training"
            f" images ({self.set.held_out:,})."
        )

    @property
    def size(self) -> int:
        """Neurons of every learner."""
        return self.neurons or self.set.neurons

    def learners(self) -> tuple[Learner, ...]:
        """STDP, its ablation and readout, and the floor, at equal size."""
        n, tuned = self.size, TUNED[self.name]
        common = {"energy": self.set.energy}

        def made(kind: str, /, **settings: Any) -> Learner:
            chosen: dict[str, Any] = {**common, **tuned.get(kind, {}), **settings}
            return replace(learner(kind), **chosen)

        network = {**tuned.get("wta_classifier", {}), "neurons": n}
        still = {**network, "eta": 0.0, "eta_end": 0.0}
        features = {**network, "voters": max(n // 20, 1)}
        votes = {"neurons": n, "voters": 1}
        return (
            made("wta_classifier", neurons=n),
            made("wta_untrained", **still),
            made("wta_readout", **features),
            made("kmeans", neurons=n),
            made("kmeans", name="kmeans_one_vote", **votes),
            made("kmeans", name="kmeans_raw", **{**votes, "energy": None}),
            made("kmeans_online", neurons=n),
            made("random_features", neurons=n),
            made("random_features", name=f"random_features_{10 * n}", neurons=10 * n),
            made("image_mlp", neurons=n),
            made("image_mlp", name="image_mlp_passes", neurons=n, passes=10),
            made("image_logistic"),
        )

    def check(self) -> None:
        """Read the files: MissingData or CorruptFile now rather than later."""
        self.data(0)

    def data(self, seed: int) -> ImageData:
        """Images and labels, training ones in the order of this seed."""
        found = self.set.read(seed)
        if self.validate:
            found = found.held_out(self.set.held_out)
        order = stream(seed, "images", self.name, "order").permutation(len(found.train))
        order = order[: self.train or None]
        return replace(
            found,
            train=found.train[order],
            train_labels=found.train_labels[order],
            test=found.test[: self.test or None],
            test_labels=found.test_labels[: self.test or None],
        )

    def measure(self, learner: Learner, *, seed: int) -> Record:
        """Run one cell."""
        if not isinstance(learner, ImageLearner):
            return Record(
                task=self.name, learner=learner.name, rule=learner.rule, seed=seed,
                score=float("nan"), cost=None, settings=learner.settings(),
                note="unsuited: it classifies no images",
            )  # fmt: skip
        data = self.data(seed)
        student = learner.begin_images(data.space, seed=seed, total=len(data.train))
        few = slice(self.robust or None)
        x, y, seen = [], [], 0
        for end in (*(c for c in CHECKPOINTS if c < len(data.train)), len(data.train)):
            student.fit(data.train[seen:end], data.train_labels[seen:end])
            seen = end
            if end == len(data.train):
                break
            early = deepcopy(student)
            early.settle(data.train[:end], data.train_labels[:end])
            x.append(end)
            y.append(accuracy(early, data.test[few], data.test_labels[few]))
        student.settle(data.train, data.train_labels)
        learned = student.cost()
        score = accuracy(student, data.test, data.test_labels)
        extra = {"accuracy": score, **_per_image(learned, student.cost())}
        x.append(len(data.train))
        y.append(score)
        return Record(
            task=self.name, learner=learner.name, rule=learner.rule, seed=seed,
            score=score, cost=learned, extra=extra,
            x=np.array(x), y=np.array(y),
            series=self._damage(student, data, seed), settings=learner.settings(),
        )  # fmt: skip

    def _damage(
        self, student: ImageStudent, data: ImageData, seed: int
    ) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Accuracy against the fraction of neurons, synapses and pixels lost."""
        images, labels = data.test[: self.robust or None], data.test_labels[: self.robust or None]
        curves: dict[str, list[float]] = {}
        for level in self.levels:
            for kind in ("lesion_neurons", "lesion_synapses"):
                copy = deepcopy(student)
                if not isinstance(copy, LesionableClassifier):
                    continue
                rng = stream(seed, "images", kind, f"{level:g}")
                try:
                    getattr(copy, kind)(level, rng)
                except Unsuited:
                    continue
                curves.setdefault(kind, []).append(accuracy(copy, images, labels))
            rng = stream(seed, "images", "input_noise", f"{level:g}")
            noisy = speckled(images, level, data.space.white, rng)
            curves.setdefault("input_noise", []).append(accuracy(deepcopy(student), noisy, labels))
        x = np.array(self.levels)
        return {kind: (x, np.array(y)) for kind, y in curves.items()}


def accuracy(student: ImageStudent, images: np.ndarray, labels: np.ndarray) -> float:
    """Fraction of images whose class is right."""
    if not len(images):
        raise UsageError("accuracy: no images to classify")
    return float(np.mean(student.classify(images) == labels))


def speckled(images: np.ndarray, level: float, white: int, rng: np.random.Generator) -> np.ndarray:
    """Images of which each pixel, with probability `level`, is black or white by a fair coin."""
    lost = rng.random(images.shape) < level
    coin = rng.random(images.shape) < 0.5
    return np.where(lost, np.where(coin, np.uint8(white), np.uint8(0)), images).astype(np.uint8)


def _per_image(before: Cost, after: Cost) -> dict[str, float]:
    """Counts of classifying one test image, as NeuroBench names them; nothing is learned there."""
    shown = after.symbols - before.symbols
    names = ("effective_macs", "effective_acs", "membrane_updates", "dense_operations")
    found = {}
    for f in fields(Cost):
        if f.name in names and f.name not in SIZES and shown:
            spent = getattr(after, f.name) - getattr(before, f.name)
            found[f"test_{f.name}_per_image"] = float(spent) / shown
    return found


_MNIST: dict[str, dict[str, Any]] = {
    "wta_classifier": {},
    "kmeans": {"voters": 3},
    "kmeans_online": {"voters": 2},
    "random_features": {"ridge": 0.00169},
    "image_mlp": {"learning_rate": 0.001434, "batch": 16},
    "image_logistic": {"learning_rate": 0.004402, "batch": 64},
}
_DIGITS: dict[str, dict[str, Any]] = {
    "wta_classifier": {
        "gamma": 5.905, "gamma_end": 0.03176, "voters": 4, "mu": 1.0,
        "eta": 0.2979, "eta_end": 0.09131,
    },
    "kmeans": {"voters": 2, "passes": 10},
    "kmeans_online": {"voters": 1},
    "random_features": {"ridge": 0.0007289},
    "image_mlp": {"learning_rate": 0.007677, "batch": 32},
    "image_logistic": {"learning_rate": 0.003619, "batch": 16},
}  # fmt: skip
TUNED: dict[str, dict[str, dict[str, Any]]] = {
    "mnist": _MNIST, "fashion": _MNIST, "digits": _DIGITS,
}  # fmt: skip
"""Set → learner → settings chosen on the last training images (docs/figures/search-wta.jsonl).

Fashion-MNIST takes those of MNIST. The network's defaults came from trials by hand on the same
validation images of MNIST; k-means votes with as many prototypes as the network has voters there.
"""
