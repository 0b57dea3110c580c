"""The sparse kernel in Triton (CUDA and HIP), equal to `reference` in every bit.

Two executors share the functions of a step: `Windows` and `OneProgram`, see `executors`. Arrays
travel to the GPU once, the launches of a run read nothing back, and spikes, counters and the state
travel back once. With TRITON_INTERPRET=1 in the environment the same code runs without a GPU,
slowly.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from bioplastic.errors import UsageError
from bioplastic.kernels.sparse import gpu_program, gpu_windows
from bioplastic.kernels.sparse.events import Found
from bioplastic.kernels.sparse.executors import Executor, OneProgram, Windows
from bioplastic.kernels.sparse.gpu_history import (
    given_words,
    history_words,
    recent,
    under_way,
    unpack,
)
from bioplastic.kernels.sparse.gpu_layout import (
    KINDS,
    Layout,
    lay_out,
    pack_state,
    unpack_state,
)
from bioplastic.kernels.sparse.gpu_layout_tables import lay_tables
from bioplastic.kernels.sparse.gpu_plan import Plan, check_known, parts
from bioplastic.kernels.sparse.gpu_tables import State
from bioplastic.kernels.sparse.state import KernelState
from bioplastic.quantize.integer_network import IntegerNetwork

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"  # Triton decides when a kernel is defined
ROOM = 1 << 28
"""Words of spikes and onsets that one stretch of a run may record; a longer run is split."""

Ran = tuple[KernelState, Found, Found, dict[str, int]]


def device() -> torch.device:
    """Where kernels run; UsageError without a GPU, unless Triton's interpreter was asked for."""
    if not INTERPRETED and not torch.cuda.is_available():
        raise UsageError("backend = 'gpu': torch finds no CUDA or HIP device; use 'cpu'")
    return torch.device("cpu" if INTERPRETED else "cuda")


