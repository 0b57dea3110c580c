"""Circuit kernel on one CPU thread: event-driven, bit-equal to `reference`.

Only keys that carry potential or current are integrated; a gate is looked up from the arrival that
opened it instead of being stored on every child; the race is solved for its crossing step when u
changes. A step in which nothing is due costs a few comparisons.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from bioplastic.kernels.circuit.cpu_keys import (
    CONDUCTED,
    arrive_drive,
    arrive_prime,
    awake,
    finish_keys,
    index,
    integrate,
    source_spike,
    wake,
)
from bioplastic.kernels.circuit.cpu_output import (
    CHANGE,
    CROSS,
    NEVER,
    TAUGHT,
    arrive_value,
    finish_output,
    open_race,
    output,
    read_out,
)
from bioplastic.kernels.compiled import inner
from bioplastic.quantize.circuit_program import (
    COUNTERS,
    DIRECT,
    DRIVE,
    PRIME,
    TEACHER,
    VALUE,
    Program,
    State,
    Trace,
)

SOURCE_SPIKES = COUNTERS.index("source_spikes")
STEPS = COUNTERS.index("steps")
NEURON_UPDATES = COUNTERS.index("neuron_updates")
EMPTY_STEPS = COUNTERS.index("empty_steps")


@inner
def _deliver(pr, st, now, grown, active, count, counts):
    table, children, by_symbol = grown
    slot = now % len(st.queued)
    n = st.queued[slot]
    for kind in range(5):
        for m in range(n):
            if st.queue[slot, m, 0] != kind:
                continue
            a, b = st.queue[slot, m, 1], st.queue[slot, m, 2]
            if kind == PRIME:
                arrive_prime(pr, st, a, b, now)
                counts[CONDUCTED] += children[b]
            elif kind == DRIVE:
                count = arrive_drive(pr, st, a, b, now, table, by_symbol, active, count, counts)
            elif kind == DIRECT:
                st.i[pr.first[a]] += pr.direct[a, b]
                count = wake(active, count, pr.first[a])
                counts[CONDUCTED] += 1
            elif kind == VALUE:
                arrive_value(pr, st, a, b, now, counts)
            elif kind == TEACHER:
                st.forced[b] = 1
                counts[CONDUCTED] += 1
    for m in range(n):
        st.queue[slot, m, :] = -1
    st.queued[slot] = 0
    return count


@nb.njit(cache=True)
def _run(pr, st, symbols, spike_steps, following, tr, written):
    grown = index(pr, st)
    pool_of = np.zeros(len(st.v), np.int32)
    active = np.zeros(len(st.v), np.int32)
    count = awake(pr, st, pool_of, active)
    fired = np.full(len(st.mature), -1, np.int32)
    u = np.zeros(pr.symbols, np.int32)
    plan = np.zeros(4, np.int64)
    plan[CROSS], plan[TAUGHT] = NEVER, 1
    counts = tr.counts
    queued, slots, race = st.queued, len(st.queued), st.race
    for c in range(len(symbols)):
        for phase in range(pr.period):
            now = st.step[0]
            inside = (phase - pr.encoding) % pr.gamma_steps if phase >= pr.encoding else -1
            idle, spiking = count == 0, False
            if not idle:
                counts[NEURON_UPDATES] += count
                count, spiking = integrate(
                    st.v, st.i, st.ref, pr.p_vv, pr.p_vi, pr.p_ii, pr.v_th,
                    active, count, pool_of, fired,
                )  # fmt: skip
            if inside == 0:
                open_race(pr, st, now, plan)
            winner, forced = -1, 0
            if plan[TAUGHT] or (inside >= 0 and race[0] and now >= min(plan[CHANGE], plan[CROSS])):
                winner, forced = output(pr, st, now, inside, u, plan)
            if queued[now % slots] > 0:
                count = _deliver(pr, st, now, grown, active, count, counts)
                plan[CHANGE], plan[TAUGHT] = 0, 1
                idle = False
            if winner >= 0 or (race[0] and inside == pr.gamma_steps - 1):
                finish_output(pr, st, c, now, phase, winner, forced, tr, written)
            if spiking:
                count = finish_keys(
                    pr, st, c, now, fired, active, count, pool_of, grown, tr, written
                )
            if spike_steps[c] == now:
                source_spike(pr, st, symbols[c])
                counts[SOURCE_SPIKES] += 1
            counts[EMPTY_STEPS] += idle and winner < 0
            if phase == pr.period - 1:
                read_out(pr, st, c, now, following[c], u, tr)
                plan[CHANGE] = 0
            st.step[0] = now + 1
        counts[STEPS] += pr.period


def run(
    program: Program,
    state: State,
    symbols: np.ndarray,
    steps: np.ndarray,
    following: np.ndarray,
    trace: Trace,
) -> tuple[int, int]:
    """Run len(symbols) theta cycles from `state` (updated in place); returns the spikes written.

    symbols (L,) int32     symbol of each cycle
    steps (L,) int64       step at which it spikes, inside its cycle; −1 = never
    following (L,) int32   the symbol after it, only for `trace.share`; −1 = unknown
    """  # fmt: skip
    written = np.zeros(2, np.int64)
    _run(program, state, symbols, steps, following, trace, written)
    return int(written[0]), int(written[1])
