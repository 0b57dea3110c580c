"""Balanced random networks of Vogels & Abbott: current-based (CUBA) and conductance-based (COBA).

80 % of the neurons excite, 20 % inhibit, every pair is connected with the same small probability;
the network keeps itself alive. The usual benchmark of simulators (Brette et al. 2007, benchmarks 1
and 2 [brette2007]; Vogels & Abbott 2005 [vogels2005]).
"""

if __name__ != "bioplastic.networks.balanced":
    raise ImportError("import bioplastic.networks.balanced")

from typing import Any

import numpy as np
from brian2 import ms, mV, volt

from bioplastic.description import (
    ConductanceLIF,
    Connectivity,
    ExponentialConductance,
    LinearIF,
    Network,
    Population,
    Projection,
)
from bioplastic.provenance import stream

TAU_M, TAU_E, TAU_I, T_REF = 20e-3, 5e-3, 10e-3, 5 * ms
V_TH, V_RESET = -50 * mV, -60 * mV
EXCITATORY = 0.8


def random_synapses(
    n: int, probability: float, seed: int, *, weight_e: float, weight_i: float, delay: Any
) -> tuple[Connectivity, Connectivity]:
    """Synapses of the excitatory and of the inhibitory neurons: each pair with `probability`.

    n   neurons, the first 80 % excitatory; no neuron onto itself
    weight_e, weight_i   of all synapses, plain numbers in the unit of the target state
    Row i draws a binomial number of targets, then the targets without replacement.
    """
    rng = stream(seed, "balanced", "synapses")
    first = round(EXCITATORY * n)
    rows = []
    for i in range(n):
        targets = rng.choice(n - 1, size=rng.binomial(n - 1, probability), replace=False)
        rows.append(np.sort(targets + (targets >= i)))
    edge = np.cumsum([0, *map(len, rows)])
    pre, post = np.repeat(np.arange(n), np.diff(edge)), np.concatenate(rows)
    cut = edge[first]
    return (
        Connectivity(i=pre[:cut], j=post[:cut], weight=weight_e, delay=delay),
        Connectivity(i=pre[cut:], j=post[cut:], weight=weight_i, delay=delay),
    )


def cuba(
    *,
    size: int = 4000,
    probability: float = 0.02,
    e_l: Any = -49 * mV,
    delay: Any = 0.1 * ms,
    seed: int = 1,
) -> Network:
    """Current-based network: tau_m dv/dt = g_e + g_i − (v − E_L), dg/dt = −g/tau, g in volts.

    size           neurons         probability   of a synapse between two neurons
    e_l            leak reversal, V; above v_th it drives the neurons
    delay          of all synapses, s
    Weights 1.62 mV and −9 mV, threshold −50 mV, reset −60 mV, v starts uniform between the two.
    """
    leak = float(e_l / volt)
    neuron = LinearIF(
        names=("v", "g_e", "g_i"),
        matrix=np.array(
            [
                [-1 / TAU_M, 1 / TAU_M, 1 / TAU_M],
                [0, -1 / TAU_E, 0],
                [0, 0, -1 / TAU_I],
            ]
        ),
        offset=np.array([leak / TAU_M, 0, 0]),
        row=np.array([1.0, 0, 0]),
        theta=float(V_TH / volt),
        reset=np.diag([0.0, 1, 1]),
        reset_offset=np.array([float(V_RESET / volt), 0, 0]),
        t_ref=T_REF,
        held=("v",),
        initial=np.stack([_start(size, seed), np.zeros(size), np.zeros(size)], axis=1),
    )
    excite, inhibit = random_synapses(
        size, probability, seed, weight_e=1.62e-3, weight_i=-9e-3, delay=delay
    )
    return Network(
        name="CUBA",
        populations=[Population(name="neurons", size=size, neuron=neuron)],
        projections=[
            Projection(name="excitation", pre="neurons", post="neurons", target="g_e",
                       connectivity=excite),
            Projection(name="inhibition", pre="neurons", post="neurons", target="g_i",
                       connectivity=inhibit),
        ],
    )  # fmt: skip


def coba(
    *, size: int = 4000, probability: float = 0.02, delay: Any = 0.1 * ms, seed: int = 1
) -> Network:
    """Conductance-based network: tau_m dv/dt = (E_L − v) + g_e (E_e − v) + g_i (E_i − v) + 20 mV.

    Conductances in units of the leak: 0.6 and 6.7 per spike; E_e = 0 mV, E_i = −80 mV,
    E_L = −60 mV and a constant drive of 20 mV. Arguments as of `cuba`.
    """
    neuron = ConductanceLIF(
        tau_m=20 * ms,
        v_rest=-60 * mV,
        v_reset=V_RESET,
        v_th=V_TH,
        drive=20 * mV,
        t_ref=T_REF,
        receptors=(
            ExponentialConductance(name="g_e", tau=5 * ms, reversal=0 * mV),
            ExponentialConductance(name="g_i", tau=10 * ms, reversal=-80 * mV),
        ),
        initial_v=_start(size, seed) * volt,
    )
    excite, inhibit = random_synapses(
        size, probability, seed, weight_e=0.6, weight_i=6.7, delay=delay
    )
    return Network(
        name="COBA",
        populations=[Population(name="neurons", size=size, neuron=neuron)],
        projections=[
            Projection(name="excitation", pre="neurons", post="neurons", target="g_e",
                       connectivity=excite),
            Projection(name="inhibition", pre="neurons", post="neurons", target="g_i",
                       connectivity=inhibit),
        ],
    )  # fmt: skip


def _start(size: int, seed: int) -> np.ndarray:
    """Potentials at the start, (N,) volts."""
    draw = stream(seed, "balanced", "start").uniform(size=size)
    low, high = float(V_RESET / volt), float(V_TH / volt)
    return low + (high - low) * draw
