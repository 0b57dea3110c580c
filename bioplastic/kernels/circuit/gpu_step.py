"""Circuit kernel in Triton: one program runs one circuit over all steps of all cycles.

A step in which nothing is due changes nothing, so the loop goes from one event to the next: an
awake key, an arrival, the start, crossing or end of a race, the end of a plateau, the symbol, the
end of the cycle.
"""

from __future__ import annotations

import triton
import triton.language as tl

from bioplastic.kernels.circuit.gpu_common import (
    CONDUCTED,
    EMPTY_STEPS,
    FAR,
    N_COUNTERS,
    NEURON_UPDATES,
    NOBODY,
    OUTPUT_SPIKES,
    SILENT_RACES,
    SOURCE_SPIKES,
    STEPS,
)
from bioplastic.kernels.circuit.gpu_keys import (
    arrive_direct,
    arrive_drives,
    arrive_primes,
    finish_keys,
    integrate,
    source_spike,
)
from bioplastic.kernels.circuit.gpu_output import (
    arrive_values,
    crossing,
    draw_noise,
    learn,
    read_out,
)
from bioplastic.kernels.circuit.gpu_pointers import derived_of, state_of, trace_of, with_zero
from bioplastic.kernels.circuit.gpu_program import Rule
from bioplastic.quantize import circuit_program

PRIME = tl.constexpr(circuit_program.PRIME)
DRIVE = tl.constexpr(circuit_program.DRIVE)
DIRECT = tl.constexpr(circuit_program.DIRECT)
VALUE = tl.constexpr(circuit_program.VALUE)
TEACHER = tl.constexpr(circuit_program.TEACHER)


@triton.jit
def _forced(st, rule, tile: tl.constexpr):
    """The output whose teacher arrived in the step before this launch, −1 = none."""
    last = tl.full((), -1, tl.int32)
    for start in range(0, rule.symbols, tile.V):
        v = start + rule.zero + tl.arange(0, tile.V)
        on = tl.load(st.forced + v, mask=v < rule.symbols, other=0) != 0
        last = tl.maximum(last, tl.max(tl.where(on, v, -1)))
    return last


@triton.jit
def _record(tr, at, now, winner, forced):
    """Write one output spike."""
    tl.store(tr.out_step + at, now)
    tl.store(tr.out_id + at, winner)
    tl.store(tr.out_forced + at, forced.to(tl.int8))


@triton.jit
def _keep(st, tr, written, n_keys, n_outs, rule, now, race, forced, counts, tile: tl.constexpr):
    """What was kept in registers goes back to the state and the trace."""
    tl.store(written, n_keys)
    tl.store(written + 1, n_outs)
    tl.store(st.step, now)
    tl.store(st.race, race)
    for start in range(0, rule.symbols, tile.V):
        v = start + tl.arange(0, tile.V)
        tl.store(st.forced + v, (v == forced).to(tl.int8), mask=v < rule.symbols)
    tl.store(tr.counts + tl.arange(0, N_COUNTERS), counts)


@triton.jit
def _clear_rows(tr, rule, cycle, tile: tl.constexpr):
    """Nobody won or was recruited in this cycle so far."""
    none = tl.full((tile.M,), -1, tl.int32)
    for start in range(0, rule.gamma, tile.M):
        n = start + rule.zero + tl.arange(0, tile.M)
        tl.store(tr.winners + cycle * rule.gamma + n, none, mask=n < rule.gamma)
    p = rule.zero + tl.arange(0, tile.P)
    nobody = tl.full((tile.P,), -1, tl.int32)
    tl.store(tr.recruited + cycle * rule.pools + p, nobody, mask=p < rule.pools)
    tl.debug_barrier()


@triton.jit
def _to(rule, kind, index, what, wanted: tl.constexpr, SIZE: tl.constexpr):
    """What arrives of one kind at each of SIZE projections, −1 = nothing."""
    here = (kind == wanted)[None, :] & (index[None, :] == (rule.zero + tl.arange(0, SIZE))[:, None])
    return tl.max(tl.where(here, what[None, :], -1), axis=1)


