"""One network three times: in full time, collapsed to counts, and with its inputs shuffled in time.

Shuffled inputs have the counts of the true ones in every window, so the collapsed network is the
same for both; whatever the full network does differently for them was carried by time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import second

from bioplastic.bridge.collapse import collapse, count, shuffled
from bioplastic.description import Network
from bioplastic.errors import UnsupportedModel
from bioplastic.kernels import dispatch
from bioplastic.provenance import stream
from bioplastic.quantize import lower
from bioplastic.result import Table


@dataclass(frozen=True, kw_only=True, eq=False)
class Audit:
    """Spike counts of every population, (W, N), in windows of `window` seconds.

    full, shuffled   of the network in time, on the true inputs and on shuffled ones
    collapsed        of the time-free network; None where it has no counterpart, for `reason`
    state            of the kernel after the run on the true inputs
    """

    window: float
    full: dict[str, np.ndarray]
    shuffled: dict[str, np.ndarray]
    collapsed: dict[str, np.ndarray] | None
    reason: str
    state: Any

    def table(self) -> Table:
        """What survives, population by population."""
        rows = []
        for name, full in self.full.items():
            flat = None if self.collapsed is None else self.collapsed[name]
            rows.append(
                (
                    name,
                    int(full.sum()),
                    "no counterpart" if flat is None else int(flat.sum()),
                    int(self.shuffled[name].sum()),
                    "" if flat is None else f"{100 * same(full, flat):.1f} %",
                    f"{100 * same(full, self.shuffled[name]):.1f} %",
                    "" if flat is None else f"{likeness(full, flat):.3f}",
                    f"{likeness(full, self.shuffled[name]):.3f}",
                )
            )
        return Table(
            key="network",
            title="The network in full time, collapsed and shuffled",
            caption=f"Spikes in windows of {1e3 * self.window:g} ms. Equal: counts of a neuron in "
            "a window that are the same, where either is not 0. Correlation over neurons and "
            f"windows; nan where one is constant. {self.reason}".strip(),
            columns=(
                "population", "spikes, full", "collapsed", "shuffled", "equal, collapsed",
                "equal, shuffled", "correlation, collapsed", "correlation, shuffled",
            ),
            rows=rows,
        )  # fmt: skip


def audit(
    network: Network, *, window: Any, duration: Any, dt: Any, seed: int, backend: str = "cpu"
) -> Audit:
    """Run `network` three times on the integer kernel and count.

    window, duration, dt   s; the window a whole number of steps, the last cut window is left out
    seed                   of the shuffle and of the stochastic rounding
    Raises what `lower` raises for a network that the kernel cannot run.
    """
    steps, windows = round(float(duration / dt)), int(float(duration / window) + 1e-9)
    width = float(window / second)
    runs = []
    for n in (network, shuffled(network, stream(seed, "collapse", "shuffle"), window, dt)):
        runs.append(dispatch.run(lower(n, dt, seed=seed), steps, backend=backend))
    names = [p.name for p in network.populations]
    counts = [{n: count(r.spikes[n], width, windows) for n in names} for r in runs]
    inputs = {s.name: count(runs[0].spikes[s.name], width, windows) for s in network.sources}
    flat, reason = None, ""
    try:
        flat = collapse(network, inputs, width, windows)
    except UnsupportedModel as error:
        reason = f"Not collapsed: {error}."
    return Audit(
        window=width, full=counts[0], shuffled=counts[1], collapsed=flat, reason=reason,
        state=runs[0].state,
    )  # fmt: skip


def same(a: np.ndarray, b: np.ndarray) -> float:
    """Share of cells with equal counts among those where either is not 0; 1 when all are 0."""
    seen = (a != 0) | (b != 0)
    return float((a == b)[seen].mean()) if seen.any() else 1.0


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson correlation of two count tables over all cells; nan when one is constant."""
    x, y = a.ravel().astype(float), b.ravel().astype(float)
    if x.size < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def separation(values: np.ndarray, label: np.ndarray) -> float:
    """Chance that a value of the one class tops one of the other, ties counted half (ROC area)."""
    a, b = values[label], values[~label]
    wins = (a[:, None] > b[None, :]).mean() + 0.5 * (a[:, None] == b[None, :]).mean()
    return float(max(wins, 1 - wins))
