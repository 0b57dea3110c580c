"""The readout of dendritic attention in floating point, and its gradient, one symbol at a time.

    u_v = Σ_b g_b w[row_b, v] + E_b[f[row_b, v]],   loss = −ln softmax(u)_y,   δ = softmax(u) − 1_y
    ∂/∂w[row_b, v] = g_b δ_v,   ∂/∂g_b = Σ_v w δ_v,   ∂/∂E_b[l] = Σ_{v: f = l} δ_v

the equations of `bridge.twin_attention.AttentionTwin`; only the rows of the nine or so keys that
are active are visited. Shapes: B branches, R rows, V outputs, G gain bins, F levels of fast states.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba as nb
import numpy as np

from bioplastic.philox import philox4x32

SGD, ADAGRAD, ADAM = range(3)
ROUND = 3
"""Kind of the random stream of stochastic rounding."""
EPSILON = 1e-8


class Values(NamedTuple):
    """What backpropagation moves, and what it keeps beside it; float64 unless said.

    w, w_one, w_two (R, V)   weights in nats, first and second moment of their gradients
    f (R, V) int8            fast states        intact (R, V) bool    False: lesioned for good
    n (R,) int64             arrivals           updates (R,) int64    gradient steps of a row
    g… (B, G), e… (B, F)     gains and worths with their moments; t… (B, G) int64 their steps
    """

    w: np.ndarray
    w_one: np.ndarray
    w_two: np.ndarray
    f: np.ndarray
    intact: np.ndarray
    n: np.ndarray
    updates: np.ndarray
    g: np.ndarray
    g_one: np.ndarray
    g_two: np.ndarray
    t: np.ndarray
    e: np.ndarray
    e_one: np.ndarray
    e_two: np.ndarray


class Rule(NamedTuple):
    """How a gradient becomes a step.

    kind          SGD, ADAGRAD or ADAM       rate   of weights
    gain_rate, worth_rate   of gains, of worths of fast states
    power, least  SGD takes max(rate/(1 + n)^power, least), n earlier arrivals of the key
    one, two      decay of Adam's moments
    silent        True: weights of outputs in fast state 0 stand still, as theta STDP has it
    quantum       0, or the grid in nats on which weights are rounded stochastically
    w_max         bound of weights, nats; used with a grid
    step, keep    competition of fast states, as in `FastState`; step 0: none
    """

    kind: int
    rate: float
    gain_rate: float
    worth_rate: float
    power: float
    least: float
    one: float
    two: float
    silent: bool
    quantum: float
    w_max: float
    step: int
    keep: int
    seed: int


_njit: Any = nb.njit(cache=True, error_model="numpy")


@_njit
def forward(values: Any, rows: Any, bins: Any, u: Any) -> None:
    """u (V,) of active rows (B,), −1 = none, with gain bins (B,)."""
    u[:] = 0.0
    for b in range(len(rows)):
        r = rows[b]
        if r < 0:
            continue
        gain = values.g[b, bins[b]]
        for v in range(len(u)):
            u[v] += gain * values.w[r, v]
            if values.f[r, v] > 0:
                u[v] += values.e[b, values.f[r, v]]


@_njit
def softmax(u: Any, p: Any) -> None:
    """p = softmax(u)."""
    top, total = u.max(), 0.0
    for v in range(len(u)):
        p[v] = np.exp(u[v] - top)
        total += p[v]
    for v in range(len(u)):
        p[v] /= total


@_njit
def gradient(values: Any, rows: Any, bins: Any, delta: Any, dw: Any, dg: Any, de: Any) -> None:
    """Gradient of one loss: dw (B, V) for the active rows, dg (B,) for their bins, de (B, F)."""
    dw[:], dg[:], de[:] = 0.0, 0.0, 0.0
    for b in range(len(rows)):
        r = rows[b]
        if r < 0:
            continue
        gain = values.g[b, bins[b]]
        for v in range(len(delta)):
            dw[b, v] = gain * delta[v]
            dg[b] += values.w[r, v] * delta[v]
            if values.f[r, v] > 0:
                de[b, values.f[r, v]] += delta[v]


@_njit
def _step(rule: Any, rate: float, slope: float, one: Any, two: Any, at: Any, count: int) -> float:
    """The change that a gradient asks for; moments move in place."""
    if rule.kind == SGD:
        return -rate * slope
    if rule.kind == ADAGRAD:
        two[at] += slope * slope
        return -rate * slope / (np.sqrt(two[at]) + EPSILON)
    one[at] = rule.one * one[at] + (1.0 - rule.one) * slope
    two[at] = rule.two * two[at] + (1.0 - rule.two) * slope * slope
    first = one[at] / (1.0 - rule.one**count)
    second = two[at] / (1.0 - rule.two**count)
    return -rate * first / (np.sqrt(second) + EPSILON)


@_njit
def _rounded(rule: Any, w: float, row: int, v: int, clock: int) -> float:
    """w on the grid, up or down with the probability that keeps its mean, within ±w_max."""
    word = philox4x32(row, v, clock, ROUND, rule.seed, 0)[0]
    whole = np.floor(w / rule.quantum + np.float64(word) / 4294967296.0)
    return min(max(whole * rule.quantum, -rule.w_max), rule.w_max)


@_njit
def _descend(
    values: Any, rule: Any, rows: Any, bins: Any, ns: Any, dw: Any, dg: Any, de: Any, clock: int
) -> None:
    for b in range(len(rows)):
        r = rows[b]
        if r < 0:
            continue
        values.updates[r] += 1
        values.t[b, bins[b]] += 1
        rate = rule.rate
        if rule.kind == SGD:
            rate = max(rate / (1.0 + ns[b]) ** rule.power, rule.least)
        for v in range(dw.shape[1]):
            if not values.intact[r, v] or (rule.silent and values.f[r, v] == 0):
                continue
            w = values.w[r, v] + _step(
                rule, rate, dw[b, v], values.w_one, values.w_two, (r, v), values.updates[r]
            )
            if rule.quantum > 0.0:
                w = _rounded(rule, w, r, v, clock)
            values.w[r, v] = w
        count = values.t[b, bins[b]]
        values.g[b, bins[b]] += _step(
            rule, rule.gain_rate, dg[b], values.g_one, values.g_two, (b, bins[b]), count
        )
        for level in range(1, values.e.shape[1]):
            values.e[b, level] += _step(
                rule, rule.worth_rate, de[b, level], values.e_one, values.e_two, (b, level), count
            )


@_njit
def _compete(values: Any, rule: Any, rows: Any, y: int) -> None:
    """Fast states of the active rows after y came: as the circuit's teacher spike moves them."""
    top = values.e.shape[1] - 1
    for b in range(len(rows)):
        r = rows[b]
        if r < 0:
            continue
        old = values.f[r, y]
        for v in range(values.f.shape[1]):
            above = values.f[r, v] - rule.keep
            if above > 0:
                values.f[r, v] -= (above + 1) // 2
        if values.intact[r, y]:
            values.f[r, y] = min(old + rule.step, top)


