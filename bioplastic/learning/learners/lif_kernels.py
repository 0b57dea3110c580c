"""Compiled steps of the LIF network and of its learning rules; one thread, float32 or float64.

Rows of `w` are pre-synaptic: D inputs, then N neurons; columns are post-synaptic neurons. So one
spike adds one contiguous row. All arrays of a call have one floating type, spikes are uint8.
`constants` holds α, ρ, β, κ, v_th in that type; the first A neurons have adaptive thresholds.
"""

from __future__ import annotations

import numba as nb
import numpy as np

ALPHA, RHO, BETA, KAPPA, V_TH = range(5)
INPUT_ACS, RECURRENT_ACS, READOUT_ACS, SPIKES = range(4)


@nb.njit(cache=True)
def advance(
    x: np.ndarray,
    w: np.ndarray,
    w_out: np.ndarray,
    state: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    alive: np.ndarray,
    degree: tuple[np.ndarray, np.ndarray],
    constants: np.ndarray,
    tape: tuple[np.ndarray, np.ndarray, np.ndarray],
    counts: np.ndarray,
) -> None:
    """Run the steps of one symbol; the input spikes arrive at the first.

    x (D,)        uint8 input spikes
    w (D + N, N), w_out (N, K)   weights in units of v_th
    state         v (N,), a (A,), z (N,), y (K,): changed in place
    alive (N,)    uint8; 0: the neuron never spikes
    degree        (D + N,) and (N,) int64: synapses that leave each input or neuron
    tape          q (S, D + N) uint8 what arrived, z (S, N) uint8 spikes, u (S, N) distance from
                  threshold in units of v_th: written
    counts (4,)   int64: accumulates of input, recurrence, readout; spikes: added to
    """
    v, a, z, y = state
    q, spikes, u = tape
    alpha, rho, beta, kappa = constants[ALPHA], constants[RHO], constants[BETA], constants[KAPPA]
    v_th = constants[V_TH]
    inputs, neurons = len(x), len(v)
    for s in range(len(u)):
        for j in range(neurons):
            v[j] = alpha * v[j] - v_th * z[j]
        for j in range(len(a)):
            a[j] = rho * a[j] + z[j]
        for i in range(inputs):
            q[s, i] = x[i] if s == 0 else 0
            if q[s, i]:
                counts[INPUT_ACS] += degree[0][i]
                for j in range(neurons):
                    v[j] += w[i, j]
        for i in range(neurons):
            q[s, inputs + i] = z[i] > 0
            if q[s, inputs + i]:
                counts[RECURRENT_ACS] += degree[0][inputs + i]
                for j in range(neurons):
                    v[j] += w[inputs + i, j]
        for j in range(neurons):
            u[s, j] = (v[j] - v_th) / v_th
        for j in range(len(a)):
            u[s, j] = (v[j] - v_th - beta * a[j]) / v_th
        for k in range(len(y)):
            y[k] *= kappa
        for j in range(neurons):
            fired = u[s, j] > 0 and alive[j] != 0
            spikes[s, j] = fired
            z[j] = spikes[s, j]
            if fired:
                counts[SPIKES] += 1
                counts[READOUT_ACS] += degree[1][j]
                for k in range(len(y)):
                    y[k] += w_out[j, k]


@nb.njit(cache=True, fastmath={"reassoc", "contract"})
def _dot(a: np.ndarray, b: np.ndarray) -> float:
    """Σ a b; the order of the sum is the compiler's, so that it may use wide registers."""
    total = a[0] * b[0]
    for k in range(1, len(a)):
        total += a[k] * b[k]
    return total


