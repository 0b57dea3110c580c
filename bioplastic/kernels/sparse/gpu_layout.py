"""Where everything is in the flat arrays of the Triton kernels, and a state in and out.

Neurons, channel slots and spike words of a group begin at multiples of 32 units. The lanes between
two groups are never read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.kernels.sparse.gpu_plan import words
from bioplastic.kernels.sparse.state import KernelState, initial_state
from bioplastic.quantize.integer_network import IntegerNetwork
from bioplastic.quantize.integer_population import noted

KINDS: dict[str, Any] = {
    "first": np.int64, "seed": np.int64, "v": np.int32, "refractory": np.int32, "theta": np.int32,
    "left": np.int32, "current": np.int32, "rise": np.int32, "hold": np.int32, "trace": np.int64,
    "trace_step": np.int64, "weight": np.int16, "permanence": np.int32, "pre_trace": np.int64,
    "pre_step": np.int64, "post_trace": np.int64, "post_step": np.int64,
}  # fmt: skip
"""Type of every array of `gpu_tables.State` that comes from a KernelState."""


@dataclass(frozen=True)
class Piece:
    """An array of a KernelState and its place in a flat array: flat[low : low + size]."""

    field: str
    key: str
    low: int
    size: int


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where everything is.

    word      first word of every group in a row of spikes
    neuron    first neuron of every population      slot   first channel slot of every channel
    onset     "population.branch" -> first word in a row of onsets
    length    numbers of one member in every flat array of the state
    """

    word: dict[str, int]
    words: int
    neuron: dict[str, int]
    slot: list[list[int]]
    slots: int
    onset: dict[str, int]
    onset_words: int
    pieces: tuple[Piece, ...]
    length: dict[str, int]


def lay_out(network: IntegerNetwork) -> Layout:
    """Give every array its place."""
    start = initial_state(network).arrays
    word, neuron, onset, slot = {}, {}, {}, []
    at = dict.fromkeys(["word", "neuron", "slot", "onset"], 0)
    for g in network.groups:
        word[g.name] = at["word"]
        at["word"] += words(g.size)
    pieces = []
    for place, p in enumerate(network.populations):
        neuron[p.name] = at["neuron"]
        names = [name for name in _NEURON if f"{p.name}/{name}" in start]
        pieces += [Piece(n, f"{p.name}/{n}", at["neuron"], p.size) for n in names]
        pieces.append(Piece("left", f"{p.name}/left", place, 1))
        at["neuron"] += 32 * words(p.size)
        slot.append([at["slot"] + 32 * words(p.size) * n for n in range(len(p.channels))])
        at["slot"] += 32 * words(p.size) * len(p.channels)
        for c, base in zip(p.channels, slot[-1], strict=True):
            key = f"{p.name}.{c.name}"
            names = [name for name in _SLOT if f"{key}/{name}" in start]
            pieces += [Piece(n, f"{key}/{n}", base, p.size) for n in names]
            if c.name in noted(p):
                onset[key] = at["onset"]
                at["onset"] += words(p.size)
    learned, length = _lay_learned(network, start)
    length |= dict.fromkeys(_NEURON, at["neuron"]) | dict.fromkeys(_SLOT, at["slot"])
    length |= {"left": len(network.populations), "first": 1, "seed": 1}
    return Layout(
        word=word, words=at["word"], neuron=neuron, slot=slot, slots=at["slot"], onset=onset,
        onset_words=at["onset"], pieces=(*pieces, *learned), length=length,
    )  # fmt: skip


_NEURON = ("v", "refractory", "theta")
_SLOT = ("current", "rise", "hold", "trace", "trace_step")
_LEARNED = ("weight", "permanence", "pre_trace", "pre_step", "post_trace", "post_step")


def _lay_learned(
    network: IntegerNetwork, start: Mapping[str, np.ndarray]
) -> tuple[list[Piece], dict[str, int]]:
    pieces: list[Piece] = []
    length = dict.fromkeys(_LEARNED, 0)
    for q in network.projections:
        for name in _LEARNED:
            key = f"{q.name}/{name}"
            if key in start:
                pieces.append(Piece(name, key, length[name], start[key].size))
                length[name] += start[key].size
    return pieces, length


def pack_state(
    layout: Layout, states: Sequence[KernelState], seeds: Sequence[int]
) -> dict[str, np.ndarray]:
    """Flat arrays (B, …) of the states of a batch; the lanes in between are zero."""
    flat = {
        name: np.zeros((len(states), max(layout.length[name], 1)), kind)
        for name, kind in KINDS.items()
    }
    for b, state in enumerate(states):
        flat["first"][b], flat["seed"][b] = state.step, seeds[b] & 0xFFFFFFFF
        for piece in layout.pieces:
            part = state.arrays[piece.key].ravel()
            flat[piece.field][b, piece.low : piece.low + piece.size] = part
    return flat


def unpack_state(
    layout: Layout, start: KernelState, flat: dict[str, np.ndarray], b: int
) -> dict[str, np.ndarray]:
    """Arrays of member `b` as a KernelState has them, without the recent spikes."""
    arrays = {}
    for piece in layout.pieces:
        was, part = start.arrays[piece.key], flat[piece.field][b, piece.low :][: piece.size]
        arrays[piece.key] = part.astype(was.dtype).reshape(was.shape)
    return arrays
