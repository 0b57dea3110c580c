"""Circuit kernel in Triton, keys: integration, primes, drives, recruitment, shunt."""

from __future__ import annotations

import triton
import triton.language as tl

from bioplastic.kernels.circuit.gpu_common import (
    BLOCKED,
    CONDUCTED,
    EXHAUSTED,
    FAR,
    KEY_SPIKES,
    N_COUNTERS,
    NOBODY,
    adopt,
    child_of,
    excite,
    push,
)

BELOW = tl.constexpr(2**30 - 1)


@triton.jit
def integrate(pr, st, dv, rule, awake, tile: tl.constexpr):
    """Advance the awake keys; (spike of each pool, how many stay awake).

    A spike is (v, −key) in one int64, so the largest is the key with the largest v, then the lowest
    index. Keys at rest leave the list: it is written from the front while it is read.
    """
    pool = rule.zero + tl.arange(0, tile.P)
    fired = tl.full((tile.P,), NOBODY, tl.int64)
    kept = awake * 0
    for start in range(0, awake, tile.A):
        m = start + rule.zero + tl.arange(0, tile.A)
        inside = m < awake
        k = tl.load(dv.awake + m, mask=inside, other=0)
        p = tl.load(pr.pool_of + k, mask=inside, other=0)
        v = tl.load(st.v + k, mask=inside, other=0)
        i = tl.load(st.i + k, mask=inside, other=0).to(tl.int64)
        ref = tl.load(st.ref + k, mask=inside, other=0)
        free = ref == 0
        moved = v.to(tl.int64) * tl.load(pr.p_vv + p) + i * tl.load(pr.p_vi + p)
        moved = (moved + ((moved >> 63) & BELOW)) >> 30  # toward zero
        v = tl.where(free, moved.to(tl.int32), v)
        i *= tl.load(pr.p_ii + p)
        current = ((i + ((i >> 63) & BELOW)) >> 30).to(tl.int32)
        ref = tl.where(free, 0, ref - 1)
        over = inside & free & (v > tl.load(pr.v_th + p))
        spike = (v.to(tl.int64) << 32) + (0x7FFFFFFF - k).to(tl.int64)
        mine = over[None, :] & (p[None, :] == pool[:, None])
        fired = tl.maximum(fired, tl.max(tl.where(mine, spike[None, :], NOBODY), axis=1))
        stays = inside & ((v != 0) | (current != 0) | (ref > 0))
        place = kept + tl.cumsum(stays.to(tl.int32), 0) - 1
        tl.debug_barrier()
        tl.store(st.v + k, v, mask=inside)
        tl.store(st.i + k, current, mask=inside)
        tl.store(st.ref + k, ref, mask=inside)
        tl.store(dv.awake + place, k, mask=stays)
        tl.store(dv.mark + k, tl.zeros_like(k), mask=inside & (stays == 0))
        tl.debug_barrier()
        kept += tl.sum(stays.to(tl.int32))
    return fired, kept


@triton.jit
def arrive_primes(pr, st, dv, rule, key, now, counts, tile: tl.constexpr):
    """Prime arrivals, key (E,) = parent, −1 = none: each takes the place of the oldest."""
    e, m = rule.zero + tl.arange(0, tile.E), rule.zero + tl.arange(0, tile.K)
    hit = key >= 0
    there = hit[:, None] & (m < rule.slots)[None, :]
    cell = e[:, None] * rule.slots + m[None, :]
    until = tl.load(st.prime_until + cell, mask=there, other=FAR)
    oldest = until == tl.min(until, axis=1)[:, None]
    at = e * rule.slots + tl.min(tl.where(oldest, m[None, :], tile.K), axis=1)
    window = tl.load(pr.prime_window + e, mask=hit, other=0)
    reached = tl.load(dv.children + key, mask=hit, other=0)
    tl.debug_barrier()
    tl.store(st.prime_key + at, key, mask=hit)
    tl.store(st.prime_until + at, now + window, mask=hit)
    tl.debug_barrier()
    return counts + tl.where(rule.zero + tl.arange(0, N_COUNTERS) == CONDUCTED, tl.sum(reached), 0)


