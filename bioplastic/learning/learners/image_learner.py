"""The interface of image learners: meet labelled images in order, name neurons, classify others.

student = learner.begin_images(space, seed=1, total=60_000)
student.fit(images, labels)        # in any number of pieces; one pass over the training images
student.settle(images, labels)     # labels of neurons, readouts: training images only
student.classify(others)           # (n,) class numbers
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner, Student, Unsuited
from bioplastic.learning.space import Space

PIECE = 2000
"""Images that are worked on at once: bounds the memory."""


@dataclass(frozen=True, kw_only=True)
class ImageSpace:
    """What is classified: images of `pixels` grey values 0..`white`, one of `classes` each."""

    pixels: int
    classes: int
    white: int = 255

    def check(self, images: np.ndarray, labels: np.ndarray | None = None) -> None:
        """UsageError unless images are (n, pixels) uint8 and labels (n,) below `classes`."""
        if images.ndim != 2 or images.shape[1] != self.pixels or images.dtype != np.uint8:
            raise UsageError(
                f"images: (n, {self.pixels}) uint8 is needed, not {images.shape} {images.dtype}"
            )
        if labels is None:
            return
        if labels.shape != (len(images),):
            raise UsageError(f"labels: {labels.shape} for {len(images)} images")
        if len(labels) and int(labels.max()) >= self.classes:
            raise UsageError(f"labels: {labels.max()} is not below {self.classes}")

    def values(self, images: np.ndarray, energy: float | None) -> np.ndarray:
        """Grey values as float32: p/white, or with gain control energy·p/‖p‖."""
        x = np.asarray(images, dtype=np.float32) / np.float32(self.white)
        if energy is None:
            return x
        norm = np.sqrt((x * x).sum(axis=1, keepdims=True))
        return np.asarray(x * (np.float32(energy) / np.where(norm > 0, norm, np.float32(1))))


class ImageStudent(Protocol):
    """A learner in the middle of its images."""

    def fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Meet (n, P) images with their (n,) labels, in order; learn."""
        ...

    def settle(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Make ready to classify, from training images: labels of neurons, readouts, solutions."""
        ...

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Classes (n,) int64; nothing is learned."""
        ...

    def cost(self) -> Cost:
        """Totals since the start; a symbol is an image shown, be it to learn, label or classify."""
        ...


@runtime_checkable
class LesionableClassifier(Protocol):
    """An image student of which parts can be destroyed for good; it is only asked afterwards."""

    def lesion_neurons(self, fraction: float, rng: np.random.Generator) -> None:
        """Silence this fraction of the hidden neurons."""
        ...

    def lesion_synapses(self, fraction: float, rng: np.random.Generator) -> None:
        """Set this fraction of the learned weights to zero."""
        ...


@dataclass(frozen=True, kw_only=True)
class ImageLearner(Learner):
    """Base of the recipes that classify images; they meet no streams of symbols.

    energy   ‖x‖ of every image after gain control (divisive normalisation), None: raw p/white
    """

    energy: float | None = 9.0

    def __post_init__(self) -> None:
        """Check the gain."""
        super().__post_init__()
        if self.energy is not None and not self.energy > 0:
            raise UsageError(f"{self.name}: energy = {self.energy}: must be > 0")

    def begin(self, space: Space, *, seed: int) -> Student:
        """Raise Unsuited: this learner classifies images."""
        raise Unsuited(f"{self.name}: classifies images; it does not predict a {type(space)}")

    def begin_images(self, space: ImageSpace, *, seed: int, total: int) -> ImageStudent:
        """Start; `total` is how many images one pass has (schedules of learning rates)."""
        raise NotImplementedError


def pieces(size: int, step: int = PIECE) -> Iterator[slice]:
    """Slices that cover `size` images.

    >>> [(s.start, s.stop) for s in pieces(5, 2)]
    [(0, 2), (2, 4), (4, 5)]
    """
    for first in range(0, size, step):
        yield slice(first, min(first + step, size))


def drawn(size: int, fraction: float, rng: np.random.Generator) -> np.ndarray:
    """Indices of rint(fraction·size) of `size` things, drawn without replacement."""
    return rng.permutation(size)[: round(fraction * size)]
