"""Closed forms of a soma with one passive branch: steady state, input resistance, attenuation.

Leak conductances g_m = c_m/tau_m and g_b = c_b/tau_b, coupling g_c:
    g_m (v − rest) + g_c (v − v_b) = I,   g_b (v_b − rest_b) + g_c (v_b − v) = I_b
"""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import amp, volt

from bioplastic.description import LIF, Compartment


def _conductances(neuron: LIF, branch: Compartment) -> tuple[float, float, float]:
    soma, dendrite = neuron.c_m / neuron.tau_m, branch.c_b / branch.tau_b
    return float(soma), float(dendrite), float(branch.g_c)


def steady_state(
    neuron: LIF, branch: Compartment, i_soma: Any = 0 * amp, i_branch: Any = 0 * amp
) -> tuple[Any, Any]:
    """Potentials (v, v_b) under constant currents, V; spikes and plateau events left out."""
    g_m, g_b, g_c = _conductances(neuron, branch)
    matrix = np.array([[g_m + g_c, -g_c], [-g_c, g_b + g_c]])
    drive = [
        g_m * float(neuron.v_rest) + float(i_soma / amp),
        g_b * float(branch.v_rest) + float(i_branch / amp),
    ]
    v, v_b = np.linalg.solve(matrix, drive)
    return v * volt, v_b * volt


def attenuation_to_soma(neuron: LIF, branch: Compartment) -> float:
    """Δv/Δv_b for current into the branch: g_c/(g_c + g_m)."""
    g_m, _, g_c = _conductances(neuron, branch)
    return g_c / (g_c + g_m)


def attenuation_to_branch(neuron: LIF, branch: Compartment) -> float:
    """Δv_b/Δv for current into the soma: g_c/(g_c + g_b)."""
    _, g_b, g_c = _conductances(neuron, branch)
    return g_c / (g_c + g_b)


def current_transfer(neuron: LIF, branch: Compartment) -> float:
    """Share of a current into the branch that flows on into the soma's leak; the rest leaks there.

    g_m Δv / I_b = g_c g_m / (g_m g_b + g_c (g_m + g_b))
    """
    g_m, g_b, g_c = _conductances(neuron, branch)
    return g_c * g_m / (g_m * g_b + g_c * (g_m + g_b))


def time_constants(neuron: LIF, branch: Compartment) -> tuple[Any, Any]:
    """The slow and the fast time constant with which both potentials relax, s."""
    g_m, g_b, g_c = _conductances(neuron, branch)
    c_m, c_b = float(neuron.c_m), float(branch.c_b)
    matrix = np.array([[-(g_m + g_c) / c_m, g_c / c_m], [g_c / c_b, -(g_b + g_c) / c_b]])
    rates = np.sort(-np.linalg.eigvals(matrix).real)
    unit = neuron.tau_m / float(neuron.tau_m)
    return unit / rates[0], unit / rates[1]
