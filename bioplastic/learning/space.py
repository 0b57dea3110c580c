"""What is predicted: symbols, frames of keys, or a series; each with its distribution and loss."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Symbols:
    """One of V symbols at a time. Loss: the surprise −log2 p(x), bits per symbol.

    x            int, 0 <= x < size; a stream is (L,) int64
    prediction   (V,) float64, sums to one: p of each symbol to come next
    size         V, known before the first prediction
    delimiter    symbol that ends a word, or None where there is none
    labels (V,)  one printable string a symbol; () for numbers
    """

    size: int
    delimiter: int | None = None
    labels: tuple[str, ...] = ()
    unit: str = "bits/symbol"

    def __post_init__(self) -> None:
        """Check the sizes."""
        if self.size < 2:
            raise UsageError(f"Symbols: size = {self.size}; nothing is to be predicted below 2")
        if self.labels and len(self.labels) != self.size:
            raise UsageError(f"Symbols: {len(self.labels)} labels for {self.size} symbols")

    @property
    def word_ends(self) -> tuple[int, ...]:
        """Symbols at which a word begins anew: the delimiter, and what is no letter or digit.

        () without a delimiter. In a–z and space this is the delimiter alone.
        """
        if self.delimiter is None:
            return ()
        marks = {k for k, label in enumerate(self.labels) if not label.isalnum()}
        return tuple(sorted(marks | {self.delimiter}))

    def check(self, stream: np.ndarray) -> np.ndarray:
        """Return the stream as (L,) int64; UsageError for another shape or symbols outside."""
        x = np.asarray(stream)
        if x.ndim != 1 or not np.issubdtype(x.dtype, np.integer):
            raise UsageError(f"Symbols: a row of integers is needed, not {x.dtype} {x.shape}")
        if len(x) and not 0 <= x.min() <= x.max() < self.size:
            raise UsageError(f"Symbols: {x.min()} to {x.max()} do not fit in 0..{self.size - 1}")
        return x.astype(np.int64)

    def start(self) -> np.ndarray:
        """What is known before anything: p = 1 / V."""
        return np.full(self.size, 1.0 / self.size)

    def loss(self, prediction: np.ndarray, x: int) -> float:
        """Bits of x; inf where it was held impossible."""
        p = float(prediction[x])
        return float("inf") if p <= 0.0 else float(-np.log2(p))


@dataclass(frozen=True, kw_only=True)
class Frames:
    """K keys, each on or off. Loss: −Σ_k ln p(x_k), nats per frame.

    x            (K,) bool; a stream is (L, K) bool
    prediction   (K,) float64: probability of each key to be on in the next frame
    """

    size: int
    unit: str = "nats/frame"

    def check(self, stream: np.ndarray) -> np.ndarray:
        """Return the stream as (L, K) bool; UsageError for another shape."""
        x = np.asarray(stream)
        if x.ndim != 2 or x.shape[1] != self.size:
            raise UsageError(f"Frames: rows of {self.size} keys are needed, not {x.shape}")
        return x.astype(bool)

    def start(self) -> np.ndarray:
        """What is known before anything: p = 1/2 for each key."""
        return np.full(self.size, 0.5)

    def loss(self, prediction: np.ndarray, x: np.ndarray) -> float:
        """Nats of the whole frame; inf where a key was held impossible."""
        right = np.where(x, prediction, 1.0 - prediction)
        return float("inf") if right.min() <= 0.0 else float(-np.log(right).sum())


@dataclass(frozen=True, kw_only=True)
class Series:
    """A number to be forecast `horizon` records ahead. Loss: |forecast − value|, unit of the data.

    x            (F,) float64: the value first, then what is known with it (time of day, …)
    prediction   0-d float64: after x[0..t−1] the value of record t − 1 + horizon
    features     names of the F columns
    """

    horizon: int
    features: tuple[str, ...] = ("value",)
    unit: str = "value"

    def __post_init__(self) -> None:
        """Check the horizon."""
        if self.horizon < 1:
            raise UsageError(f"Series: horizon = {self.horizon} records starts at 1")

    def check(self, stream: np.ndarray) -> np.ndarray:
        """Return the stream as (L, F) float64; UsageError for another shape."""
        x = np.asarray(stream, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != len(self.features) or not np.isfinite(x).all():
            raise UsageError(
                f"Series: finite rows of {len(self.features)} columns are needed, not {x.shape}"
            )
        return x

    def start(self) -> np.ndarray:
        """What is known before anything: zero, in the unit of the data."""
        return np.zeros(())

    def loss(self, prediction: np.ndarray, x: float) -> float:
        """Absolute error against the value that came `horizon` records later."""
        return float(abs(float(prediction) - float(x)))


Space = Symbols | Frames | Series