@triton.jit
def _deliver(pr, st, dv, rule, arrivals, now, awake, counts, tile: tl.constexpr):
    """Arrivals of this step, by kind; (output that is forced next or −1, awake keys, counters).

    A pool spikes at most once a step and a symbol once a cycle, and a projection has one delay: so
    at most one arrival of a kind comes to a projection, and all projections take theirs at once.
    """
    slot = (now % rule.delays).to(tl.int32)
    q = rule.zero + tl.arange(0, tile.Q)
    inside = q < arrivals
    row = st.queue + slot * rule.width * 3 + 3 * q
    kind = tl.load(row, mask=inside, other=0)
    index = tl.load(row + 1, mask=inside, other=-1)  # −1: no projection
    what = tl.load(row + 2, mask=inside, other=-1)
    tl.debug_barrier()
    free = tl.full((tile.Q,), -1, tl.int32)
    tl.store(row, free, mask=inside)
    tl.store(row + 1, free, mask=inside)
    tl.store(row + 2, free, mask=inside)
    tl.store(st.queued + slot, 0)
    tl.debug_barrier()
    one = tl.where(inside, 1, 0).to(tl.int64)
    many = tl.sum(one << (12 * kind.to(tl.int64)))  # five numbers of 12 bits
    if (many >> (12 * PRIME)) & 4095:
        parents = _to(rule, kind, index, what, PRIME, tile.E)
        counts = arrive_primes(pr, st, dv, rule, parents, now, counts, tile)
    if (many >> (12 * DRIVE)) & 4095:
        driven = _to(rule, kind, index, what, DRIVE, tile.P)
        awake, counts = arrive_drives(pr, st, dv, rule, driven, now, awake, counts, tile)
    if (many >> (12 * DIRECT)) & 4095:
        driven = _to(rule, kind, index, what, DIRECT, tile.P)
        awake, counts = arrive_direct(pr, st, dv, rule, driven, awake, counts, tile)
    if (many >> (12 * VALUE)) & 4095:
        keys = _to(rule, kind, index, what, VALUE, tile.B)
        counts = arrive_values(pr, st, rule, keys, now, counts, tile)
    taught = (many >> (12 * TEACHER)) & 4095
    counts += tl.where(rule.zero + tl.arange(0, N_COUNTERS) == CONDUCTED, taught, 0)
    return tl.max(tl.where(inside & (kind == TEACHER), what, -1)), awake, counts


@triton.jit
def _next_event(st, rule, now, end, opens, turns, race, spike_step, tile: tl.constexpr):
    """The next step that may change anything when no key is awake and no output is forced.

    end     first step of the next cycle; its last step is read out
    opens   first step of the next race; one that is open ends in the step before
    turns   step at which the open race is crossed or its potentials change
    """
    d = rule.zero + tl.arange(0, tile.C)
    ahead = (d > 0) & (d < rule.delays)
    waiting = tl.load(st.queued + (now + d) % rule.delays, mask=ahead, other=0) > 0
    soon = tl.minimum(tl.min(tl.where(waiting, now + d, FAR)), end - 1)
    closes = tl.where(opens > now + 1, opens - 1, opens)
    turns = tl.where(race != 0, tl.minimum(closes, turns), FAR)
    spikes = tl.where(spike_step > now, spike_step, FAR)
    soon = tl.minimum(tl.minimum(soon, opens), tl.minimum(turns, spikes))
    return tl.maximum(soon, now + 1)


