"""The door to the `loihi-1` executors: spikes of the sources in, spikes of the populations out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from bioplastic.errors import UsageError, nearest
from bioplastic.kernels.loihi.layout import State, arrays, begins, copied, fresh
from bioplastic.quantize.loihi import LoihiNetwork
from bioplastic.result import SpikeRecord

BACKENDS = ("cpu", "reference")


@dataclass(frozen=True, kw_only=True, eq=False)
class LoihiRun:
    """What a run hands back.

    spikes             population → its spikes
    state              where it stopped; hand it to the next run
    synaptic_events    charges that spikes sent
    u, v               population → (T, N) int64, v after the reset; empty unless traced
    """

    spikes: dict[str, SpikeRecord]
    state: State
    synaptic_events: int
    u: dict[str, np.ndarray] = field(default_factory=dict)
    v: dict[str, np.ndarray] = field(default_factory=dict)


def run_loihi(
    network: LoihiNetwork,
    stimulus: Mapping[str, tuple[np.ndarray, np.ndarray]],
    steps: int,
    *,
    backend: str = "cpu",
    state: State | None = None,
    trace: bool = False,
) -> LoihiRun:
    """Run `steps` steps from `state` (default: all zero), which is not changed.

    stimulus   source → (steps, ids) of its spikes, counted from the start of this run; a source
               that is not named is silent. At most one spike of an address in a step
    trace      also return u and v of every step
    Raises UsageError for an unknown source or backend, a spike outside the run or the source, and
    an address that spikes twice in a step.
    """
    if backend not in BACKENDS:
        raise UsageError(
            f"backend = {backend!r}: loihi-1 has no such backend{nearest(backend, BACKENDS)}"
        )
    if steps < 0:
        raise UsageError(f"steps = {steps}: must be 0 or more")
    flat, begin = arrays(network), begins(network)
    injected = np.zeros((steps, flat.sources), np.bool_)
    sizes = {s.name: s.size for s in network.sources}
    for name, (when, which) in stimulus.items():
        if name not in sizes:
            raise UsageError(f"stimulus: no source {name!r}{nearest(name, sizes)}")
        at, ids = np.asarray(when, np.int64), np.asarray(which, np.int64)
        if at.shape != ids.shape or at.ndim != 1:
            raise UsageError(f"stimulus {name!r}: steps {at.shape} and ids {ids.shape} differ")
        if len(at) and not (0 <= at.min() <= at.max() < steps):
            raise UsageError(f"stimulus {name!r}: a spike outside steps 0..{steps - 1}")
        if len(ids) and not (0 <= ids.min() <= ids.max() < sizes[name]):
            raise UsageError(f"stimulus {name!r}: an id outside 0..{sizes[name] - 1}")
        injected[at, begin[name] + ids] = True
        if int(injected[:, begin[name] : begin[name] + sizes[name]].sum()) != len(at):
            raise UsageError(f"stimulus {name!r}: an address spikes twice in one step")
    if backend == "cpu":
        from bioplastic.kernels.loihi.cpu import advance
    else:
        from bioplastic.kernels.loihi.reference import advance
    now = fresh(flat) if state is None else copied(state)
    started = int(now.step[0])
    shape = (steps, len(flat.keep_u))
    traced = (np.zeros(shape, np.int64), np.zeros(shape, np.int64)) if trace else None
    when, which, events = advance(flat, now, injected, traced)
    spikes, u, v = {}, {}, {}
    for p in network.populations:
        low = begin[p.name] - flat.sources
        mine = (which >= low) & (which < low + p.size)
        spikes[p.name] = SpikeRecord(
            population=p.name, steps=when[mine] - started, ids=which[mine] - low, size=p.size,
            dt=network.dt,
        )  # fmt: skip
        if traced is not None:
            u[p.name], v[p.name] = (a[:, low : low + p.size] for a in traced)
    return LoihiRun(spikes=spikes, state=now, synaptic_events=events, u=u, v=v)
