"""Growing and lesioning a lowered circuit: states in, states out, all by what the kernels respect.

A pool that is larger or smaller changes no spike, so a student begins with small pools and doubles
them; a key without grown synapses is never driven, so cutting them silences it for good.
"""

from __future__ import annotations

import numpy as np

from bioplastic.quantize.circuit_program import PRIME, VALUE, Program, State

BY_KEY = ("v", "i", "ref", "parent", "symbol", "spikes")
BY_ROW = ("arrivals", "w", "f")


def pool_of(program: Program, keys: np.ndarray) -> np.ndarray:
    """Pool of each key; keys are indices over all pools."""
    return np.searchsorted(program.first, keys, side="right") - 1


def resized(program: Program, state: State, sizes: np.ndarray) -> tuple[Program, State]:
    """The same circuit with room for sizes (P,) keys in its pools; every spike stays the same.

    sizes   at least what each pool holds now
    """
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    per_branch = np.asarray(sizes)[program.branch_pool]
    branch_first = np.concatenate([[0], np.cumsum(per_branch)]).astype(np.int64)
    bigger = program._replace(first=first, branch_first=branch_first)

    def key(old: np.ndarray) -> np.ndarray:
        pool = pool_of(program, np.maximum(old, 0))
        moved = old - program.first[pool] + first[pool]
        return np.where(old >= 0, moved, old).astype(np.int32)

    changed: dict[str, np.ndarray] = {}
    for name in BY_KEY:
        changed[name] = _moved(getattr(state, name), program.first, first)
    for name in BY_ROW:
        changed[name] = _moved(getattr(state, name), program.branch_first, branch_first)
    for name in ("parent", "symbol"):
        blank = np.full(int(first[-1]), -1, np.int32)
        old = getattr(state, name)
        for a, b, n in zip(program.first, first, np.diff(program.first), strict=False):
            blank[b : b + n] = old[a : a + n]
        changed[name] = blank
    for a, n in zip(first, np.diff(program.first), strict=False):
        changed["parent"][a : a + n] = key(changed["parent"][a : a + n])
    candidate = state.candidate.copy()
    candidate[:, 0] = key(candidate[:, 0])
    queue = state.queue.copy()
    carried = (queue[..., 0] == PRIME) | (queue[..., 0] == VALUE)
    queue[..., 2] = np.where(carried, key(queue[..., 2]), queue[..., 2])
    held = state.held_row
    row = held - program.branch_first[:-1] + branch_first[:-1]
    changed |= {
        "candidate": candidate,
        "queue": queue,
        "prime_key": key(state.prime_key),
        "held_row": np.where(held >= 0, row, held).astype(np.int32),
    }
    return bigger, state._replace(**changed)


def _moved(old: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Blocks [before[k], before[k+1]) of `old` at the starts `after`, zeros between."""
    new = np.zeros((int(after[-1]), *old.shape[1:]), old.dtype)
    for a, b, n in zip(before, after, np.diff(before), strict=False):
        new[b : b + n] = old[a : a + n]
    return new


def alive(program: Program, state: State) -> np.ndarray:
    """Keys that can spike: grown ones, and neuron 0 of a pool with direct synapses."""
    roots = [int(program.first[p]) for p in np.flatnonzero(program.direct.any(axis=1))]
    return np.sort(np.concatenate([np.flatnonzero(state.parent >= 0), roots])).astype(np.int64)


def killed(program: Program, state: State, keys: np.ndarray) -> Program:
    """Silence keys for good: their synapses from parents and symbols are gone, `state` in place.

    Returns the program without the direct synapses onto killed roots. What the keys have under way
    goes too: arrivals, open gates, plateaus. The pool's front only moves on, so their places are
    not taken again; a young neuron may learn their contexts anew.
    """
    for name in ("v", "i", "ref"):
        getattr(state, name)[keys] = 0
    for name in ("parent", "symbol"):
        getattr(state, name)[keys] = -1
    direct = program.direct.copy()
    for p, root in enumerate(program.first[:-1]):
        if root in keys:
            direct[p] = 0
    carried = (state.queue[..., 0] == PRIME) | (state.queue[..., 0] == VALUE)
    state.queue[..., 0][carried & np.isin(state.queue[..., 2], keys)] = -1
    gating = np.isin(state.prime_key, keys)
    state.prime_key[gating], state.prime_until[gating] = -1, 0
    state.candidate[np.isin(state.candidate[:, 0], keys)] = -1
    of_key = state.held_row - program.branch_first[:-1] + program.first[program.branch_pool]
    gone = (state.held_row >= 0) & np.isin(of_key, keys)
    state.held_row[gone], state.held_until[gone] = -1, 0
    return program._replace(direct=direct)


def value_synapses(program: Program, state: State) -> tuple[np.ndarray, np.ndarray]:
    """(rows, outputs) of the value synapses that transmit."""
    found = np.nonzero(state.f if program.fast_levels else state.w)
    return found[0], found[1]


def removed(state: State, row: int, outputs: np.ndarray) -> None:
    """Remove the value synapses of one row onto `outputs`, also from its lasting plateau."""
    state.w[row, outputs] = 0
    state.f[row, outputs] = 0
    for b in np.flatnonzero(state.held_row == row):
        for name in ("held_w", "held_f", "held_u"):
            getattr(state, name)[b, outputs] = 0
