"""Circuit kernel on one CPU thread: event-driven, bit-equal to `reference`.

Only keys that carry potential or current are integrated; a gate is looked up from the arrival that
opened it instead of being stored on every child; the race is solved for its crossing step when u
changes. Steps in which nothing is due are passed over at once.
"""

from __future__ import annotations

import numpy as np

from bioplastic.kernels.circuit.cpu_keys import (
    CONDUCTED,
    adopt_all,
    arrive_drive,
    arrive_prime,
    finish_keys,
    integrate,
    rest,
    shortest_rest,
    source_spike,
    wake,
)
from bioplastic.kernels.circuit.cpu_output import (
    arrive_value,
    finish_output,
    forced_output,
    open_race,
    race_winner,
    read_out,
)
from bioplastic.kernels.circuit.cpu_parts import CHANGE, CROSS, TAUGHT, split
from bioplastic.kernels.compiled import entry, merged
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


@merged
def _deliver(ks, out, qu, now, count, counts):
    """Arrivals of this step, kind by kind; returns how many keys are awake."""
    slot = now % len(qu.queued)
    n = qu.queued[slot]
    due = qu.queue[slot]
    for kind in range(5):
        for m in range(n):
            if due[m, 0] != kind:
                continue
            a, b = due[m, 1], due[m, 2]
            if kind == PRIME:
                arrive_prime(ks, a, b, now)
                counts[CONDUCTED] += ks.children[b]
            elif kind == DRIVE:
                count = arrive_drive(ks, a, b, now, count, counts)
            elif kind == DIRECT:
                ks.i[ks.first[a]] += ks.direct[a, b]
                count = wake(ks, count, ks.first[a], a)
                counts[CONDUCTED] += 1
            elif kind == VALUE:
                arrive_value(out, a, b, now, counts)
                out.plan[CHANGE] = 0
            elif kind == TEACHER:
                out.forced[b] = 1
                out.plan[TAUGHT] = 1
                counts[CONDUCTED] += 1
    for m in range(n):
        due[m, 0], due[m, 1], due[m, 2] = -1, -1, -1
    qu.queued[slot] = 0
    return count


@merged
def _quiet(out, now, phase, spike_phase, queued, longest):
    """Steps from this phase on, at most `longest`, in which nothing is due but the keys.

    Due are: a forced output, the symbol's spike, the first and last step of a gamma cycle, a
    crossing, an end of a plateau while a race runs, an arrival, the last step of the cycle.
    """
    end = out.period - 1
    if out.plan[TAUGHT]:
        return 0
    if spike_phase >= phase:
        end = min(end, spike_phase)
    if phase <= out.encoding:
        end = min(end, out.encoding)
    else:
        inside = (phase - out.encoding) % out.gamma_steps
        if inside == 0:
            return 0
        end = min(end, phase - inside + out.gamma_steps)
        if out.race[0]:
            end = min(end, phase - inside + out.gamma_steps - 1)
            end = min(end, phase + min(out.plan[CHANGE], out.plan[CROSS]) - now)
    most, n = min(end - phase, longest), 0
    slot = now % len(queued)
    while n < most and queued[slot] == 0:
        n += 1
        slot = slot + 1 if slot + 1 < len(queued) else 0
    return n


@entry
def _run(ks, out, qu, symbols, spike_steps, following, tr, written, count):
    adopt_all(ks)
    counts, queued, race, plan = tr.counts, qu.queued, out.race, out.plan
    resting = False
    for c in range(len(symbols)):
        start, phase = qu.step[0], 0
        while phase < out.period:
            now = start + phase
            if count == 0 or resting:
                longest = out.period if count == 0 else shortest_rest(ks.ref, ks.awake, count)
                n = _quiet(out, now, phase, spike_steps[c] - start, queued, longest)
                if n > 0:
                    counts[NEURON_UPDATES] += n * count
                    counts[EMPTY_STEPS] += n if count == 0 else 0
                    count = rest(ks.ref, ks.awake, ks.pool, count, n)
                    phase += n
                    qu.step[0] = start + phase
                    continue
            inside = (phase - out.encoding) % out.gamma_steps if phase >= out.encoding else -1
            idle, spiking = count == 0, False
            if not idle:
                counts[NEURON_UPDATES] += count
                count, spiking, resting = integrate(
                    ks.v, ks.i, ks.ref, ks.p_vv, ks.p_vi, ks.p_ii, ks.v_th,
                    ks.awake, ks.pool, ks.fired, count,
                )  # fmt: skip
            if inside == 0:
                open_race(out, now)
            winner, forced = -1, 0
            if plan[TAUGHT]:
                winner = forced_output(out)
                forced = 1 if winner >= 0 else 0
            if winner < 0 and inside >= 0 and race[0] and now >= min(plan[CHANGE], plan[CROSS]):
                winner = race_winner(out, now, inside)
            if queued[now % len(queued)] > 0:
                count = _deliver(ks, out, qu, now, count, counts)
                idle, resting = False, False
            if winner >= 0 or (race[0] and inside == out.gamma_steps - 1):
                finish_output(out, c, now, phase, inside, winner, forced, tr, written)
            if spiking:
                count = finish_keys(ks, qu, c, now, count, tr, written)
                resting = False
            if spike_steps[c] == now:
                source_spike(ks, qu, symbols[c])
                counts[SOURCE_SPIKES] += 1
            counts[EMPTY_STEPS] += idle and winner < 0
            if phase == out.period - 1:
                read_out(out, c, now, following[c], tr)
            phase += 1
            qu.step[0] = now + 1
        counts[STEPS] += out.period


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
    for nobody in (trace.held, trace.winners, trace.recruited):
        nobody.fill(-1)  # what happens to no one is not written below
    trace.share.fill(0)
    keys, outputs, queue, awake = split(program, state, trace)
    _run(keys, outputs, queue, symbols, steps, following, trace, written, awake)
    return int(written[0]), int(written[1])
