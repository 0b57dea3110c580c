"""Circuit kernel in Triton: where the arrays of one circuit lie in those of the batch."""

from __future__ import annotations

import triton
import triton.language as tl

from bioplastic.kernels.circuit.gpu_common import N_COUNTERS
from bioplastic.kernels.circuit.gpu_program import Derived, Rule
from bioplastic.quantize.circuit_program import State, Trace


@triton.jit
def state_of(st, r, g):
    """Pointers to the state of circuit g."""
    g = g.to(tl.int64)  # a batch may hold more than 2³¹ synapses
    keys, pools, rows, branches = g * r.keys, g * r.pools, g * r.rows, g * r.branches
    primes, symbols, delays = g * r.edges * r.slots, g * r.symbols, g * r.delays
    synapses, held = rows * r.symbols, branches * r.symbols
    return State(
        st.step + g, st.v + keys, st.i + keys, st.ref + keys, st.parent + keys, st.symbol + keys,
        st.spikes + keys, st.mature + pools, st.candidate + pools * 2, st.prime_key + primes,
        st.prime_until + primes, st.arrivals + rows, st.w + synapses, st.f + synapses,
        st.gain + branches * r.bins, st.fast + branches * r.levels, st.held_row + branches,
        st.held_until + branches, st.held_n + branches, st.held_w + held, st.held_f + held,
        st.held_u + held, st.noise + symbols, st.race + g, st.forced + symbols,
        st.queue + delays * r.width * 3, st.queued + delays,
    )  # fmt: skip


@triton.jit
def derived_of(dv, r, g):
    """Pointers to the launch's own arrays of circuit g."""
    g = g.to(tl.int64)
    keys = g * r.keys
    return Derived(
        dv.awake + keys, dv.awake_count + g, dv.mark + keys, dv.child + g * r.cells,
        dv.children + keys, dv.by_symbol + g * r.pools * r.symbols,
    )  # fmt: skip


@triton.jit
def trace_of(tr, r, g):
    """Pointers to what circuit g records."""
    g = g.to(tl.int64)
    cycles, keys, outs = g * r.cycles, g * r.key_room, g * r.out_room
    branches = cycles * r.branches
    return Trace(
        tr.potential + cycles * r.symbols, tr.held + branches, tr.share + branches,
        tr.winners + cycles * r.gamma, tr.recruited + cycles * r.pools, tr.key_step + keys,
        tr.key_id + keys, tr.out_step + outs, tr.out_id + outs, tr.out_forced + outs,
        tr.counts + g * N_COUNTERS,
    )  # fmt: skip


@triton.jit
def with_zero(r, zero):
    """The same numbers with the `zero` of this step."""
    zero = zero.to(tl.int32)
    return Rule(
        r.symbols, r.pools, r.keys, r.rows, r.edges, r.slots, r.branches, r.bins, r.levels,
        r.n_cap, r.delays, r.width, r.emits, r.sources, r.cells, r.key_room, r.out_room, r.cycles,
        r.period, r.encoding, r.gamma, r.gamma_steps, r.gain_plus, r.gain_minus, r.gain_max,
        r.fast_levels, r.fast_step, r.fast_keep, r.fast_plus, r.fast_minus, r.spare,
        r.ramp_start, r.ramp_slope, r.w_max, zero,
    )  # fmt: skip
