"""The circuit program: the integers that both executors read, and the state that they move.

One circuit = symbol sources, pools of key neurons that recruit, one race of output neurons whose
dendritic branches hold graded plateaus. Shapes: V symbols = output neurons, P pools, N key neurons
in all pools (concatenated, `first[p]` = index of a pool's neuron 0), B value branches, E priming
projections, C steps of the longest delay plus one.

Order inside a step s (docs/integer-specification.md, "Circuit kernel"):
 1 integrate keys; branch sums u from plateaus that live at s
 2 threshold: at most one spike per pool; forced outputs; the race
 3 deliver arrivals of step s: prime, drive, direct, value, teacher
 4 plasticity of output spikes; activation counts; recruitment
 5 reset: the pool that spiked is shunted; the source spike and all key spikes are queued
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

PRIME, DRIVE, DIRECT, VALUE, TEACHER = range(5)
GUMBEL_BITS = 16
FRACTION = 17
"""Potentials of the race are nats in Q17."""
WEIGHT_FRACTION = 6
"""Weights are nats in Q6 (1/64 nat), stored in int8."""
EFFICACY_MAX = 8 << FRACTION
"""Efficacies of fast states stay within ±8 nats."""
GAIN_FRACTION = 24
"""Gains have so many fraction bits that a step per weight LSB is a whole number."""


class Program(NamedTuple):
    """Constants of one circuit; all arrays int32 unless said."""

    symbols: int
    period: int
    encoding: int
    gamma: int
    gamma_steps: int
    first: np.ndarray
    """(P+1,) first key of each pool; first[P] = N."""
    has_pool_parent: np.ndarray
    """(P,) index of the priming projection that gates the pool, −1 = not gated."""
    p_vv: np.ndarray
    """(P,) int64, propagators Q30 of v → v, I → v, I → I."""
    p_vi: np.ndarray
    p_ii: np.ndarray
    v_th: np.ndarray
    """(P,) threshold, spike when v > v_th."""
    still: np.ndarray
    """(P,) steps in which v stands still after a spike: t_ref/dt − 1, at least 0."""
    drive: np.ndarray
    """(P, V) current jump of a mature gated synapse, 0 = no potential synapse."""
    drive_young: np.ndarray
    """(P, V) the same onto the front neuron of the pool."""
    direct: np.ndarray
    """(P, V) current jump onto neuron 0 of the pool, ungated."""
    drive_delay: np.ndarray
    direct_delay: np.ndarray
    """(P,) steps."""
    prime_pre: np.ndarray
    """(E,) pool of the parents; the pool that it gates names it in `has_pool_parent`."""
    prime_delay: np.ndarray
    prime_window: np.ndarray
    prime_after: np.ndarray
    """(E,) a parent primes the front neuron from this many own spikes on."""
    branch_pool: np.ndarray
    """(B,) pool whose keys drive the branch."""
    branch_delay: np.ndarray
    branch_hold: np.ndarray
    branch_first: np.ndarray
    """(B+1,) first synapse row of each branch in w and f."""
    eta_plus: np.ndarray
    eta_minus: np.ndarray
    """(B, n_cap) step in Q8 weight LSB after n earlier arrivals."""
    gain_bin: np.ndarray
    """(n_cap,) gain bin of n."""
    gain_plus: int
    gain_minus: int
    """Gain step per weight LSB, Q24."""
    gain_max: int
    fast_levels: int
    """0 = no fast state."""
    fast_step: int
    fast_keep: int
    fast_plus: int
    fast_minus: int
    """Step of the fast efficacy table, Q17."""
    spare: int
    """Arrivals from which on gain, efficacy and depression learn."""
    teacher_delay: int
    ramp_start: int
    ramp_slope: int
    w_max: int
    gumbel: np.ndarray
    """(65536,) standard Gumbel quantiles, Q17."""
    seed: int


class State(NamedTuple):
    """Everything that changes; explicit in, explicit out (the arrays are updated in place).

    Equal in every bit between executors after every step.
    """

    step: np.ndarray
    """(1,) int64: the next step to execute."""
    v: np.ndarray
    i: np.ndarray
    ref: np.ndarray
    """(N,) int32 potential, current, refractory steps left."""
    parent: np.ndarray
    symbol: np.ndarray
    """(N,) int32 mature synapses of each key: its parent key and its symbol, −1 = none."""
    spikes: np.ndarray
    """(N,) int32 own spikes so far."""
    mature: np.ndarray
    """(P,) int32 number of mature keys; the next one is the front."""
    candidate: np.ndarray
    """(P, 2) int32 latest arrivals (parent, symbol) at the front's silent synapses."""
    prime_key: np.ndarray
    prime_until: np.ndarray
    """(E, K) arrivals that may still gate: parent key (−1 = free), last open step + 1."""
    arrivals: np.ndarray
    """(R,) int32 earlier arrivals per synapse row (branch, pre)."""
    w: np.ndarray
    """(R, V) int8 slow weights."""
    f: np.ndarray
    """(R, V) int8 fast states."""
    gain: np.ndarray
    """(B, bins) int32 Q24."""
    fast: np.ndarray
    """(B, levels) int32 Q17 efficacy of each fast state."""
    held_row: np.ndarray
    """(B,) int32 synapse row that raised the plateau, −1 = none."""
    held_until: np.ndarray
    """(B,) int64."""
    held_n: np.ndarray
    held_w: np.ndarray
    held_f: np.ndarray
    held_u: np.ndarray
    """(B,), (B, V) …: n, w, f and contribution (Q17) latched at arrival."""
    noise: np.ndarray
    """(V,) int32 Gumbel numbers of the running race, Q17."""
    race: np.ndarray
    """(1,) int32: 1 while the race of this gamma cycle is undecided."""
    forced: np.ndarray
    """(V,) int8: teacher arrived in the step before."""
    queue: np.ndarray
    """(C, Q, 3) int32 arrivals by step modulo C: kind, projection, key or symbol."""
    queued: np.ndarray
    """(C,) int32."""


