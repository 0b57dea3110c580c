"""One door to the executors of a lowered network; nothing switches backend in silence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np

from bioplastic.errors import UsageError, nearest
from bioplastic.kernels.sparse.executors import Executor, Windows
from bioplastic.kernels.sparse.state import KernelState, initial_state
from bioplastic.kernels.sparse.trains import with_trains
from bioplastic.quantize.bounds import any_spikes_hold
from bioplastic.quantize.integer_network import IntegerNetwork
from bioplastic.quantize.integer_population import noted
from bioplastic.result import SpikeRecord

BACKENDS = ("cpu", "reference")
"""What runs everywhere; "gpu" needs one."""
GPU = "gpu"


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
    executor: Executor | None = None,
) -> KernelRun:
    """Run `steps` steps from `state` (None: from the start); the given state is left as it is.

    backend    "cpu" (numba, event-driven), "reference" (numpy, dense) or "gpu" (Triton); equal in
               every bit
    executor   how a GPU runs it, `Windows()` (the default) or `OneProgram()`; for "gpu" only
    Raises UsageError for another backend, with the nearest name, and for "gpu" without a GPU, with
    the reason; UnsupportedModel for what the GPU executors do not know.
    """
    return run_batch(
        network, steps, states=[state or initial_state(network)], backend=backend, executor=executor
    )[0]


def run_batch(
    network: IntegerNetwork,
    steps: int,
    *,
    states: Sequence[KernelState],
    sources: Sequence[Mapping[str, tuple[np.ndarray, np.ndarray]]] | None = None,
    seeds: Sequence[int] | None = None,
    backend: str = "cpu",
    executor: Executor | None = None,
) -> list[KernelRun]:
    """Run `steps` steps of B independent copies of `network`; they share topology, not state.

    states     B states, at any steps; left as they are
    sources    for each copy, source -> (steps, ids) of its spikes, both (E,) integers in any order;
               a source that is not named keeps the train of `network`. None: all keep it
    seeds      for each copy the key of its stochastic rounding, 0..2^32 − 1; None: the network's
    backend, executor   as in `run`. A GPU runs the copies side by side, the others one after the
               other; the results are the same
    Raises as `run`; UsageError for lists of another length, a source without that name, an id
    outside of it, two spikes of one source in one step; UnsupportedModel when a train could bring a
    state out of its format.
    """
    if steps < 0:
        raise UsageError(f"steps = {steps}: must be >= 0")
    members = _members(network, len(states), sources, seeds)
    found = _executor(backend, executor)(members, int(steps), states)
    return [
        KernelRun(
            spikes=_given(member, start.step, end.step) | _records(member, spikes),
            onsets=_records(member, onsets),
            state=end,
            counters=counters,
        )
        for member, start, (end, spikes, onsets, counters) in zip(
            members, states, found, strict=True
        )
    ]


Found = dict[str, tuple[np.ndarray, np.ndarray]]  # name -> steps, ids
Ran = tuple[KernelState, Found, Found, dict[str, int]]
Run = Callable[[Sequence[IntegerNetwork], int, Sequence[KernelState]], list[Ran]]


def _executor(backend: str, executor: Executor | None) -> Run:
    if backend == GPU:
        if find_spec("triton") is None:
            raise UsageError("backend = 'gpu': triton is not installed; use 'cpu'")
        from bioplastic.kernels.sparse.gpu import run_gpu

        chosen = Windows() if executor is None else executor
        return lambda members, steps, states: run_gpu(members, steps, states, chosen)
    if backend not in BACKENDS:
        valid = (*BACKENDS, GPU)
        raise UsageError(f"backend = {backend!r}: no such backend{nearest(backend, valid)}")
    if executor is not None:
        raise UsageError(f"executor = {executor}: is for backend = 'gpu', not {backend!r}")
    if backend == "cpu":
        from bioplastic.kernels.sparse.cpu import run_cpu as one
    else:
        from bioplastic.kernels.sparse.reference import run_reference as one
    return lambda members, steps, states: [
        one(member, steps, state) for member, state in zip(members, states, strict=True)
    ]


def _members(
    network: IntegerNetwork,
    size: int,
    sources: Sequence[Mapping[str, tuple[np.ndarray, np.ndarray]]] | None,
    seeds: Sequence[int] | None,
) -> list[IntegerNetwork]:
    """The networks of a batch, checked."""
    for name, given in (("sources", sources), ("seeds", seeds)):
        if given is not None and len(given) != size:
            raise UsageError(f"{name}: {len(given)} entries for {size} states")
    if not size:
        raise UsageError("states: at least one is needed")
    members = [network] * size
    if seeds is not None:
        for seed in seeds:
            if not 0 <= seed < 1 << 32:
                raise UsageError(f"seed = {seed}: must be in 0..2^32 - 1")
        members = [replace(m, seed=int(seed)) for m, seed in zip(members, seeds, strict=True)]
    if sources is None:
        return members
    proved = any_spikes_hold(network)
    return [
        with_trains(m, trains, proved=proved) for m, trains in zip(members, sources, strict=True)
    ]


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
    """Spike records of populations, or of "population.branch" for plateaus, events alike."""
    groups = {p.name: p for p in network.populations}
    branches = {f"{p.name}.{name}": p for p in network.populations for name in noted(p)}
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
