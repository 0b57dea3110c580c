"""k-means and labels of its prototypes: the floor that a competitive network must beat."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import fraction as a_fraction
from bioplastic.learning.learners.image_learner import ImageLearner, ImageSpace, drawn, pieces
from bioplastic.learning.learners.image_votes import Votes, best
from bioplastic.learning.locality import Use
from bioplastic.provenance import stream

MEANS = (
    Use(
        quantity="distances of all prototypes", place="population", latency="one image",
        local=False, why="the nearest prototype is found by comparing all of them",
    ),
    Use(
        quantity="norm of each prototype", place="elsewhere", latency="one image",
        local=False, why="the distance needs a sum over the squares of all its weights",
    ),
    Use(
        quantity="labels of prototypes", place="elsewhere", latency="after learning", local=False,
        why="an observer counts classes, as for the network",
    ),
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class KMeans(ImageLearner):
    """Lloyd's algorithm on all images seen, `passes` rounds, from K of them drawn at random.

    μ_k = mean of the images nearest to k;  nearest = argmax_k μ_k·x − |μ_k|²/2.
    neurons   K prototypes          voters   nearest prototypes that vote on a class
    A prototype that loses all images stays where it is. Source: Lloyd 1982 [lloyd1982].
    """

    name: str = "kmeans"
    rule: str = "none"
    neurons: int = 400
    voters: int = 1
    passes: int = 25

    def __post_init__(self) -> None:
        """Check the numbers."""
        super().__post_init__()
        if not 1 <= self.voters <= self.neurons or self.passes < 1:
            raise UsageError(
                f"{self.name}: voters = {self.voters} of {self.neurons}, passes = {self.passes}"
            )

    def begin_images(self, space: ImageSpace, *, seed: int, total: int) -> Means:
        """Start."""
        return Means(self, space, seed)

    def locality(self) -> tuple[Use, ...]:
        """What an update uses."""
        return MEANS


@dataclass(frozen=True, kw_only=True)
class OnlineKMeans(KMeans):
    """MacQueen's k-means: one pass, each image moves its nearest prototype by 1/n of the way.

    The first K images are the first prototypes (n = 1); n counts the images a prototype has won.
    Source: MacQueen 1967 [macqueen1967].
    """

    name: str = "kmeans_online"
    passes: int = 1

    def begin_images(self, space: ImageSpace, *, seed: int, total: int) -> OnlineMeans:
        """Start."""
        return OnlineMeans(self, space, seed)


class Means:
    """Batch k-means in the middle of its images: it keeps them, and computes in `settle`."""

    def __init__(self, learner: KMeans, space: ImageSpace, seed: int) -> None:
        self.learner, self.space, self.seed = learner, space, seed
        self.votes = Votes(learner.neurons, space.classes)
        self.centres = np.zeros((0, space.pixels), np.float32)
        self._kept: list[np.ndarray] = []
        self._lost = np.zeros(0, np.int64)
        self._shown = self._compared = self._moved = 0
        self._wall = self._cpu = 0.0

    def fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Keep the images."""
        self.space.check(images)
        self._kept.append(images)

    def _learn(self) -> None:
        """Lloyd's rounds over all images kept."""
        if not self._kept:
            raise UsageError(f"{self.learner.name}: no image was shown")
        x = self.space.values(np.concatenate(self._kept), self.learner.energy)
        rng = stream(self.seed, "kmeans", "start")
        few = min(self.learner.neurons, len(x))
        centres = x[rng.permutation(len(x))[:few]].copy()
        for _ in range(self.learner.passes):
            nearest = np.concatenate([_scores(x[p], centres).argmax(1) for p in pieces(len(x))])
            order = np.argsort(nearest, kind="stable")
            ends = np.searchsorted(nearest[order], np.arange(few + 1))
            for k in range(few):
                if ends[k + 1] > ends[k]:
                    centres[k] = x[order[ends[k] : ends[k + 1]]].mean(axis=0)
            self._compared += len(x) * few
            self._moved += len(x)
        self._shown += len(x) * self.learner.passes
        self.centres = centres

    def settle(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Find the prototypes, then count the classes of the images that are near to each."""
        self.space.check(images, labels)
        wall, cpu = time.perf_counter(), time.process_time()
        self._learn()
        self._wall += time.perf_counter() - wall
        self._cpu += time.process_time() - cpu
        self.votes = Votes(self.learner.neurons, self.space.classes)
        self.votes.tally(self.winners(images), labels)

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Classes (n,) int64."""
        self.space.check(images)
        return self.votes.classify(self.winners(images))

    def winners(self, images: np.ndarray) -> np.ndarray:
        """The nearest prototypes of each image, (n, voters)."""
        wall, cpu = time.perf_counter(), time.process_time()
        k = min(self.learner.voters, len(self.centres))
        found = [np.zeros((0, k), np.int64)]
        for part in pieces(len(images)):
            scores = _scores(self.space.values(images[part], self.learner.energy), self.centres)
            scores[:, self._lost] = -np.inf
            found.append(best(scores, k))
        self._shown += len(images)
        self._compared += len(images) * len(self.centres)
        self._wall += time.perf_counter() - wall
        self._cpu += time.process_time() - cpu
        return np.concatenate(found)

    def cost(self) -> Cost:
        """A comparison of an image with a prototype is P MACs; a move of one is P more.

        Zero pixels and weights are left in: prototypes and images are dense arrays here.
        """
        pixels, k = self.space.pixels, self.learner.neurons
        compared = float(self._compared) * pixels
        moved = float(self._moved) * pixels
        return Cost(
            symbols=self._shown,
            executions=self._shown,
            footprint_bytes=4 * k * pixels + 8 * k * self.space.classes + self._bytes_kept(),
            plastic_synapses=k * pixels,
            neurons=k,
            dense_operations=compared,
            effective_macs=compared,
            activations=float(self._shown) * k,
            silent_activations=float(self._shown) * (k - min(self.learner.voters, k)),
            weight_updates=moved,
            learning_macs=moved,
            bytes_touched=4 * (compared + 2 * moved),
            wall_seconds=self._wall,
            cpu_seconds=self._cpu,
        )

    def _bytes_kept(self) -> int:
        return sum(x.nbytes for x in self._kept)

    def lesion_neurons(self, fraction: float, rng: np.random.Generator) -> None:
        """These prototypes are never the nearest."""
        self._lost = drawn(len(self.centres), a_fraction(fraction, "lesion_neurons"), rng)

    def lesion_synapses(self, fraction: float, rng: np.random.Generator) -> None:
        """Coordinates of prototypes become zero, in their norms too."""
        lost = drawn(self.centres.size, a_fraction(fraction, "lesion_synapses"), rng)
        self.centres = self.centres.copy()
        self.centres.reshape(-1)[lost] = 0


class OnlineMeans(Means):
    """MacQueen's k-means in the middle of its images; it keeps none."""

    def __init__(self, learner: KMeans, space: ImageSpace, seed: int) -> None:
        super().__init__(learner, space, seed)
        self._won = np.zeros(0)
        self._half = np.zeros(0, np.float32)  # |μ|²/2

    def fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Move the nearest prototype towards each image, in order."""
        self.space.check(images)
        wall, cpu = time.perf_counter(), time.process_time()
        room = min(max(self.learner.neurons - len(self.centres), 0), len(images))
        if room:
            first = self.space.values(images[:room], self.learner.energy)
            self.centres = np.concatenate([self.centres, first])
            self._won = np.concatenate([self._won, np.ones(room)])
            self._half = 0.5 * (self.centres * self.centres).sum(axis=1)
        for part in pieces(len(images) - room):
            shown = images[room:][part]
            for x in self.space.values(shown, self.learner.energy):
                k = int((self.centres @ x - self._half).argmax())
                self._won[k] += 1
                self.centres[k] += (x - self.centres[k]) / np.float32(self._won[k])
                self._half[k] = 0.5 * float(self.centres[k] @ self.centres[k])
            self._compared += len(shown) * len(self.centres)
            self._moved += 2 * len(shown)  # the move, and its new norm
        self._shown += len(images)
        self._wall += time.perf_counter() - wall
        self._cpu += time.process_time() - cpu

    def _learn(self) -> None:
        if not len(self.centres):
            raise UsageError(f"{self.learner.name}: no image was shown")


def _scores(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """μ·x − |μ|²/2, (n, K): larger is nearer."""
    return np.asarray(x @ centres.T - 0.5 * (centres * centres).sum(axis=1))
