"""Populations of a Loihi network as nodes of the Neuromorphic Intermediate Representation (NIR).

One unit of v in NIR is one least significant bit of v on the chip; a weight is the charge that a
spike brings, weight·2^(6 + exponent); time is in seconds. With explicit Euler steps of dt,
    dv = 0      IF with r = 1/dt:                v ← v + I
    memoryless  LIF with tau = dt, r = 1:        v ← I; only where what v keeps cannot move a spike
    else        LIF with tau = dt·4096/dv, r = tau/dt, or CubaLIF for du < 4095
NIR knows no rounding, no refractory period and no width of v: `inexact` says where that matters.
A node here is a dict as nir's own to_dict makes it.
Source: Pedersen et al. 2024 [pedersen2024].
"""

from __future__ import annotations

from math import gcd
from typing import Any

import numpy as np

from bioplastic.quantize.loihi import DECAY_MAX, SHIFT, STATE_BITS, LoihiNetwork, LoihiPopulation

Tree = dict[str, Any]
UNIT = 1 << 12
"""Decays of the chip count in parts of 4096."""


def charges(network: LoihiNetwork, name: str) -> tuple[np.ndarray, np.ndarray]:
    """What spikes can bring to a population: (post index, charge) of all its synapses."""
    into = [q for q in network.projections if q.post == name]
    none = np.zeros(0, np.int64)
    return (
        np.concatenate([none, *(np.asarray(q.j, np.int64) for q in into)]),
        np.concatenate([none, *(np.asarray(q.charge, np.int64) for q in into)]),
    )


def memoryless(network: LoihiNetwork, p: LoihiPopulation) -> bool:
    """Whether what v keeps from step to step can never decide about a spike.

    With dv = 4095, v keeps at most r = v/4096 of itself, rounded towards zero. Currents are
    multiples of g, the greatest common divisor of all charges. No spike moves if the largest
    multiple up to the threshold plus r stays at or below it, and the next one less r above it.
    """
    if p.du != DECAY_MAX or p.dv != DECAY_MAX or p.refractory != 1 or p.bias.any():
        return False
    post, charge = charges(network, p.name)
    step = gcd(*charge.tolist())
    if step == 0:
        return True
    threshold = p.vth << SHIFT
    down = np.bincount(post, weights=np.minimum(charge, 0), minlength=p.size)
    above, below = threshold // UNIT, -(-int(-down.min(initial=0)) // (UNIT - 1))
    last = threshold // step * step
    return bool(last + above <= threshold < last + step - below)


def unlike(network: LoihiNetwork, p: LoihiPopulation) -> str:
    """What the chip does and the node of a population does not; "" where there is nothing."""
    if p.refractory != 1:
        return f"a refractory period of {p.refractory} steps, which NIR has not"
    post, charge = charges(network, p.name)
    most = np.bincount(post, weights=np.abs(charge), minlength=p.size).max(initial=0)
    if most >= 1 << (STATE_BITS - 1):
        return f"charges of one step can add up to {int(most):,}: u wraps at 24 bits on the chip"
    return ""


def rounded(network: LoihiNetwork, p: LoihiPopulation) -> str:
    """What the chip rounds and NIR does not; "" where there is nothing or it moves no spike."""
    if p.du != DECAY_MAX:
        return f"u decays (du = {p.du}) and is rounded on the chip, not in NIR"
    if p.dv and not memoryless(network, p):
        return f"v decays (dv = {p.dv}) and is rounded on the chip, not in NIR"
    return ""


def inexact(network: LoihiNetwork, p: LoihiPopulation) -> str:
    """Why the node of a population may spike at other steps than the chip; "" where it cannot.

    `rounding.undecided` says whether it does so in a given trace.
    """
    return unlike(network, p) or rounded(network, p)


def scale(network: LoihiNetwork, p: LoihiPopulation) -> float:
    """What a unit of current must be multiplied with for a reader that takes r of a LIF as 1."""
    if p.du != DECAY_MAX or p.dv == 0 or memoryless(network, p):
        return 1.0
    return UNIT / p.dv


def neuron(network: LoihiNetwork, p: LoihiPopulation, *, unit_r: bool) -> Tree:
    """The node of a population; its metadata hold what the chip holds.

    unit_r   r of a LIF is 1 and its input is scaled instead (`scale`), for readers that ignore r
    """

    def each(value: float) -> np.ndarray:
        return np.full(p.size, value, np.float64)

    dt = network.dt
    threshold = {"v_threshold": each(p.vth << SHIFT), "v_reset": each(0)}
    kept: Tree = {"population": p.name, "du": p.du, "dv": p.dv, "vth": p.vth,
                  "bias_exponent": p.bias_exponent, "refractory": p.refractory}  # fmt: skip
    if len(p.bias_mantissa):
        kept["bias_mantissa"] = np.asarray(p.bias_mantissa, np.int64)
    if p.du == DECAY_MAX and p.dv == 0:
        return {"type": "IF", "r": each(1 / dt), **threshold, "metadata": kept}
    if p.dv == 0:  # u decays and v does not: as slow a leak as a float can hold beside 24 bits
        gain, tau = 2.0**STATE_BITS, dt * 2.0**STATE_BITS
    elif memoryless(network, p):
        gain, tau = 1.0, dt
    else:
        gain, tau = UNIT / p.dv, dt * UNIT / p.dv
    leak = each(0) + p.bias * gain
    if p.du == DECAY_MAX:
        r = 1.0 if unit_r else gain
        return {"type": "LIF", "tau": each(tau), "r": each(r), "v_leak": leak, **threshold,
                "metadata": kept}  # fmt: skip
    slow = UNIT / (p.du + 1)
    return {"type": "CubaLIF", "tau_syn": each(dt * slow), "tau_mem": each(tau), "r": each(gain),
            "v_leak": leak, "w_in": each(slow), **threshold, "metadata": kept}  # fmt: skip


def relay(size: int, dt: float, threshold: float) -> Tree:
    """Neurons that hand on a spike at once (threshold 0.5) or never (one that no sum reaches)."""

    def each(value: float) -> np.ndarray:
        return np.full(size, value, np.float64)

    return {"type": "IF", "r": each(1 / dt), "v_threshold": each(threshold), "v_reset": each(0),
            "metadata": {}}  # fmt: skip


def linear(weight: np.ndarray, **metadata: Any) -> Tree:
    """A matrix (post, pre)."""
    return {"type": "Linear", "weight": weight, "metadata": metadata}


def ends(size: int) -> tuple[Tree, Tree]:
    """The Input and Output nodes of a graph with `size` lanes."""
    shape = np.array([size], np.int64)
    return ({"type": "Input", "shape": shape, "metadata": {}},
            {"type": "Output", "shape": shape, "metadata": {}})  # fmt: skip