@nb.njit(cache=True)
def backward(
    w: np.ndarray,
    w_out: np.ndarray,
    constants: np.ndarray,
    tape: tuple[np.ndarray, np.ndarray],
    psi: np.ndarray,
    error: np.ndarray,
    adaptive: int,
    gradients: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> float:
    """Adjoint of `advance` over a stretch, backwards in time; return its multiply-accumulates.

    tape       q (T, D + N) and z (T, N) uint8 of the stretch, T = symbols times steps
    psi (T, N)     ∂z/∂v of the surrogate; where it is 0 nothing is computed
    error (L, K)   ∂loss/∂y at the last step of each symbol
    gradients      of w, w_out and bias: added to
    The reset is a fact: no gradient runs through it. Into the adaptation it does.
    """
    q, z = tape
    dw, dout, dbias = gradients
    alpha, rho, beta, kappa = constants[ALPHA], constants[RHO], constants[BETA], constants[KAPPA]
    inputs, neurons, outputs = len(w) - w.shape[1], w.shape[1], w_out.shape[1]
    steps = len(psi) // len(error)
    gv, delta = np.zeros_like(w[0]), np.zeros_like(w[0])
    ga = np.zeros(adaptive, w.dtype)
    gy = np.zeros_like(w_out[0])
    macs = 0
    for t in range(len(psi) - 1, -1, -1):
        macs += outputs + neurons + 2 * adaptive
        for k in range(outputs):
            gy[k] *= kappa
        if t % steps == steps - 1:
            for k in range(outputs):
                gy[k] += error[t // steps, k]
                dbias[k] += error[t // steps, k]
        for j in range(neurons):
            delta[j] = 0
            if psi[t, j] != 0:
                g = _dot(w_out[j], gy) + _dot(w[inputs + j], gv)
                if j < adaptive:
                    g += ga[j]
                delta[j] = psi[t, j] * g
                macs += outputs + neurons + 1
            if z[t, j]:
                macs += outputs
                for k in range(outputs):
                    dout[j, k] += gy[k]
        for j in range(adaptive):
            ga[j] = rho * ga[j] - beta * delta[j]
        for j in range(neurons):
            gv[j] = alpha * gv[j] + delta[j]
        for i in range(len(w)):
            if q[t, i]:
                macs += neurons
                for j in range(neurons):
                    dw[i, j] += gv[j]
    return float(macs)


@nb.njit(cache=True)
def _symbol(
    constants: np.ndarray, psi: np.ndarray, adaptive: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """What the steps of a symbol do to traces, as one linear map; ε_a, ē of before, x̄ of each step.

    ε_a ← stay ε_a + Σ_s into_s x̄_s;   ē ← κ^S ē + leak ε_a + Σ_s through_s x̄_s
    stay, leak (A,), into (S, A), through (S, N): they depend on the post-synaptic neuron alone.
    """
    rho, beta, kappa = constants[RHO], constants[BETA], constants[KAPPA]
    steps, neurons = psi.shape
    stay, leak = np.ones(adaptive, psi.dtype), np.zeros(adaptive, psi.dtype)
    into, through = np.zeros((steps, adaptive), psi.dtype), np.zeros((steps, neurons), psi.dtype)
    for s in range(steps):
        for r in range(s):
            for j in range(neurons):
                through[r, j] *= kappa
            for j in range(adaptive):
                through[r, j] -= beta * psi[s, j] * into[r, j]
                into[r, j] *= rho - beta * psi[s, j]
        for j in range(neurons):
            through[s, j] = psi[s, j]
        for j in range(adaptive):
            into[s, j] = psi[s, j]
            leak[j] = kappa * leak[j] - beta * psi[s, j] * stay[j]
            stay[j] *= rho - beta * psi[s, j]
    return stay, leak, into, through


@nb.njit(cache=True)
def eligibility(
    constants: np.ndarray,
    q: np.ndarray,
    psi: np.ndarray,
    traces: tuple[np.ndarray, np.ndarray, np.ndarray],
    signal: np.ndarray,
    gradient: np.ndarray,
) -> float:
    """Carry all eligibility traces over the steps of one symbol; return multiply-accumulates.

    q (S, D + N)  uint8 what arrived; psi (S, N) ∂z/∂v
    traces        x̄ (D + N,), ε_a (D + N, A), ē (D + N, N): changed in place
    signal (N,)   learning signal at the last step, or (0,): none is given
    gradient (D + N, N)   signal_j ē_ij is added

        x̄ ← α x̄ + q;   e_ij = ψ_j (x̄_i − β ε_a,ij);   ε_a ← ρ ε_a + e;   ē ← κ ē + e

    The steps are linear in the traces with coefficients of the post-synaptic neuron, so ε_a and ē
    are written once for all steps (`_symbol`), not once for each.
    """
    mean, slow, filtered = traces
    steps, neurons = psi.shape
    adaptive = slow.shape[1]
    alpha, keep = constants[ALPHA], constants[KAPPA]
    for _ in range(1, steps):
        keep *= constants[KAPPA]
    stay, leak, into, through = _symbol(constants, psi, adaptive)
    for i in range(len(mean)):
        slow_i, filtered_i = slow[i], filtered[i]
        for j in range(neurons):
            filtered_i[j] *= keep
        for j in range(adaptive):
            filtered_i[j] += leak[j] * slow_i[j]
            slow_i[j] *= stay[j]
        for s in range(steps):
            mean[i] = alpha * mean[i] + q[s, i]
            m = mean[i]
            for j in range(neurons):
                filtered_i[j] += through[s, j] * m
            for j in range(adaptive):
                slow_i[j] += into[s, j] * m
        if len(signal):
            gradient_i = gradient[i]
            for j in range(neurons):
                gradient_i[j] += signal[j] * filtered_i[j]
    pairs = steps * (steps - 1) // 2
    macs = pairs * (neurons + 2 * adaptive) + 3 * steps * adaptive
    macs += len(mean) * (steps + neurons + 2 * adaptive + steps * (neurons + adaptive))
    return float(macs + (len(mean) * neurons if len(signal) else 0))


@nb.njit(cache=True)
def settle(flat: np.ndarray) -> None:
    """Set what is all but gone (|x| < 1e-25) to 0: subnormal numbers would be slow."""
    for i in range(len(flat)):
        if -1e-25 < flat[i] < 1e-25:
            flat[i] = 0


@nb.njit(cache=True)
def adam(
    flat: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray],
    betas: tuple[float, float],
    rate: float,
    scale: float,
    epsilon: float,
    step: int,
) -> None:
    """One step of Adam on flat arrays: weights, gradient (set to 0 after), m, v, mask (uint8)."""
    w, g, m, v, mask = flat
    one = w.dtype.type(1)
    b1, b2, c = w.dtype.type(betas[0]), w.dtype.type(betas[1]), w.dtype.type(scale)
    first = w.dtype.type(rate / (1.0 - betas[0] ** step))
    second = w.dtype.type(1.0 / (1.0 - betas[1] ** step))
    small = w.dtype.type(epsilon)
    for i in range(len(w)):
        d = c * g[i]
        g[i] = 0
        m[i] = b1 * m[i] + (one - b1) * d
        v[i] = b2 * v[i] + (one - b2) * d * d
        if mask[i]:
            w[i] -= first * m[i] / (np.sqrt(v[i] * second) + small)
