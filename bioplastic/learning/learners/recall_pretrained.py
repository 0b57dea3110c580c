"""Networks trained by backprop over many episodes, then asked about fresh ones: for recall."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner, Student, Unsuited
from bioplastic.learning.learners.online import BACKPROP
from bioplastic.learning.learners.recall_nets import (
    Linear,
    LowRank,
    Mixer,
    RecallNet,
    Recurrent,
    Softmax,
)
from bioplastic.learning.locality import Use
from bioplastic.learning.space import Space, Symbols
from bioplastic.learning.tasks.recall_episodes import Episodes
from bioplastic.provenance import seed_tree, stream

Draw = Callable[[np.random.Generator, int], Episodes]
"""(generator, symbols in all) → a batch of episodes of one length."""
WARM_UP = 50
CURVE = 40
"""Windows of the training curve."""


@dataclass(frozen=True, kw_only=True)
class Pretrained(Learner):
    """Base: Adam on the surprise of the answers, batches of fresh episodes, cosine decay.

    η after s of S steps = η₀ min(1, (s + 1)/50) (1 + cos(π s/S))/2;  gradient norm at most 1.

    width           of the mixer           embedding   numbers per symbol
    learning_rate   η₀; the tasks give those of a search (`tasks.recall.RATES`)
    steps           S, one batch each
    symbols         symbols per batch, so that long episodes come fewer at a time
    Weights are learned over episodes and stand still when it is asked. One thread of the CPU;
    equal seed and torch build give equal figures.
    Raises Unsuited for `begin`: without training it can recall nothing.
    Source: Arora et al. 2023 [arora2023] for the protocol.
    """

    name: str = "pretrained"
    rule: str = "backprop"
    width: int = 64
    embedding: int = 64
    learning_rate: float = 3e-3
    steps: int = 600
    symbols: int = 6144

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        sizes = (self.width, self.embedding, self.steps, self.symbols)
        if min(sizes) < 1 or not self.learning_rate > 0:
            raise UsageError(
                f"{self.name}: width, embedding, steps, symbols = {sizes} start at 1 and"
                f" learning_rate = {self.learning_rate} must be positive"
            )

    def mixer(self, inputs: int) -> Mixer:
        """The part that remembers."""
        raise NotImplementedError

    def begin(self, space: Space, *, seed: int) -> Student:
        """Unsuited: there is nothing to begin with."""
        raise Unsuited(f"{self.name}: recalls only after training over episodes")

    def network(self, space: Symbols, *, seed: int) -> RecallNet:
        """The network before training."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_tree(seed).key("weights"))
            return RecallNet(space.size, self.embedding, self.mixer(2 * self.embedding), self.width)

    def train(self, space: Space, draw: Draw, *, seed: int) -> Recaller:
        """Train on episodes of `draw`; the generator is the stream "training" of the seed."""
        if not isinstance(space, Symbols):
            raise Unsuited(f"{self.name}: predicts symbols, not {type(space).__name__}")
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            found = Recaller(self, self.network(space, seed=seed))
            found.train(draw, stream(seed, "training"))
        finally:
            torch.set_num_threads(threads)
        return found

    def locality(self) -> tuple[Use, ...]:
        """Backprop with Adam."""
        return BACKPROP