@triton.jit
def arrive_drives(pr, st, dv, rule, symbol, now, awake, counts, tile: tl.constexpr):
    """Drive arrivals, symbol (P,), −1 = none: gated synapses conduct, and the front neuron's."""
    p, m = rule.zero + tl.arange(0, tile.P), rule.zero + tl.arange(0, tile.K)
    driven = symbol >= 0
    e = tl.load(pr.has_pool_parent + p, mask=driven, other=0)
    first = tl.load(pr.first + p, mask=driven, other=0)
    beyond = tl.load(pr.first + p + 1, mask=driven, other=0)
    after = tl.load(pr.prime_after + e, mask=driven, other=0)
    front = first + tl.load(st.mature + p, mask=driven, other=0)
    here = p * rule.symbols + symbol
    mature = tl.load(dv.by_symbol + here, mask=driven, other=0)
    jump = tl.load(pr.drive + here, mask=driven, other=0)
    young_jump = tl.load(pr.drive_young + here, mask=driven, other=0)

    there = driven[:, None] & (m < rule.slots)[None, :]
    cell = e[:, None] * rule.slots + m[None, :]
    until = tl.load(st.prime_until + cell, mask=there, other=0)
    gates = there & (until > now)
    key = tl.load(st.prime_key + cell, mask=gates, other=0)
    eligible = gates & (tl.load(st.spikes + key, mask=gates, other=0) >= after[:, None])
    latest = tl.max(tl.where(eligible, until, 0), axis=1)
    last = eligible & (until == latest[:, None])
    parent = tl.max(tl.where(last, key, -1), axis=1)

    symbols = tl.broadcast_to(symbol[:, None], (tile.P, tile.K))
    child = child_of(st, dv, rule, key, symbols, gates)
    jumps = tl.broadcast_to(jump[:, None], (tile.P, tile.K))
    LANES: tl.constexpr = tile.P * tile.K
    lanes = tl.reshape(child, (LANES,))
    reached, awake = excite(
        st, dv, rule, lanes, lanes >= 0, tl.reshape(jumps, (LANES,)), awake, LANES
    )  # a parent that primed twice opens its child once
    passed = tl.sum(tl.reshape(reached.to(tl.int32), (tile.P, tile.K)), axis=1)
    grows = (parent >= 0) & (front < beyond)
    _, awake = excite(st, dv, rule, front, grows, young_jump, awake, tile.P)
    tl.store(st.candidate + 2 * p, parent, mask=grows)
    tl.store(st.candidate + 2 * p + 1, symbol, mask=grows)
    tl.debug_barrier()
    full = (parent >= 0) & (front >= beyond) & (passed == 0)
    name = rule.zero + tl.arange(0, N_COUNTERS)
    counts += tl.where(name == CONDUCTED, tl.sum(passed + grows.to(tl.int32)), 0)
    counts += tl.where(name == BLOCKED, tl.sum(mature - passed), 0)
    counts += tl.where(name == EXHAUSTED, tl.sum(full.to(tl.int32)), 0)
    return awake, counts


@triton.jit
def arrive_direct(pr, st, dv, rule, symbol, awake, counts, tile: tl.constexpr):
    """Direct arrivals, symbol (P,), −1 = none: neuron 0 of the pool is driven without a gate."""
    p = rule.zero + tl.arange(0, tile.P)
    hit = symbol >= 0
    k = tl.load(pr.first + p, mask=hit, other=0)
    jump = tl.load(pr.direct + p * rule.symbols + symbol, mask=hit, other=0)
    _, awake = excite(st, dv, rule, k, hit, jump, awake, tile.P)
    n = tl.sum(hit.to(tl.int32))
    return awake, counts + tl.where(rule.zero + tl.arange(0, N_COUNTERS) == CONDUCTED, n, 0)


@triton.jit
def _recruit(st, dv, tr, rule, cycle, p, k, young, tile: tl.constexpr):
    """Young keys take the context of the drive that reached them last, unless it is taken."""
    parent = tl.load(st.candidate + 2 * p, mask=young, other=-1)
    symbol = tl.load(st.candidate + 2 * p + 1, mask=young, other=-1)
    asked = young & (parent >= 0)
    new = asked & (child_of(st, dv, rule, parent, symbol, asked) < 0)
    if tl.sum(new.to(tl.int32)) > 0:
        here = p * rule.symbols + symbol
        mature = tl.load(st.mature + p, mask=new, other=0)
        children = tl.load(dv.children + parent, mask=new, other=0)
        alike = tl.load(dv.by_symbol + here, mask=new, other=0)
        tl.debug_barrier()
        tl.store(st.parent + k, parent, mask=new)
        tl.store(st.symbol + k, symbol, mask=new)
        tl.store(st.mature + p, mature + 1, mask=new)
        tl.store(dv.children + parent, children + 1, mask=new)
        tl.store(dv.by_symbol + here, alike + 1, mask=new)
        tl.store(tr.recruited + cycle * rule.pools + p, k, mask=new)
        tl.debug_barrier()
        for one in range(rule.pools):
            this = new & (p == one)
            if tl.sum(this.to(tl.int32)) > 0:
                its_parent = tl.max(tl.where(this, parent, -1))
                its_symbol = tl.max(tl.where(this, symbol, -1))
                adopt(dv, rule, its_parent, its_symbol, tl.max(tl.where(this, k, -1)))
    return new


