"""A ReLU network with a softmax readout, trained by Adam on cross-entropy, with its counts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from bioplastic.provenance import seed_tree, stream

if TYPE_CHECKING:
    import torch

OPTIMISER_MACS = 4
"""Adam on a weight: two moments, a scaling and a step, one multiply-accumulate each."""


@dataclass
class Counts:
    """What a net has done so far; see `Cost`. `written` counts weights written."""

    shown: int = 0
    macs: float = 0.0
    effective: float = 0.0
    active: float = 0.0
    learning: float = 0.0
    written: float = 0.0


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch on one thread; the old number afterwards."""
    import torch

    old = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(old)


@dataclass
class Net:
    """Layers of `sizes` (inputs, hidden …, classes) neurons, biases everywhere.

    Weights start uniform in ±1/√fan-in, drawn by `seed`; `train` draws its order by it too.
    A pass forward costs Σ a·b MACs over the layers a → b; backward the same for the gradients of
    the weights and, but for the first layer, again for those of the activities; Adam OPTIMISER_MACS
    a weight and batch. Effective MACs leave out inputs and hidden activities that are zero.
    """

    sizes: tuple[int, ...]
    seed: int
    learning_rate: float = 1e-3
    batch: int = 64
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        """Draw the weights."""
        import torch

        made = torch.Generator().manual_seed(seed_tree(self.seed).key("image_net") & (2**63 - 1))
        self.weights: list[torch.Tensor] = []
        for a, b in pairwise(self.sizes):
            for shape in ((a, b), (b,)):
                drawn = (torch.rand(shape, generator=made) * 2 - 1) / a**0.5
                self.weights.append(drawn.requires_grad_(True))
        self._adam: Any = torch.optim.Adam(self.weights, lr=self.learning_rate)
        self._order = stream(self.seed, "image_net", "order")

    @property
    def matrices(self) -> list[tuple[int, int]]:
        """Sizes (a, b) of the layers."""
        return list(pairwise(self.sizes))

    @property
    def size(self) -> int:
        """Number of weights and biases."""
        return sum((a + 1) * b for a, b in self.matrices)

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        last = len(self.matrices) - 1
        for k, (a, b) in enumerate(self.matrices):
            open_ = float((x != 0).sum())
            self.counts.effective += open_ * b
            if k:
                self.counts.active += open_
            self.counts.macs += float(len(x)) * a * b
            x = x @ self.weights[2 * k] + self.weights[2 * k + 1]
            if k < last:
                x = x.relu()
        self.counts.shown += len(x)
        return x

    def train(self, x: np.ndarray, labels: np.ndarray, *, shuffle: bool = False) -> None:
        """One pass over (n, P) float32 images in their order, or in a drawn one."""
        import torch

        order = self._order.permutation(len(x)) if shuffle else np.arange(len(x))
        forward = sum(a * b for a, b in self.matrices)
        first = self.matrices[0][0] * self.matrices[0][1]
        with one_thread():
            for start in range(0, len(x), self.batch):
                part = order[start : start + self.batch]
                scores = self._forward(torch.from_numpy(np.ascontiguousarray(x[part])))
                wanted = torch.from_numpy(np.ascontiguousarray(labels[part], dtype=np.int64))
                loss = torch.nn.functional.cross_entropy(scores, wanted)
                self._adam.zero_grad()
                loss.backward()
                self._adam.step()
                self.counts.learning += len(part) * (2.0 * forward - first)
                self.counts.learning += float(OPTIMISER_MACS) * self.size
                self.counts.written += self.size

    def classify(self, x: np.ndarray) -> np.ndarray:
        """Classes (n,) int64 of (n, P) float32 images."""
        import torch

        with one_thread(), torch.no_grad():
            found = self._forward(torch.from_numpy(np.ascontiguousarray(x)))
            return np.asarray(found.argmax(dim=1).numpy())

    def silence(self, neurons: np.ndarray) -> None:
        """Hidden neurons of the last hidden layer send nothing any more."""
        import torch

        with torch.no_grad():
            self.weights[-2][torch.from_numpy(neurons)] = 0

    def cut(self, synapses: np.ndarray) -> None:
        """These weights become zero; numbers run through the matrices of all layers, no biases."""
        import torch

        first = 0
        with torch.no_grad():
            for w in self.weights[::2]:
                here = synapses[(synapses >= first) & (synapses < first + w.numel())] - first
                w.view(-1)[torch.from_numpy(here)] = 0
                first += w.numel()