class Recaller:
    """A trained network: its answers, its curve, its cost."""

    def __init__(self, learner: Pretrained, net: RecallNet) -> None:
        self.learner, self.net = learner, net
        self.x = np.zeros(0)
        self.y = np.zeros(0)
        self.loss = float("nan")
        self._met = self._trained = 0
        self._macs = self._dense = 0.0
        self._wall = self._cpu = 0.0

    def train(self, draw: Draw, rng: np.random.Generator) -> None:
        """All steps; x: symbols met, y: accuracy on fresh batches, each before its step."""
        learner, net = self.learner, self.net
        optimiser = torch.optim.Adam(net.parameters(), lr=learner.learning_rate)
        right = np.zeros(learner.steps)
        met = np.zeros(learner.steps)
        wall, cpu = time.perf_counter(), time.process_time()
        for s in range(learner.steps):
            batch = draw(rng, learner.symbols)
            wanted = torch.from_numpy(batch.targets)
            logits = net(torch.from_numpy(batch.x), torch.from_numpy(batch.asked))
            loss = functional.cross_entropy(logits, wanted)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            rate = min(1.0, (s + 1) / WARM_UP) * 0.5 * (1 + np.cos(np.pi * s / learner.steps))
            optimiser.param_groups[0]["lr"] = learner.learning_rate * rate
            optimiser.step()
            right[s] = float((logits.argmax(dim=1) == wanted).double().mean())
            self._count(batch.x.shape)
            self._trained += batch.x.size
            met[s] = self._trained
            self.loss = float(loss.detach())
        edges = np.unique(np.linspace(0, learner.steps, CURVE + 1).astype(int))
        self.x = met[edges[1:] - 1]
        self.y = np.add.reduceat(right, edges[:-1]) / np.diff(edges)
        self._learning = 2 * self._macs + 6.0 * self._parameters() * learner.steps
        self._wall += time.perf_counter() - wall
        self._cpu += time.process_time() - cpu

    def _parameters(self) -> int:
        return sum(p.numel() for p in self.net.parameters())

    def _count(self, shape: tuple[int, ...]) -> None:
        episodes, length = shape
        self._met += episodes * length
        self._macs += episodes * length * self.macs_per_symbol(length)

    def macs_per_symbol(self, length: int) -> float:
        """Multiply-accumulates of one symbol, mean over a sequence of this length."""
        return float(np.mean([self.net.macs(0), self.net.macs(length - 1)]))

    def answers(self, episodes: Episodes) -> np.ndarray:
        """(n,) what it says after each query, in the order of np.nonzero(asked)."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            with torch.no_grad():
                said = [
                    self.net(torch.from_numpy(x[None]), torch.from_numpy(a[None])).argmax(dim=1)
                    for x, a in zip(episodes.x, episodes.asked, strict=True)
                ]
        finally:
            torch.set_num_threads(threads)
        self._count(episodes.x.shape)
        self._wall += time.perf_counter() - wall
        self._cpu += time.process_time() - cpu
        found: np.ndarray = torch.cat(said).numpy()
        return found

    def state_bytes(self, length: int) -> int:
        """Bytes of what is carried from symbol to symbol after `length` of them, float32.

        The mixer's numbers, and the embedding of the symbol before.
        """
        return 4 * (self.net.mixer.numbers(length) + self.learner.embedding)

    def cost(self) -> Cost:
        """Totals of training and answering.

        MACs of a symbol by the shapes (`RecallNet.macs`), mean over its sequence: mixing grows by
        the same amount with every symbol, so the mean is that of the first and the last. Learning:
        twice the forward MACs for the backward pass, 6 per parameter and step for Adam. Bytes: 4
        for each MAC.
        """
        parameters = self._parameters()
        synapses = sum(p.numel() for p in self.net.parameters() if p.dim() == 2)
        return Cost(
            symbols=self._met,
            executions=self._met,
            footprint_bytes=12 * parameters,
            plastic_synapses=synapses,
            neurons=self.learner.width,
            states_per_synapse=2.0,
            dense_operations=self._macs,
            effective_macs=self._macs,
            activations=float(self._met * self.learner.width),
            trace_updates=2.0 * parameters * self.learner.steps,
            weight_updates=float(parameters * self.learner.steps),
            learning_macs=self._learning,
            bytes_touched=4.0 * self._macs,
            wall_seconds=self._wall,
            cpu_seconds=self._cpu,
        )


@dataclass(frozen=True, kw_only=True)
class RecallTransformer(Pretrained):
    """One layer of softmax attention; its state grows with every symbol."""

    name: str = "recall_transformer"

    def mixer(self, inputs: int) -> Mixer:
        """All keys and values."""
        return Softmax(inputs, self.width)


@dataclass(frozen=True, kw_only=True)
class RecallLowRank(Pretrained):
    """Softmax attention over latents of `rank` numbers; its state grows with every symbol."""

    name: str = "recall_low_rank_attention"
    rank: int = 32

    def mixer(self, inputs: int) -> Mixer:
        """All latents."""
        return LowRank(inputs, self.width, self.rank)


@dataclass(frozen=True, kw_only=True)
class RecallLinear(Pretrained):
    """Linear attention with a state of width × (width + 1) numbers."""

    name: str = "recall_linear_attention"
    learning_rate: float = 1e-2

    def mixer(self, inputs: int) -> Mixer:
        """One matrix."""
        return Linear(inputs, self.width)


@dataclass(frozen=True, kw_only=True)
class RecallGRU(Pretrained):
    """Gated recurrent units with a state of `width` numbers."""

    name: str = "recall_gru"
    width: int = 256

    def mixer(self, inputs: int) -> Mixer:
        """The hidden state."""
        return Recurrent(inputs, self.width)
