"""A circuit that has stopped learning: same program, every step of plasticity zero."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from bioplastic.quantize.circuit import IntegerCircuit
from bioplastic.quantize.circuit_program import State

SPARED = 127
"""Fast states never pass this, so competition spares them all."""


def frozen(circuit: IntegerCircuit, state: State) -> IntegerCircuit:
    """The circuit in `state`, with plasticity and recruitment switched off.

    Weights, fast states, their worth and the gains stand still, and no key is grown: the young
    neuron gets no drive. Activation counts go on, because the gain that a synapse uses depends on
    how often it was active.
    """
    program = circuit.program
    still = program._replace(
        eta_plus=np.zeros_like(program.eta_plus),
        eta_minus=np.zeros_like(program.eta_minus),
        gain_plus=0,
        gain_minus=0,
        fast_step=0,
        fast_keep=SPARED,
        fast_plus=0,
        fast_minus=0,
        drive_young=np.zeros_like(program.drive_young),
    )
    return replace(circuit, program=still, state=State(*(np.copy(a) for a in state)))
