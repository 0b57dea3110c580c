"""Circuit kernel on one CPU thread: what each of its functions is given.

The arrays belong to the caller's program and state; only the derived ones are made here, for one
call: the index of grown synapses, the list of awake keys, the sums of the race.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from bioplastic.quantize.circuit_program import Program, State, Trace

TAUGHT, CHANGE, LEADER, CROSS = range(4)
"""Entries of the plan: teacher arrived; next change of u; leader of the race, its crossing step."""
NEVER = np.int64(2**62)
UNSOLVED = -1


class Queue(NamedTuple):
    """Arrivals under way; fields of the state."""

    step: np.ndarray
    queue: np.ndarray
    queued: np.ndarray


class Keys(NamedTuple):
    """What key neurons read and move; fields of program and state unless said."""

    symbols: int
    first: np.ndarray
    has_pool_parent: np.ndarray
    p_vv: np.ndarray
    p_vi: np.ndarray
    p_ii: np.ndarray
    v_th: np.ndarray
    still: np.ndarray
    drive: np.ndarray
    drive_young: np.ndarray
    direct: np.ndarray
    drive_delay: np.ndarray
    direct_delay: np.ndarray
    prime_pre: np.ndarray
    prime_delay: np.ndarray
    prime_window: np.ndarray
    prime_after: np.ndarray
    branch_pool: np.ndarray
    branch_delay: np.ndarray
    teacher_delay: int
    v: np.ndarray
    i: np.ndarray
    ref: np.ndarray
    parent: np.ndarray
    symbol: np.ndarray
    spikes: np.ndarray
    mature: np.ndarray
    candidate: np.ndarray
    prime_key: np.ndarray
    prime_until: np.ndarray
    table: np.ndarray
    """(S, 2) int32, derived: mature keys by (parent, symbol), see `cpu_keys.slot_of`."""
    children: np.ndarray
    """(N,) derived: mature keys that a key has primed into being."""
    by_symbol: np.ndarray
    """(P, V) derived: mature keys of each pool that a symbol drives."""
    awake: np.ndarray
    pool: np.ndarray
    """(N,) derived: keys that are not at rest, and the pool of each; filled up to a count."""
    fired: np.ndarray
    """(P,) derived: key that spikes in this step, −1 = none."""


class Outputs(NamedTuple):
    """What outputs and their branches read and move; fields of program and state unless said."""

    symbols: int
    period: int
    encoding: int
    gamma_steps: int
    first: np.ndarray
    branch_pool: np.ndarray
    branch_hold: np.ndarray
    branch_first: np.ndarray
    eta_plus: np.ndarray
    eta_minus: np.ndarray
    gain_bin: np.ndarray
    gain_plus: int
    gain_minus: int
    gain_max: int
    fast_levels: int
    fast_step: int
    fast_keep: int
    fast_plus: int
    fast_minus: int
    spare: int
    ramp_start: int
    ramp_slope: int
    w_max: int
    gumbel: np.ndarray
    seed: int
    arrivals: np.ndarray
    w: np.ndarray
    f: np.ndarray
    gain: np.ndarray
    fast: np.ndarray
    held_row: np.ndarray
    held_until: np.ndarray
    held_n: np.ndarray
    held_w: np.ndarray
    held_f: np.ndarray
    held_u: np.ndarray
    noise: np.ndarray
    race: np.ndarray
    forced: np.ndarray
    u: np.ndarray
    """(V,) int32, derived: sum of the plateaus that live, valid before step plan[CHANGE]."""
    plan: np.ndarray
    """(4,) int64, derived: TAUGHT, CHANGE, LEADER, CROSS."""


def _fields(part: Any, program: Program, state: State) -> dict[str, Any]:
    given = {**program._asdict(), **state._asdict()}
    return {name: given[name] for name in part._fields if name in given}


def split(program: Program, state: State, trace: Trace) -> tuple[Keys, Outputs, Queue, int]:
    """The parts of one circuit and the number of keys that are awake."""
    n, n_pools = len(state.v), len(state.mature)
    awake, pool = np.empty(n, np.int32), np.empty(n, np.int32)
    found = np.flatnonzero(state.v | state.i | (state.ref > 0))
    awake[: len(found)] = found
    pool[: len(found)] = np.searchsorted(program.first, found, side="right") - 1
    # a key matures by spiking, and the trace has room for every spike
    most = min(n, int(state.mature.sum()) + len(trace.key_id))
    keys = Keys(
        **_fields(Keys, program, state),
        table=np.full((1 << (2 * most).bit_length(), 2), -1, np.int32),
        children=np.zeros(n, np.int32),
        by_symbol=np.zeros((n_pools, program.symbols), np.int32),
        awake=awake,
        pool=pool,
        fired=np.full(n_pools, -1, np.int32),
    )
    plan = np.zeros(4, np.int64)
    plan[TAUGHT], plan[CROSS] = 1, UNSOLVED
    u = np.zeros(program.symbols, np.int32)
    outputs = Outputs(**_fields(Outputs, program, state), u=u, plan=plan)
    return keys, outputs, Queue(state.step, state.queue, state.queued), len(found)
