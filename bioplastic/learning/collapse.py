"""How many bits a trained text network loses when the order inside windows is collapsed.

A predictor that reads the symbols of a window as one vector of integer counts cannot know their
order. Its forecast is what is left of the network's when that order is unknown: the mean forecast
over the orders that give the same counts. The network itself makes those forecasts, plasticity
frozen, from streams whose windows were permuted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bioplastic.analysis import log_softmax
from bioplastic.errors import UsageError
from bioplastic.kernels.circuit.run import run_circuit
from bioplastic.learning.sequence import SCALE
from bioplastic.quantize.circuit import IntegerCircuit


@dataclass(frozen=True, kw_only=True)
class Collapsed:
    """Surprise of the same symbols under windows of different length.

    windows (K,)       symbols per window; 1 = full time
    surprise (K, L)    bits of each symbol that was forecast at every window length, nan = none
    """

    windows: np.ndarray
    surprise: np.ndarray

    def bits(self) -> np.ndarray:
        """Mean bits per symbol at each window length, over symbols that all lengths forecast."""
        known = ~np.isnan(self.surprise).any(axis=0)
        return np.asarray(self.surprise[:, known].mean(axis=1))


def collapsed_windows(
    circuit: IntegerCircuit,
    symbols: np.ndarray,
    windows: Sequence[int],
    *,
    draws: int,
    rng: np.random.Generator,
    backend: str = "cpu",
) -> Collapsed:
    """Bits per symbol of a frozen circuit when windows of W symbols lose their order.

    circuit    from `frozen`           symbols (L,)   what comes next, one a theta cycle
    windows    lengths W; for each every alignment is run, so that nearly every symbol is forecast
    draws      orders drawn per window; their forecasts are averaged
    """
    if min(windows, default=1) < 1 or draws < 1:
        raise UsageError(f"windows = {list(windows)}, draws = {draws}: must be at least 1")
    found = np.full((len(windows), len(symbols)), np.nan)
    for k, width in enumerate(windows):
        for phase in range(width):
            first = np.arange(phase + width, len(symbols), width)
            mixed = np.zeros((len(first), circuit.program.symbols))
            times = 1 if width == 1 else draws
            for _ in range(times):
                stream = permuted(symbols, width, phase, rng)
                mixed += np.exp(log_softmax(_potentials(circuit, stream, backend), SCALE))[
                    first - 1
                ]
            chance = mixed[np.arange(len(first)), symbols[first]] / times
            found[k, first] = -np.log2(np.maximum(chance, np.finfo(float).tiny))
    return Collapsed(windows=np.array(windows), surprise=found)


def permuted(symbols: np.ndarray, width: int, phase: int, rng: np.random.Generator) -> np.ndarray:
    """The stream with every window [phase + k·width, phase + (k + 1)·width) in a drawn order."""
    stream = symbols.copy()
    whole = (len(symbols) - phase) // width
    if whole > 0:
        inside = slice(phase, phase + whole * width)
        stream[inside] = rng.permuted(stream[inside].reshape(whole, width), axis=1).ravel()
    return stream


def _potentials(circuit: IntegerCircuit, symbols: np.ndarray, backend: str) -> np.ndarray:
    start, period = int(circuit.state.step[0]), circuit.program.period
    steps = start + np.arange(len(symbols)) * period
    return run_circuit(circuit, symbols, steps, backend=backend, progress=False).potential
