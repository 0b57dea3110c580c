"""What the GPU executor puts into device memory, and the sizes of its tiles (plain numpy).

`Tables` are the constants that all circuits of a batch share, `Derived` is what one launch keeps
beside the State: it follows from the State when a launch begins and is forgotten when it ends.
The Triton functions take the same tuples, filled with pointers.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bioplastic.quantize.circuit_program import DIRECT, DRIVE, PRIME, TEACHER, VALUE, Program, State

HASH = 0x9E3779B1
"""Multiplier of the table of children: 2³² over the golden ratio (Knuth 1998, volume 3, 6.4)."""
CHUNK = 128
"""Outputs are worked through so many at a time; with 256 a kernel for sm_80 spills registers."""
AWAKE = 32
"""Awake keys are integrated so many at a time; a pool rarely has more than a handful."""


class Tables(NamedTuple):
    """Constants of a Program. Names as there; in addition:

    pool_of (N,)       pool of each key
    emit_… (M,)        arrivals that a key spike queues: pool of the key, delay, kind, projection;
                       sorted as the reference queues them (pool, primes before values, index)
    source_… (S,)      arrivals that a symbol queues; source_wired (S, V) int8 = 1 where it does
    """

    first: Any
    has_pool_parent: Any
    pool_of: Any
    p_vv: Any
    p_vi: Any
    p_ii: Any
    v_th: Any
    still: Any
    drive: Any
    drive_young: Any
    direct: Any
    prime_window: Any
    prime_after: Any
    branch_pool: Any
    branch_hold: Any
    branch_first: Any
    eta_plus: Any
    eta_minus: Any
    gain_bin: Any
    gumbel: Any
    emit_pool: Any
    emit_delay: Any
    emit_kind: Any
    emit_index: Any
    source_delay: Any
    source_kind: Any
    source_index: Any
    source_wired: Any


class Derived(NamedTuple):
    """What a launch keeps beside the State of one circuit, int32.

    awake (N,), awake_count (1,)   keys that carry potential, current or a refractory count
    mark (N,)                      0 = not on that list
    child (T,)                     open-addressing table (parent, symbol) → child, −1 = free
    children (N,)                  mature children of each key
    by_symbol (P, V)               mature keys of each pool that stand for a symbol
    """

    awake: Any
    awake_count: Any
    mark: Any
    child: Any
    children: Any
    by_symbol: Any


class Rule(NamedTuple):
    """Numbers of one circuit: sizes of arrays, then constants named as in Program.

    zero   0, but the kernel takes it from the sign of the step. Indices of tiles start from it, so
           the compiler computes them where they are used; otherwise it moves them all out of the
           loop over steps, and runs out of registers.
    """

    symbols: Any
    pools: Any
    keys: Any
    rows: Any
    edges: Any
    slots: Any
    branches: Any
    bins: Any
    levels: Any
    n_cap: Any
    delays: Any
    width: Any
    emits: Any
    sources: Any
    cells: Any
    key_room: Any
    out_room: Any
    cycles: Any
    period: Any
    encoding: Any
    gamma: Any
    gamma_steps: Any
    gain_plus: Any
    gain_minus: Any
    gain_max: Any
    fast_levels: Any
    fast_step: Any
    fast_keep: Any
    fast_plus: Any
    fast_minus: Any
    spare: Any
    ramp_start: Any
    ramp_slope: Any
    w_max: Any
    zero: Any


class Tiles(NamedTuple):
    """Lengths of tiles, powers of two, known when the kernel is compiled."""

    V: Any
    """Outputs in one chunk."""
    P: Any
    E: Any
    """Pools, priming projections."""
    K: Any
    """Arrivals that may gate a projection."""
    B: Any
    """Branches."""
    Q: Any
    """Arrivals in one step."""
    M: Any
    """Arrivals that the key spikes, or the symbol, of one step queue."""
    C: Any
    """Steps of the queue."""
    A: Any
    """Awake keys in one chunk."""


def _emits(program: Program) -> list[list[int]]:
    rows = [
        [int(program.prime_pre[e]), int(program.prime_delay[e]), PRIME, e]
        for e in range(len(program.prime_pre))
    ]
    rows += [
        [int(program.branch_pool[b]), int(program.branch_delay[b]), VALUE, b]
        for b in range(len(program.branch_pool))
    ]
    return sorted(rows, key=lambda row: (row[0], row[2] == VALUE, row[3]))


def _sources(program: Program) -> tuple[list[list[int]], np.ndarray]:
    rows, wired = [], []
    for p, parent in enumerate(program.has_pool_parent):
        if parent >= 0:
            rows.append([int(program.drive_delay[p]), DRIVE, p])
            wired.append(program.drive[p] != 0)
        rows.append([int(program.direct_delay[p]), DIRECT, p])
        wired.append(program.direct[p] != 0)
    rows.append([program.teacher_delay, TEACHER, 0])
    wired.append(np.ones(program.symbols, bool))
    return rows, np.array(wired, np.int8)


def tables(program: Program) -> Tables:
    """The constants of a program as arrays."""
    emits = np.array(_emits(program), np.int32).reshape(-1, 4)
    rows, wired = _sources(program)
    sources = np.array(rows, np.int32)
    made: dict[str, np.ndarray] = {
        "pool_of": np.repeat(np.arange(len(program.first) - 1), np.diff(program.first)).astype(
            np.int32
        ),
        "source_wired": wired,
    }
    for column, name in enumerate(("pool", "delay", "kind", "index")):
        made[f"emit_{name}"] = emits[:, column].copy()
    for column, name in enumerate(("delay", "kind", "index")):
        made[f"source_{name}"] = sources[:, column].copy()
    return Tables(**{n: made[n] if n in made else getattr(program, n) for n in Tables._fields})


def _table(parent: np.ndarray, symbol: np.ndarray, symbols: int) -> np.ndarray:
    """Open-addressing table of all children, at most half full; cells hold the child's index."""
    cells = 16
    while cells < 2 * len(parent):
        cells *= 2
    made = np.full(cells, -1, np.int32)
    keys = np.flatnonzero(parent >= 0)
    pair = parent[keys].astype(np.uint64) * np.uint64(symbols) + symbol[keys].astype(np.uint64)
    product = (pair & np.uint64(0xFFFFFFFF)) * np.uint64(HASH) & np.uint64(0xFFFFFFFF)
    at = (product >> np.uint64(8)).astype(np.int64)
    while len(keys):  # all keys probe at once; of those that meet in a free cell one stays
        at &= cells - 1
        free = np.flatnonzero(made[at] < 0)
        stays = free[np.unique(at[free], return_index=True)[1]]
        made[at[stays]] = keys[stays]
        keys, at = np.delete(keys, stays), np.delete(at, stays) + 1
    return made


