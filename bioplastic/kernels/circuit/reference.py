"""Circuit kernel, executable specification: dense, one step at a time, plain numpy.

Every neuron of every pool is integrated in every step, every potential synapse is asked, nothing is
skipped. It is slow and short; `cpu` must equal it in every bit.
"""

from __future__ import annotations

import numpy as np

from bioplastic.philox import philox4x32_array
from bioplastic.quantize.circuit_program import (
    COUNTERS,
    DIRECT,
    DRIVE,
    EFFICACY_MAX,
    FRACTION,
    GAIN_FRACTION,
    PRIME,
    TEACHER,
    VALUE,
    WEIGHT_FRACTION,
    Program,
    State,
    Trace,
)

U_SHIFT = GAIN_FRACTION + WEIGHT_FRACTION - FRACTION
DITHER, NOISE = 1, 2


def _trunc30(x: np.ndarray) -> np.ndarray:
    """x·2⁻³⁰ rounded toward zero, so that decay ends at 0 exactly."""
    return np.where(x >= 0, x >> 30, -((-x) >> 30)).astype(np.int32)


class Reference:
    """One circuit in one state; `step(phase, …)` executes one grid step."""

    def __init__(self, program: Program, state: State, trace: Trace) -> None:
        self.pr, self.st, self.tr = program, state, trace
        self.pools = [slice(a, b) for a, b in zip(program.first, program.first[1:], strict=False)]
        self.keys: list[tuple[int, int]] = []
        self.outs: list[tuple[int, int, int]] = []

    def count(self, name: str, n: int = 1) -> None:
        """Add n to a counter."""
        self.tr.counts[COUNTERS.index(name)] += n

    def push(self, delay: int, kind: int, a: int, b: int) -> None:
        """Queue one arrival `delay` >= 1 steps ahead."""
        slot = (int(self.st.step[0]) + int(delay)) % len(self.st.queued)
        self.st.queue[slot, self.st.queued[slot]] = kind, a, b
        self.st.queued[slot] += 1

    def integrate(self) -> list[int]:
        """Advance every key; the spike of each pool (largest v, then lowest index), −1 = none."""
        pr, st, fired = self.pr, self.st, []
        for p, pool in enumerate(self.pools):
            v, i, ref = st.v[pool], st.i[pool], st.ref[pool]
            free = ref == 0
            new = _trunc30(v.astype(np.int64) * pr.p_vv[p] + i.astype(np.int64) * pr.p_vi[p])
            v[free] = new[free]
            i[:] = _trunc30(i.astype(np.int64) * pr.p_ii[p])
            ref[~free] -= 1
            above = np.flatnonzero(free & (v > pr.v_th[p]))
            best = above[np.argmax(v[above])] if len(above) else -1
            fired.append(int(best) + int(pr.first[p]) if best >= 0 else -1)
        return fired

    def potentials(self, now: int) -> np.ndarray:
        """u of every output: sum of the plateaus that live at `now`."""
        st = self.st
        live = (st.held_row >= 0) & (now < st.held_until)
        return st.held_u[live].sum(axis=0, dtype=np.int64)

    def race(self, now: int, phase: int) -> tuple[int, bool]:
        """(output that spikes or −1, was it forced)."""
        pr, st = self.pr, self.st
        racing = phase >= pr.encoding
        inside = (phase - pr.encoding) % pr.gamma_steps
        if racing and inside == 0:
            st.noise[:] = self.noise(now)
            st.race[0] = 1
        forced = np.flatnonzero(st.forced)
        if len(forced):
            st.forced[:] = 0
            return int(forced[-1]), True
        if racing and st.race[0]:
            x = self.potentials(now) + st.noise
            over = x - pr.ramp_start + pr.ramp_slope * inside
            if over.max() > 0:
                return int(np.argmax(x)), False
        return -1, False

    def noise(self, now: int) -> np.ndarray:
        """Gumbel number of every output for the race that starts now, Q17."""
        size = self.pr.symbols
        blocks = np.arange((size + 7) // 8)
        counter = np.stack([blocks, *(np.full_like(blocks, n) for n in (now, NOISE, 0))], axis=-1)
        words = philox4x32_array(counter, (self.pr.seed, 0))
        bits = np.stack([words & 0xFFFF, words >> 16], axis=-1).reshape(-1)[:size]
        return self.pr.gumbel[bits]

    def gate(self, e: int, now: int) -> dict[int, int]:
        """Parents whose prime arrivals on projection e still gate at `now` → end of the window."""
        st = self.st
        gates: dict[int, int] = {}
        for key, until in zip(st.prime_key[e].tolist(), st.prime_until[e].tolist(), strict=True):
            if until > now:
                gates[key] = max(until, gates.get(key, until))
        return gates

    def drive(self, p: int, symbol: int, now: int) -> None:
        """A symbol reaches the gated synapses of pool p, and its front neuron."""
        pr, st, pool = self.pr, self.st, self.pools[p]
        gates = self.gate(pr.has_pool_parent[p], now)
        mature = st.symbol[pool] == symbol
        passes = mature & np.isin(st.parent[pool], list(gates))
        st.i[pool][passes] += pr.drive[p, symbol]
        self.count("conducted_events", int(passes.sum()))
        self.count("blocked_arrivals", int(mature.sum() - passes.sum()))
        after = pr.prime_after[pr.has_pool_parent[p]]
        eligible = {k: u for k, u in gates.items() if st.spikes[k] >= after}
        if not eligible:
            return
        front = int(pr.first[p] + st.mature[p])
        if front >= pr.first[p + 1]:
            self.count("pool_exhausted", int(not passes.any()))
            return
        st.i[front] += pr.drive_young[p, symbol]
        st.candidate[p] = max(eligible, key=lambda k: eligible[k]), symbol
        self.count("conducted_events")

    def value(self, b: int, key: int, now: int) -> None:
        """A key raises the graded plateau of branch b on every output."""
        pr, st = self.pr, self.st
        row = pr.branch_first[b] + key - pr.first[pr.branch_pool[b]]
        n = min(int(st.arrivals[row]), len(pr.gain_bin) - 1)
        st.arrivals[row] += 1
        product = st.gain[b, pr.gain_bin[n]].astype(np.int64) * st.w[row].astype(np.int64)
        u = (product + (1 << (U_SHIFT - 1))) >> U_SHIFT
        if pr.fast_levels:
            u = u + st.fast[b, st.f[row]]
        st.held_w[b], st.held_f[b], st.held_u[b] = st.w[row], st.f[row], u
        st.held_row[b], st.held_n[b], st.held_until[b] = row, n, now + pr.branch_hold[b]
        heard = int((st.f[row] > 0).sum()) if pr.fast_levels else pr.symbols
        self.count("value_events", heard)

    def deliver(self, now: int) -> None:
        """Arrivals of this step by kind: prime, drive, direct, value, teacher."""
        pr, st = self.pr, self.st
        slot = now % len(st.queued)
        due = st.queue[slot, : st.queued[slot]].copy()
        for kind in (PRIME, DRIVE, DIRECT, VALUE, TEACHER):
            for a, b in due[due[:, 0] == kind, 1:].tolist():
                if kind == PRIME:
                    at = int(np.argmin(st.prime_until[a]))
                    st.prime_key[a, at], st.prime_until[a, at] = b, now + pr.prime_window[a]
                    self.count("conducted_events", int((st.parent == b).sum()))
                elif kind == DRIVE:
                    self.drive(a, b, now)
                elif kind == DIRECT:
                    st.i[pr.first[a]] += pr.direct[a, b]
                    self.count("conducted_events")
                elif kind == VALUE:
                    self.value(a, b, now)
                elif kind == TEACHER:
                    st.forced[b] = 1
                    self.count("conducted_events")
        st.queue[slot] = -1
        st.queued[slot] = 0

    def learn(self, v: int, now: int) -> None:
        """Plasticity of one output spike on every branch whose plateau lives."""
        pr, st = self.pr, self.st
        teacher = now % pr.period < pr.encoding
        for b in np.flatnonzero((st.held_row >= 0) & (now < st.held_until)):
            words = philox4x32_array(np.array([v, now, DITHER, b // 16]), (pr.seed, 0))
            dither = int(words[b % 16 // 4] >> np.uint32(8 * (b % 4))) & 0xFF
            row, n = st.held_row[b], st.held_n[b]
            if pr.fast_levels:
                self.learn_fast(b, v, teacher)
                if not teacher and st.held_f[b, v] == 0:
                    continue
            step = int(pr.eta_plus[b, n]) if teacher else -int(pr.eta_minus[b, n])
            if step:
                w = ((int(st.w[row, v]) << 8) + step + dither) >> 8
                self.count("saturations", int(abs(w) > pr.w_max))
                self.count("weight_updates")
                st.w[row, v] = np.clip(w, -pr.w_max, pr.w_max)
            if pr.gain_plus and n >= pr.spare:
                change = pr.gain_plus if teacher else -pr.gain_minus
                bin_ = pr.gain_bin[n]
                gain = int(st.gain[b, bin_]) + change * int(st.held_w[b, v])
                st.gain[b, bin_] = min(max(gain, 0), pr.gain_max)

    def learn_fast(self, b: int, v: int, teacher: bool) -> None:
        """Efficacy of the fast state in use; at a teacher spike also the states themselves."""
        pr, st = self.pr, self.st
        level = st.held_f[b, v]
        if level > 0 and st.held_n[b] >= pr.spare:
            e = int(st.fast[b, level]) + (pr.fast_plus if teacher else -pr.fast_minus)
            st.fast[b, level] = min(max(e, -EFFICACY_MAX), EFFICACY_MAX)
        if teacher:
            old = st.f[st.held_row[b]].astype(np.int32)
            new = np.where(old > pr.fast_keep, old - (old - pr.fast_keep + 1) // 2, old)
            new[v] = min(old[v] + pr.fast_step, pr.fast_levels - 1)
            st.f[st.held_row[b]] = new
            self.count("fast_updates", int((new != old).sum()))

    def finish_key(self, p: int, k: int, cycle: int, now: int) -> None:
        """A key spike: recruitment if it is young, shunt of its pool, arrivals queued."""
        pr, st = self.pr, self.st
        st.spikes[k] += 1
        young = k >= pr.first[p] + st.mature[p]
        if young:
            parent, symbol = st.candidate[p].tolist()
            held = (st.parent == parent) & (st.symbol == symbol)
            if not held.any():
                st.parent[k], st.symbol[k] = parent, symbol
                st.mature[p] += 1
                self.tr.recruited[cycle, p] = k
                young = False
        st.v[self.pools[p]] = 0
        st.i[self.pools[p]] = 0
        st.ref[k] = pr.still[p]
        self.keys.append((now, k))
        self.count("key_spikes")
        if young:
            return
        for e in np.flatnonzero(pr.prime_pre == p):
            self.push(pr.prime_delay[e], PRIME, e, k)
        for b in np.flatnonzero(pr.branch_pool == p):
            self.push(pr.branch_delay[b], VALUE, b, k)

    def source(self, symbol: int) -> None:
        """A symbol spikes: its arrivals at drive, direct and teacher synapses are queued."""
        pr = self.pr
        for p in range(len(self.pools)):
            if pr.has_pool_parent[p] >= 0 and pr.drive[p, symbol]:
                self.push(pr.drive_delay[p], DRIVE, p, symbol)
            if pr.direct[p, symbol]:
                self.push(pr.direct_delay[p], DIRECT, p, symbol)
        self.push(pr.teacher_delay, TEACHER, 0, symbol)
        self.count("source_spikes")

    def step(self, cycle: int, phase: int, symbol: int, spike_step: int, following: int) -> None:
        """One grid step in the order of the specification."""
        pr, st, tr = self.pr, self.st, self.tr
        now = int(st.step[0])
        racing = phase >= pr.encoding
        gamma, inside = divmod(phase - pr.encoding, pr.gamma_steps)
        fired = self.integrate()
        winner, forced = self.race(now, phase)
        self.deliver(now)
        if winner >= 0:
            if racing:
                if st.race[0]:
                    tr.winners[cycle, gamma] = winner
                st.race[0] = 0
            self.outs.append((now, winner, int(forced)))
            self.count("output_spikes")
            self.learn(winner, now)
        if racing and st.race[0] and inside == pr.gamma_steps - 1:
            self.count("silent_races")
            st.race[0] = 0
        for p, k in enumerate(fired):
            if k >= 0:
                self.finish_key(p, k, cycle, now)
        if spike_step == now:
            self.source(symbol)
        self.count("steps")
        if phase == pr.period - 1:
            tr.potential[cycle] = self.potentials(now + 1)
            live = (st.held_row >= 0) & (now + 1 < st.held_until)
            key = st.held_row - pr.branch_first[:-1] + pr.first[pr.branch_pool]
            tr.held[cycle] = np.where(live, key, -1)
            if following >= 0:
                tr.share[cycle] = np.where(live, st.held_u[:, following], 0)
        st.step[0] = now + 1


def run(
    program: Program,
    state: State,
    symbols: np.ndarray,
    steps: np.ndarray,
    following: np.ndarray,
    trace: Trace,
) -> tuple[int, int]:
    """Run len(symbols) theta cycles; same contract as `cpu.run`."""  # fmt: skip
    machine = Reference(program, state, trace)
    for cycle in range(len(symbols)):
        for phase in range(program.period):
            machine.step(
                cycle, phase, int(symbols[cycle]), int(steps[cycle]), int(following[cycle])
            )
    keys, outs = machine.keys, machine.outs
    for target, column in ((trace.key_step, 0), (trace.key_id, 1)):
        target[: len(keys)] = [s[column] for s in keys]
    for target, column in ((trace.out_step, 0), (trace.out_id, 1), (trace.out_forced, 2)):
        target[: len(outs)] = [s[column] for s in outs]
    return len(keys), len(outs)
