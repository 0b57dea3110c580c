"""A winner-take-all classifier in the middle of its images: stages, winners, counts, lesions."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import fraction as a_fraction
from bioplastic.learning.learners.image_learner import PIECE, ImageSpace, drawn, pieces
from bioplastic.learning.learners.image_votes import Votes

if TYPE_CHECKING:
    from bioplastic.kernels.sparse.state import KernelState
    from bioplastic.learning.learners.wta_classifier import WTAClassifier
    from bioplastic.quantize import IntegerNetwork

FRACTION = 20
"""Fraction bits of a potential: an LSB of 1 nV, a third of the least step of a weight."""
LEARNING_MACS = 2
"""Multiplications of a weight update: two of the three terms read the pre trace."""
WORST = 2
"""Cycles of all-white images for which overflow is excluded; every image is a part of one."""


class WTAStudent:
    """A WTA classifier in the middle of its images; see `ImageStudent`."""

    def __init__(self, learner: WTAClassifier, space: ImageSpace, *, seed: int, total: int) -> None:
        from bioplastic.networks.wta_classifier import start_weights

        if total < 1:
            raise UsageError(f"{learner.name}: total = {total} images: at least 1")
        self.learner, self.space, self.seed, self.total = learner, space, seed, total
        self.parameters = learner.parameters(space)
        self._start = start_weights(self.parameters, seed)
        self._stage, self._network = -1, self._lower(0)
        self._state = self._initial(self._network)
        self._seen = 0
        self._frozen: IntegerNetwork | None = None
        self._lesioned = False
        self.votes = Votes(learner.neurons, space.classes)
        self._count = dict.fromkeys(
            ("images", "spikes", "given", "events", "updates", "learned", "neurons"), 0
        )
        self._wall = self._cpu = 0.0

    @staticmethod
    def _initial(network: IntegerNetwork) -> KernelState:
        from bioplastic.kernels.sparse.state import initial_state

        return initial_state(network)

    def _lower(self, stage: int) -> IntegerNetwork:
        """The network of a stage; lowering it under all-white images proves all others too."""
        from bioplastic.networks.wta_classifier import DT, wta_classifier
        from bioplastic.provenance import seed_tree
        from bioplastic.quantize import lower

        eta, gamma = self.learner.steps(stage)
        p = self.parameters
        white = np.full((WORST, p.inputs), p.bursts.most, np.uint8)
        described = wta_classifier(white, parameters=p, weights=self._start, eta=eta, gamma=gamma)
        key = seed_tree(self.seed).key("wta_classifier", "rounding") & 0xFFFFFFFF
        return lower(described, DT, seed=key, fraction=FRACTION, plastic_bits=self.learner.bits)

    def fit(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Learn; labels are not looked at."""
        if self._lesioned:
            raise UsageError(f"{self.learner.name}: learns no more after a lesion")
        self.space.check(images)
        first, stages = 0, self.learner.stages
        while first < len(images):
            stage = min(self._seen * stages // self.total, stages - 1)
            if stage != self._stage:
                self._stage, self._network = stage, self._lower(stage)
            end = len(images)
            if stage < stages - 1:
                left = -(-(stage + 1) * self.total // stages) - self._seen
                end = min(end, first + max(left, 1))
            for part in pieces(end - first):
                shown = images[first + part.start : first + part.stop]
                _, self._state = self._show(self._network, self._state, shown, learning=True)
            self._seen += end - first
            first = end
        self._frozen = None

    def settle(self, images: np.ndarray, labels: np.ndarray) -> None:
        """Count which classes each neuron wins."""
        self.space.check(images, labels)
        self._freeze()
        self.votes = Votes(self.learner.neurons, self.space.classes)
        self.votes.tally(self.winners(images), labels)

    def classify(self, images: np.ndarray) -> np.ndarray:
        """Classes (n,) int64."""
        self.space.check(images)
        return self.votes.classify(self.winners(images))

    def winners(self, images: np.ndarray) -> np.ndarray:
        """The neurons that spike for each image with all plasticity off, (n, voters); −1: none."""
        if self._frozen is None:
            self._freeze()
        network = self._frozen
        assert network is not None
        found = [np.zeros((0, self.learner.voters), np.int64)]
        for part in pieces(len(images)):
            state = self._initial(network)
            found.append(self._show(network, state, images[part], learning=False)[0])
        return np.concatenate(found)

    def _freeze(self) -> None:
        """A network of static weights, equal to the learned ones in every bit."""
        none = np.zeros(0, np.uint16)
        arrays = self._state.arrays
        projections = tuple(
            replace(q, rule=None, weight=arrays[f"{q.name}/weight"], col_group=none, col_rank=none)
            for q in self._network.projections
        )
        population = self._network["prototypes"]
        self._frozen = replace(
            self._network,
            populations=(replace(population, winners=self.learner.voters),),
            projections=projections,
        )

    def _show(
        self, network: IntegerNetwork, state: KernelState, images: np.ndarray, *, learning: bool
    ) -> tuple[np.ndarray, KernelState]:
        """Winners (n, k) of up to PIECE images, and the state after them."""
        from bioplastic.kernels.classifier.run import run_classifier

        assert len(images) <= PIECE
        wall, cpu = time.perf_counter(), time.process_time()
        p = self.parameters
        counts = p.bursts.counts(images)
        steps, pixels = p.bursts.spikes(counts, state.step, p.period)
        ticks = state.step + p.clock + p.period * np.arange(len(images), dtype=np.int64)
        image, clock = network.sources
        given = (
            replace(image, steps=steps, ids=pixels),
            replace(clock, steps=ticks, ids=np.zeros(len(images), np.int64)),
        )
        result = run_classifier(
            replace(network, sources=given),
            p.period * len(images),
            backend=self.learner.backend,
            state=state,
        )
        spikes = result.spikes["prototypes"]
        k = network["prototypes"].winners
        which = (spikes.steps - state.step) // p.period
        place = np.arange(len(which)) - np.searchsorted(which, which)
        found = np.full((len(images), k), -1, np.int64)
        found[which, place] = spikes.ids
        self._meter(result.counters, len(images), len(steps), learning)
        self._wall += time.perf_counter() - wall
        self._cpu += time.process_time() - cpu
        return found, result.state

    def _meter(self, counters: dict[str, int], images: int, given: int, learning: bool) -> None:
        c = self._count
        c["images"] += images
        c["given"] += given
        c["spikes"] += counters["spikes"]
        c["events"] += counters["synaptic_events"]
        c["updates"] += counters["weight_updates"]
        c["learned"] += given if learning else 0
        c["neurons"] += counters["neuron_updates"]

    def cost(self) -> Cost:
        """Counted by the kernel; gain control is two MACs a pixel of an image.

        bytes_touched: a synaptic event reads a weight (bits/8) and reads and writes a current (8);
        a membrane update moves v, current and refractory time (24); a weight update moves the
        weight and reads a trace and its time (16).
        """
        p, c, width = self.parameters, self._count, self.learner.bits // 8
        synapses = (p.inputs + 1) * p.neurons
        executions = c["images"] * p.period
        activations = executions * p.neurons
        return Cost(
            symbols=c["images"],
            executions=executions,
            footprint_bytes=synapses * width + p.neurons * 16 + p.inputs * 16,
            plastic_synapses=synapses if self.learner.eta else p.neurons,
            fixed_synapses=0 if self.learner.eta else p.inputs * p.neurons,
            neurons=p.neurons,
            states_per_synapse=p.inputs / synapses,  # one trace a pixel
            dense_operations=float(synapses) * executions,
            effective_macs=2.0 * p.inputs * c["images"],
            effective_acs=float(c["events"]),
            activations=float(activations),
            silent_activations=float(activations - c["spikes"]),
            membrane_updates=float(c["neurons"]),
            trace_updates=float(c["learned"]),
            weight_updates=float(c["updates"]),
            learning_macs=float(LEARNING_MACS * c["updates"]),
            bytes_touched=float(
                (width + 8) * c["events"] + 24 * c["neurons"] + (2 * width + 16) * c["updates"]
            ),
            wall_seconds=self._wall,
            cpu_seconds=self._cpu,
        )

    def lesion_neurons(self, fraction: float, rng: np.random.Generator) -> None:
        """The clock lifts them no more, so that they cannot reach threshold."""
        lost = drawn(self.parameters.neurons, a_fraction(fraction, "lesion_neurons"), rng)
        self._destroy("bias", lost)

    def lesion_synapses(self, fraction: float, rng: np.random.Generator) -> None:
        """Weights from pixels become zero."""
        size = len(self._state.arrays["image/weight"])
        self._destroy("image", drawn(size, a_fraction(fraction, "lesion_synapses"), rng))

    def _destroy(self, projection: str, lost: np.ndarray) -> None:
        self._state = self._state.copy()
        self._state.arrays[f"{projection}/weight"][lost] = 0
        self._lesioned = True
        self._frozen = None

    def images(self) -> np.ndarray:
        """Weights as pictures, (N, P) float64 in units of w_max."""
        q = self._network["image"]
        weight = np.empty(len(q.weight))
        weight[q.order] = self._state.arrays["image/weight"] / q.rule.high
        return weight.reshape(self.parameters.inputs, self.parameters.neurons).T