def derived(program: Program, state: State) -> Derived:
    """What a launch keeps beside this state."""
    n, n_pools = len(state.v), len(state.mature)
    up = np.flatnonzero((state.v != 0) | (state.i != 0) | (state.ref > 0))
    awake, mark = np.zeros(n, np.int32), np.zeros(n, np.int32)
    awake[: len(up)], mark[up] = up, 1
    grown = state.parent >= 0
    pool_of = np.repeat(np.arange(n_pools), np.diff(program.first))
    by_symbol = np.zeros((n_pools, program.symbols), np.int32)
    np.add.at(by_symbol, (pool_of[grown], state.symbol[grown]), 1)
    return Derived(
        awake=awake, awake_count=np.array([len(up)], np.int32), mark=mark,
        child=_table(state.parent, state.symbol, program.symbols),
        children=np.bincount(state.parent[grown], minlength=n).astype(np.int32),
        by_symbol=by_symbol,
    )  # fmt: skip


def rule(
    program: Program, state: State, made: Derived, cycles: int, rooms: tuple[int, int]
) -> Rule:
    """The numbers of a launch over `cycles` cycles; rooms = lengths of the spike records."""
    sizes = {
        "pools": len(state.mature), "keys": len(state.v), "rows": len(state.w),
        "edges": len(state.prime_key), "slots": state.prime_key.shape[1],
        "branches": len(state.held_row), "bins": state.gain.shape[1],
        "levels": state.fast.shape[1], "n_cap": len(program.gain_bin),
        "delays": len(state.queued), "width": state.queue.shape[1],
        "emits": len(program.prime_pre) + len(program.branch_pool),
        "sources": len(_sources(program)[0]), "cells": len(made.child),
        "key_room": rooms[0], "out_room": rooms[1], "cycles": cycles, "zero": 0,
    }  # fmt: skip
    return Rule(**{n: int(sizes[n] if n in sizes else getattr(program, n)) for n in Rule._fields})


def tiles(rule: Rule) -> Tiles:
    """The tiles that hold a circuit of these sizes."""

    def above(size: int) -> int:
        return 1 << max(size - 1, 1).bit_length()

    return Tiles(
        V=min(above(rule.symbols), CHUNK), P=above(rule.pools), E=above(rule.edges),
        K=above(rule.slots), B=above(rule.branches), Q=above(rule.width),
        M=above(max(rule.emits, rule.sources)), C=above(rule.delays), A=AWAKE,
    )  # fmt: skip


def warps(tile: Tiles) -> int:
    """Warps of a program: so many that a thread holds few synapses of a tile."""
    return 4 if tile.B * tile.V <= 512 else 8
