"""Spikes of the outputs that lost a race, for a circuit without winner-take-all inhibition."""

from __future__ import annotations

from typing import Any

# the kernel's own rule, so that a loser learns exactly as a winner does
from bioplastic.kernels.circuit.cpu_output import OUTPUT_SPIKES, _learn, open_race
from bioplastic.kernels.compiled import entry


@entry
def losers_spike(out: Any, start: Any, gamma: int, u: Any, winners: Any, counts: Any) -> None:
    """Plasticity of every output that would have crossed after the winner.

    out        parts of the outputs, after the cycle that began at step `start`
    u (V,)     potentials during its races, Q17      winners (gamma,)   who won each, −1 = none
    The same Gumbel numbers as in the race; an output spikes once in a gamma cycle.
    """
    for g in range(gamma):
        opened = start + out.encoding + g * out.gamma_steps
        open_race(out, opened)
        for v in range(len(u)):
            lack = out.ramp_start - u[v] - out.noise[v]
            cross = opened if lack < 0 else opened + lack // out.ramp_slope + 1
            if v != winners[g] and cross < opened + out.gamma_steps:
                _learn(out, v, cross, counts)
                counts[OUTPUT_SPIKES] += 1
    out.race[0] = 0
