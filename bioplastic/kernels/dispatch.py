"""One door to the executors of a lowered network; nothing switches backend in silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UsageError, nearest
from bioplastic.kernels.sparse.state import KernelState, initial_state
from bioplastic.quantize.integer_network import IntegerNetwork, PlateauChannel
from bioplastic.result import SpikeRecord

BACKENDS = ("cpu", "reference")
UNAVAILABLE = {"gpu": "this version has no GPU executor for sparse networks"}


@dataclass(frozen=True, kw_only=True, eq=False)
class KernelRun:
    """What a run of a lowered network hands back.

    spikes     population or source -> its spikes
    onsets     "population.branch" -> plateau onsets; each lasts the branch's duration, or until the
               next spike of the neuron
    state      where the run stopped; hand it to the next run
    counters   spikes (of populations), synaptic_events (arrivals through a weight other than zero),
               weight_updates, saturations (weights, permanences, traces), neuron_updates executed,
               neuron_updates_skipped
    """

    spikes: dict[str, SpikeRecord]
    onsets: dict[str, SpikeRecord]
    state: KernelState
    counters: dict[str, int]


def run(
    network: IntegerNetwork,
    steps: int,
    *,
    backend: str = "cpu",
    state: KernelState | None = None,
) -> KernelRun:
    """Run `steps` steps from `state` (None: from the start); the given state is left as it is.

    backend   "cpu" (numba, event-driven) or "reference" (numpy, dense); equal in every bit
    Raises UsageError for another backend, with the nearest name or the reason.
    """
    if backend in UNAVAILABLE:
        raise UsageError(f"backend = {backend!r}: {UNAVAILABLE[backend]}; use 'cpu'")
    if backend not in BACKENDS:
        raise UsageError(f"backend = {backend!r}: no such backend{nearest(backend, BACKENDS)}")
    if steps < 0:
        raise UsageError(f"steps = {steps}: must be >= 0")
    start = state if state is not None else initial_state(network)
    end, spikes, onsets, counters = _executor(backend)(network, int(steps), start)
    return KernelRun(
        spikes=_given(network, start.step, end.step) | _records(network, spikes),
        onsets=_records(network, onsets),
        state=end,
        counters=counters,
    )


Found = dict[str, tuple[np.ndarray, np.ndarray]]  # name -> steps, ids


def _executor(
    backend: str,
) -> Callable[[IntegerNetwork, int, KernelState], tuple[KernelState, Found, Found, dict[str, int]]]:
    if backend == "cpu":
        from bioplastic.kernels.sparse.cpu import run_cpu

        return run_cpu
    from bioplastic.kernels.sparse.reference import run_reference

    return run_reference


def _given(network: IntegerNetwork, first: int, last: int) -> dict[str, SpikeRecord]:
    records = {}
    for s in network.sources:
        inside = (s.steps >= first) & (s.steps < last)
        records[s.name] = SpikeRecord(
            population=s.name,
            steps=s.steps[inside],
            ids=s.ids[inside],
            size=s.size,
            dt=network.dt,
            labels=s.labels,
        )
    return records


def _records(network: IntegerNetwork, found: Found) -> dict[str, SpikeRecord]:
    """Spike records of populations, or of "population.branch" for plateau onsets."""
    groups = {p.name: p for p in network.populations}
    branches = {
        f"{p.name}.{c.name}": p
        for p in network.populations
        for c in p.channels
        if isinstance(c, PlateauChannel)
    }
    return {
        name: SpikeRecord(
            population=name,
            steps=steps,
            ids=ids,
            size=(groups | branches)[name].size,
            dt=network.dt,
            labels=(groups | branches)[name].labels,
        )
        for name, (steps, ids) in found.items()
    }