@triton.jit(do_not_specialize=list(Rule._fields))
def circuit_kernel(
    pr, states, dvs, traces, written, seeds, all_symbols, all_steps, all_following,
    symbols, pools, keys, rows, edges, slots, branches, bins, levels, n_cap, delays, width, emits,
    sources, cells, key_room, out_room, cycles, period, encoding, gamma, gamma_steps, gain_plus,
    gain_minus, gain_max, fast_levels, fast_step, fast_keep, fast_plus, fast_minus, spare,
    ramp_start, ramp_slope, w_max, zero,
    tile: tl.constexpr,
):  # fmt: skip
    """Run `cycles` theta cycles of circuit `program_id(0)`; arguments as in `gpu.run_batch`."""
    given = Rule(
        symbols, pools, keys, rows, edges, slots, branches, bins, levels, n_cap, delays, width,
        emits, sources, cells, key_room, out_room, cycles, period, encoding, gamma, gamma_steps,
        gain_plus, gain_minus, gain_max, fast_levels, fast_step, fast_keep, fast_plus, fast_minus,
        spare, ramp_start, ramp_slope, w_max, zero,
    )  # fmt: skip
    g = tl.program_id(0).to(tl.int64)
    now = tl.load(states.step + g)
    race = tl.load(states.race + g)
    awake = tl.load(dvs.awake_count + g)
    forced = _forced(state_of(states, given, g), given, tile)
    leader, n_keys, n_outs = race * 0, race * 0, race * 0
    cross, change = now * 0, now * 0  # the race's crossing, known until `change`; 0 = not known
    counts = tl.zeros((N_COUNTERS,), tl.int64)
    for cycle in range(cycles):
        start = now
        spike_step = tl.load(all_steps + g * cycles + cycle)
        while now < start + period:
            unknown = now >> 63  # 0: a step is not negative, but the compiler cannot know
            rule, own = with_zero(given, unknown), g + unknown
            st, dv = state_of(states, rule, own), derived_of(dvs, rule, own)
            tr = trace_of(traces, rule, own)
            arrivals = tl.load(st.queued + now % delays)
            name = rule.zero + tl.arange(0, N_COUNTERS)
            phase, end = (now - start).to(tl.int32), start + period
            racing = phase >= encoding
            inside = tl.where(racing, (phase - encoding) % gamma_steps, -1)
            if phase == 0:
                _clear_rows(tr, rule, cycle, tile)

            # 1 integrate, 2 threshold: keys, forced outputs, the race
            quiet = (awake == 0) & (arrivals == 0)
            fired = tl.full((tile.P,), NOBODY, tl.int64)
            if awake > 0:
                counts += tl.where(name == NEURON_UPDATES, awake, 0)
                fired, awake = integrate(pr, st, dv, rule, awake, tile)
            if inside == 0:
                draw_noise(pr, st, rule, tl.load(seeds + own), now, tile)
                race, change = race * 0 + 1, change * 0
            winner, was_forced = forced, forced >= 0
            if racing & (race != 0) & (winner < 0):
                if now >= change:
                    leader, cross, change = crossing(st, rule, now, now - inside, tile)
                winner = tl.where(now >= cross, leader, winner)
            forced = forced * 0 - 1

            # 3 deliver
            if arrivals > 0:
                forced, awake, counts = _deliver(
                    pr, st, dv, rule, arrivals, now, awake, counts, tile
                )
                change = change * 0

            # 4 plasticity of the output spike; a race that nobody won
            if winner >= 0:
                at = cycle * gamma + (phase - encoding) // gamma_steps
                tl.store(tr.winners + at, winner, mask=racing & (race != 0))
                race = tl.where(racing, 0, race)
                _record(tr, n_outs, now, winner, was_forced)
                n_outs += 1
                counts += tl.where(name == OUTPUT_SPIKES, 1, 0)
                counts = learn(pr, st, rule, tl.load(seeds + own), winner, now, counts, tile)
            if (race != 0) & (inside == gamma_steps - 1):
                counts += tl.where(name == SILENT_RACES, 1, 0)
                race = race * 0

            # 5 keys that spiked, the symbol, the end of the cycle
            if tl.max(fired) > NOBODY:
                n_keys, counts = finish_keys(
                    pr, st, dv, tr, rule, cycle, now, fired, awake, n_keys, counts, tile
                )
            if spike_step == now:
                symbol = tl.load(all_symbols + own * cycles + cycle)
                source_spike(pr, st, rule, symbol, now, tile)
                counts += tl.where(name == SOURCE_SPIKES, 1, 0)
            if now + 1 == end:
                following = tl.load(all_following + own * cycles + cycle)
                read_out(pr, st, tr, rule, cycle, now, following, tile)
            soon = now + 1
            if (awake == 0) & (forced < 0) & (soon < end):
                opens = tl.where(racing, now - inside + gamma_steps, start + encoding)
                turns = tl.where(racing, tl.minimum(cross, change), FAR)
                soon = _next_event(st, rule, now, end, opens, turns, race, spike_step, tile)
            empty_steps = soon - now - 1 + (quiet & (winner < 0)).to(tl.int64)
            counts += tl.where(name == EMPTY_STEPS, empty_steps, 0)
            now = soon
        counts += tl.where(tl.arange(0, N_COUNTERS) == STEPS, period, 0)
    tl.debug_barrier()
    mine, record = state_of(states, given, g), trace_of(traces, given, g)
    _keep(mine, record, written + 2 * g, n_keys, n_outs, given, now, race, forced, counts, tile)