def fresh_state(program: Program, mature: np.ndarray, gain: np.ndarray, fast: np.ndarray) -> State:
    """State at step 0: nothing spiked, no weight learned.

    mature (P,) keys grown at the start; gain (B, bins) Q24; fast (B, levels) Q17
    """
    n, n_pools = int(program.first[-1]), len(program.first) - 1
    n_branches, rows = len(program.branch_pool), int(program.branch_first[-1])
    size, edges = program.symbols, len(program.prime_pre)
    slots = int(program.prime_window.max(initial=0)) + 1
    delays = [program.drive_delay, program.direct_delay, program.prime_delay, program.branch_delay]
    longest = max([program.teacher_delay, *(int(d.max(initial=0)) for d in delays)])
    width = 1 + 2 * n_pools + edges + n_branches
    zeros = np.zeros
    return State(
        step=zeros(1, np.int64),
        v=zeros(n, np.int32), i=zeros(n, np.int32), ref=zeros(n, np.int32),
        parent=np.full(n, -1, np.int32), symbol=np.full(n, -1, np.int32), spikes=zeros(n, np.int32),
        mature=np.array(mature, np.int32), candidate=np.full((n_pools, 2), -1, np.int32),
        prime_key=np.full((edges, slots), -1, np.int32),
        prime_until=zeros((edges, slots), np.int64), arrivals=zeros(rows, np.int32),
        w=zeros((rows, size), np.int8), f=zeros((rows, size), np.int8),
        gain=np.array(gain, np.int32), fast=np.array(fast, np.int32),
        held_row=np.full(n_branches, -1, np.int32), held_until=zeros(n_branches, np.int64),
        held_n=zeros(n_branches, np.int32), held_w=zeros((n_branches, size), np.int8),
        held_f=zeros((n_branches, size), np.int8), held_u=zeros((n_branches, size), np.int32),
        noise=zeros(size, np.int32), race=zeros(1, np.int32), forced=zeros(size, np.int8),
        queue=np.full((longest + 1, width, 3), -1, np.int32), queued=zeros(longest + 1, np.int32),
    )  # fmt: skip


class Trace(NamedTuple):
    """What a run records; arrays are filled up to the counts.

    potential (L, V)   u in Q17 at the last step of each cycle, before the next symbol
    held (L, B)        key whose plateau lived on each branch then, −1 = none
    share (L, B)       contribution of each branch to the symbol that came next, Q17 (filled later)
    winners (L, gamma) output that won each race, −1 = none
    recruited (L, P)   key recruited in the cycle in each pool, −1 = none
    key_step, key_id   spikes of keys (global index);  out_step, out_id, out_forced  output spikes
    counts             see COUNTERS
    """

    potential: np.ndarray
    held: np.ndarray
    share: np.ndarray
    winners: np.ndarray
    recruited: np.ndarray
    key_step: np.ndarray
    key_id: np.ndarray
    out_step: np.ndarray
    out_id: np.ndarray
    out_forced: np.ndarray
    counts: np.ndarray


COUNTERS = (
    "source_spikes", "key_spikes", "output_spikes", "conducted_events", "blocked_arrivals",
    "value_events", "weight_updates", "fast_updates", "saturations", "neuron_updates",
    "pool_exhausted", "silent_races", "steps", "empty_steps",
)  # fmt: skip


def fresh_trace(program: Program, cycles: int) -> Trace:
    """Room for `cycles` theta cycles.

    A run cannot overflow it: a spike shunts its pool, so one arrival on drive or direct causes at
    most one spike of a pool, and a source emits one spike a cycle.
    """
    n_pools, n_branches = len(program.first) - 1, len(program.branch_pool)
    keys, outs = n_pools * (2 * cycles + 4), cycles * (program.gamma + 2) + 4
    full = np.full
    return Trace(
        potential=np.zeros((cycles, program.symbols), np.int32),
        held=full((cycles, n_branches), -1, np.int32),
        share=np.zeros((cycles, n_branches), np.int32),
        winners=full((cycles, program.gamma), -1, np.int32),
        recruited=full((cycles, n_pools), -1, np.int32),
        key_step=np.zeros(keys, np.int64), key_id=np.zeros(keys, np.int32),
        out_step=np.zeros(outs, np.int64), out_id=np.zeros(outs, np.int32),
        out_forced=np.zeros(outs, np.int8),
        counts=np.zeros(len(COUNTERS), np.int64),
    )  # fmt: skip