@_njit
def go(
    values: Any, rule: Any, bin_of: Any, rows: Any, ns: Any, following: Any, targets: Any,
    clock: int, learning: bool, u: Any,
) -> int:  # fmt: skip
    """Predict and learn L symbols; returns how many synapses with f > 0 heard a key.

    rows, ns (B,)      active rows before the first symbol and their n; moved on in place
    following (L, B)   active rows after each symbol
    targets (L,)       the symbols              u (L, V)   filled: potentials before each symbol
    """
    size, many = u.shape[1], len(rows)
    delta, dw = np.empty(size), np.empty((many, size))
    dg, de = np.empty(many), np.empty((many, values.e.shape[1]))
    bins, heard = np.empty(many, np.int64), 0
    for t in range(len(targets)):
        for b in range(many):
            bins[b] = bin_of[min(ns[b], len(bin_of) - 1)]
            if rows[b] >= 0:
                heard += (values.f[rows[b]] > 0).sum()
        forward(values, rows, bins, u[t])
        if learning:
            y = targets[t]
            softmax(u[t], delta)
            delta[y] -= 1.0
            gradient(values, rows, bins, delta, dw, dg, de)
            _descend(values, rule, rows, bins, ns, dw, dg, de, clock + t)
            if rule.step > 0:
                _compete(values, rule, rows, y)
        for b in range(many):
            rows[b] = following[t, b]
            if rows[b] >= 0:
                ns[b] = values.n[rows[b]]
                if learning:
                    values.n[rows[b]] += 1
    return heard


@_njit
def numbered(table: Any, keys: Any, count: int) -> int:
    """Replace keys (L, B) by their rows, in place; new ones get the next row. Returns how many."""
    for t in range(keys.shape[0]):
        for b in range(keys.shape[1]):
            k = keys[t, b]
            if k >= 0:
                if table[b, k] < 0:
                    table[b, k] = count
                    count += 1
                keys[t, b] = table[b, k]
    return count