def run_gpu(
    networks: Sequence[IntegerNetwork],
    steps: int,
    states: Sequence[KernelState],
    executor: Executor,
) -> list[Ran]:
    """Run `steps` steps of every network from its state; the states are left as they are.

    networks   equal but for the trains of their sources and their seeds, at most 65 535
    Returns for each the new state, the spikes by population, the plateau onsets by
    "population.branch", and the counters. Raises UsageError without a GPU, UnsupportedModel for a
    kind of population or rule that these kernels do not know.
    """
    where = device()
    check_known(networks[0])
    if len(networks) > 65_535:
        raise UsageError(f"a batch of {len(networks)} networks: at most 65535 fit a launch")
    layout = lay_out(networks[0])
    network_tables = lay_tables(networks[0], layout)
    topology = type(network_tables)(*(_there(array, where) for array in network_tables))
    width = max(len(networks) * (layout.words + layout.onset_words), 1)
    longest = max(ROOM // width, 1)
    done = [_nothing(state) for state in states]
    ahead = steps
    while ahead:
        stretch = min(ahead, longest)
        now = [before[0] for before in done]
        ran = _stretch(networks, layout, topology, stretch, now, executor, where)
        done = [_joined(a, b) for a, b in zip(done, ran, strict=True)]
        ahead -= stretch
    return [_complete(n, layout, steps, one) for n, one in zip(networks, done, strict=True)]


def _stretch(
    networks: Sequence[IntegerNetwork],
    layout: Layout,
    topology: Any,
    steps: int,
    states: Sequence[KernelState],
    executor: Executor,
    where: torch.device,
) -> list[Ran]:
    network, batch = networks[0], len(networks)
    part = parts(network, layout.word)
    window = gpu_windows.window_of(part, executor) if isinstance(executor, Windows) else 0
    slots = max(window, 1) + network.max_delay
    ring, events = under_way(network, layout, states, slots, steps)
    flat = {n: _there(a, where) for n, a in
            pack_state(layout, states, [n.seed for n in networks]).items()}  # fmt: skip
    history = network.max_delay
    spikes = torch.empty(
        (batch, history + steps, max(layout.words, 1)), dtype=torch.int32, device=where
    )
    spikes[:, :history] = _there(history_words(network, layout, states), where)
    given = given_words(networks, layout, states, steps)
    spikes[:, history:, : given.shape[2]] = _there(given, where)
    onsets = torch.zeros(
        (batch, steps, max(layout.onset_words, 1)), dtype=torch.int32, device=where
    )
    counters = torch.zeros((batch, 3), dtype=torch.int64, device=where)
    counters[:, 0] = _there(events, where)
    x = State(**flat, ring=_there(ring, where), spikes=spikes, onsets=onsets, counters=counters)
    sizes = [history, steps, spikes.shape[2], onsets.shape[2], slots, ring.shape[2]]
    sizes += [array[0].numel() for array in x]
    plan = Plan(
        populations=network.populations,
        parts=part, steps=steps, batch=batch,
        arguments=(topology, x, _there(np.array(sizes), where)),
    )  # fmt: skip
    if isinstance(executor, OneProgram):
        gpu_program.launch(plan, executor)
    else:
        gpu_windows.launch(plan, executor)
    back = {name: flat[name].cpu().numpy() for name in KINDS}
    return _read_back(networks, layout, states, steps, back, spikes, onsets, counters)


def _read_back(
    networks: Sequence[IntegerNetwork],
    layout: Layout,
    states: Sequence[KernelState],
    steps: int,
    flat: dict[str, np.ndarray],
    spikes: torch.Tensor,
    onsets: torch.Tensor,
    counters: torch.Tensor,
) -> list[Ran]:
    rows, plateaus, counted = (a.cpu().numpy() for a in (spikes, onsets, counters))
    ran = []
    for b, (network, state) in enumerate(zip(networks, states, strict=True)):
        history = network.max_delay
        arrays = unpack_state(layout, state, flat, b)
        arrays |= recent(network, layout, rows[b], state.step + steps)
        new = rows[b, history:]
        found = {
            p.name: unpack(new, layout.word[p.name], p.size, state.step)
            for p in network.populations
        }
        sizes = {name: network[name.rpartition(".")[0]].size for name in layout.onset}
        started = {
            name: unpack(plateaus[b], first, sizes[name], state.step)
            for name, first in layout.onset.items()
        }
        totals = dict(
            zip(("synaptic_events", "weight_updates", "saturations"), counted[b].tolist(),
                strict=True)
        )  # fmt: skip
        ran.append((KernelState(step=state.step + steps, arrays=arrays), found, started, totals))
    return ran


def _nothing(state: KernelState) -> Ran:
    return state, {}, {}, {}


def _joined(a: Ran, b: Ran) -> Ran:
    """What two stretches give together: the later state, all spikes, the sum of the counters."""
    return (
        b[0],
        {n: _behind(a[1].get(n), found) for n, found in b[1].items()},
        {n: _behind(a[2].get(n), found) for n, found in b[2].items()},
        {n: a[3].get(n, 0) + count for n, count in b[3].items()},
    )


def _behind(
    a: tuple[np.ndarray, np.ndarray] | None, b: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    return b if a is None else (np.concatenate([a[0], b[0]]), np.concatenate([a[1], b[1]]))


def _complete(network: IntegerNetwork, layout: Layout, steps: int, ran: Ran) -> Ran:
    """All names and counters, in the order of the reference, also where nothing happened."""
    state, spikes, onsets, counted = ran
    none = (np.zeros(0, np.int64), np.zeros(0, np.int64))
    spikes = {p.name: spikes.get(p.name, none) for p in network.populations}
    onsets = {name: onsets.get(name, none) for name in layout.onset}
    counters = {"spikes": sum(len(ids) for _, ids in spikes.values())}
    counters |= {
        name: counted.get(name, 0) for name in ("synaptic_events", "weight_updates", "saturations")
    }
    counters["neuron_updates"] = steps * sum(p.size for p in network.populations)
    counters["neuron_updates_skipped"] = 0
    return (state if steps else state.copy()), spikes, onsets, counters


def _there(array: np.ndarray, where: torch.device) -> torch.Tensor:
    return torch.tensor(array, device=where)