@triton.jit
def _shunt(pr, st, dv, rule, hit, awake, tile: tl.constexpr):
    """Potential and current of the pools that spiked ← 0; only awake keys have any."""
    pool = rule.zero + tl.arange(0, tile.P)
    for start in range(0, awake, tile.A):
        m = start + rule.zero + tl.arange(0, tile.A)
        inside = m < awake
        k = tl.load(dv.awake + m, mask=inside, other=0)
        p = tl.load(pr.pool_of + k, mask=inside, other=0)
        same = hit[:, None] & (p[None, :] == pool[:, None])
        shunted = inside & (tl.max(same.to(tl.int32), axis=0) > 0)
        tl.store(st.v + k, tl.zeros_like(k), mask=shunted)
        tl.store(st.i + k, tl.zeros_like(k), mask=shunted)
    tl.debug_barrier()


@triton.jit
def finish_keys(
    pr, st, dv, tr, rule, cycle, now, fired, awake, written, counts, tile: tl.constexpr
):
    """Key spikes, fired (P,): recruitment, shunt, record, arrivals queued."""
    p = rule.zero + tl.arange(0, tile.P)
    hit = fired > NOBODY
    k = tl.where(hit, 0x7FFFFFFF - (fired & 0xFFFFFFFF), 0).to(tl.int32)
    first = tl.load(pr.first + p, mask=hit, other=0)
    young = hit & (k >= first + tl.load(st.mature + p, mask=hit, other=0))
    spikes = tl.load(st.spikes + k, mask=hit, other=0)
    still = tl.load(pr.still + p, mask=hit, other=0)
    tl.debug_barrier()
    new = _recruit(st, dv, tr, rule, cycle, p, k, young, tile)
    _shunt(pr, st, dv, rule, hit, awake, tile)
    at = written + tl.cumsum(hit.to(tl.int32), 0) - 1
    tl.store(st.spikes + k, spikes + 1, mask=hit)
    tl.store(st.ref + k, still, mask=hit)
    tl.store(tr.key_step + at, tl.broadcast_to(now, (tile.P,)), mask=hit)
    tl.store(tr.key_id + at, k, mask=hit)
    tl.debug_barrier()

    j = rule.zero + tl.arange(0, tile.M)
    there = j < rule.emits
    pool = tl.load(pr.emit_pool + j, mask=there, other=-1)
    delay = tl.load(pr.emit_delay + j, mask=there, other=1)
    kind = tl.load(pr.emit_kind + j, mask=there, other=0)
    index = tl.load(pr.emit_index + j, mask=there, other=0)
    grown = hit & ((young == 0) | new)
    same = grown[None, :] & (pool[:, None] == p[None, :])
    key = tl.max(tl.where(same, k[None, :], -1), axis=1)
    push(st, rule, now, key >= 0, delay, kind, index, key, tile.M)
    n = tl.sum(hit.to(tl.int32))
    return written + n, counts + tl.where(rule.zero + tl.arange(0, N_COUNTERS) == KEY_SPIKES, n, 0)


@triton.jit
def source_spike(pr, st, rule, symbol, now, tile: tl.constexpr):
    """A symbol spikes: its arrivals at drive, direct and teacher synapses are queued."""
    j = rule.zero + tl.arange(0, tile.M)
    there = j < rule.sources
    due = tl.load(pr.source_wired + j * rule.symbols + symbol, mask=there, other=0) != 0
    delay = tl.load(pr.source_delay + j, mask=there, other=1)
    kind = tl.load(pr.source_kind + j, mask=there, other=0)
    index = tl.load(pr.source_index + j, mask=there, other=0)
    push(st, rule, now, due, delay, kind, index, tl.broadcast_to(symbol, (tile.M,)), tile.M)
