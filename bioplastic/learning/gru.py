"""A gated recurrent network trained online, one symbol after the other, by truncated BPTT."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.corpus import SymbolStream
from bioplastic.learning.prequential import Unavailable

_MAX_ALPHABET = 1024
_ESTIMATE_AFTER = 5000


@dataclass(frozen=True, kw_only=True)
class OnlineGRU:
    """One-hot symbol → GRU → softmax; Adam; batch 1; a single pass.

    The stream is cut into stretches of `truncation` symbols. All symbols of a stretch are predicted
    and charged with the weights of before the stretch, each from the symbols before it; then one
    Adam step is made on the mean surprise of the stretch. The hidden state runs on, the gradient
    does not. The first symbol is predicted from a zero input.

    hidden         units
    learning_rate  η₀ of Adam, β = (0.9, 0.999); after t symbols η = η₀ / √(1 + t / decay)
    decay          symbols after which the rate has fallen by √2
    clip           largest Euclidean norm of the gradient of the mean surprise in nats
    truncation     symbols per stretch
    seed           of the initial weights (uniform in ±1/√hidden, torch's default)
    progress       called once with a line that estimates the time, or None
    The default rate, decay and clip are the best of eleven settings tried on the first 20 000
    symbols of kjv, so they favour this baseline a little.
    Runs on one thread of the CPU; equal seed and torch build give equal figures.
    Raises UsageError for sizes below 1, Unavailable without torch or if V > 1024.
    Source: Cho et al. 2014 [cho2014]; Kingma & Ba 2015 [kingma2015].
    """

    hidden: int = 512
    learning_rate: float = 6e-3
    decay: float = 10_000.0
    clip: float = 0.5
    truncation: int = 16
    seed: int = 0
    progress: Callable[[str], None] | None = field(default=None, compare=False)
    name: str = "gru"

    def __post_init__(self) -> None:
        """Check the sizes."""
        if self.hidden < 1 or self.truncation < 1:
            raise UsageError(
                f"gru: hidden={self.hidden} and truncation={self.truncation} start at 1"
            )
        if not (self.learning_rate > 0 and self.decay > 0 and self.clip > 0):
            raise UsageError(
                f"gru: learning_rate={self.learning_rate}, decay={self.decay} and "
                f"clip={self.clip} must be positive"
            )

    def bits(self, stream: SymbolStream) -> np.ndarray:
        """Return (L,) float64 bits."""
        try:
            import torch
        except ImportError:
            raise Unavailable("not installed: pip install torch") from None
        if (size := stream.alphabet_size) > _MAX_ALPHABET:
            raise Unavailable(f"one-hot input; this alphabet has {size} > {_MAX_ALPHABET} symbols")
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # batch 1 gains nothing from more, and sums would depend on them
        try:
            return self._pass(stream)
        finally:
            torch.set_num_threads(threads)

    def _pass(self, stream: SymbolStream) -> np.ndarray:
        """Go through the stream once with the network of `learners.recurrent`."""
        import torch

        from bioplastic.learning.learners.online import OnlineStudent
        from bioplastic.learning.learners.recurrent import GRU, Recurrent
        from bioplastic.learning.space import Symbols

        size = stream.alphabet_size
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            network = Recurrent(torch.nn.GRU, size, self.hidden, size)
        learner = GRU(
            hidden=self.hidden,
            learning_rate=self.learning_rate,
            decay=self.decay,
            clip=self.clip,
            truncation=self.truncation,
        )
        student = OnlineStudent(learner, Symbols(size=size), network)
        x = stream.symbols.astype(np.int64)
        early = -(-_ESTIMATE_AFTER // self.truncation) * self.truncation
        started = time.perf_counter()
        surprise = student.run(x[:early])
        if self.progress is not None and len(x) > early:
            seconds = (time.perf_counter() - started) * len(x) / early
            self.progress(f"{self.name}: about {seconds:.0f} s for {len(x)} symbols")
        return np.concatenate((surprise, student.run(x[early:])))
