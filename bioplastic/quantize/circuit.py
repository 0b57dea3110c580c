"""Lowering of dendritic-attention networks: description → integer program of the circuit kernel.

The network is read by its mechanisms, not by its names: pools are populations with a gate and
recruitment, value branches are ThetaSTDP projections onto GradedBranches, the race is the one
population of EscapeRace neurons. Anything else raises UnsupportedModel with the object's name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import second

from bioplastic.description import BranchGain, Network
from bioplastic.errors import UnsupportedModel
from bioplastic.quantize.circuit_parts import CircuitLowering
from bioplastic.quantize.circuit_parts import gumbel_table as gumbel_table
from bioplastic.quantize.circuit_program import (
    EFFICACY_MAX,
    FRACTION,
    GAIN_FRACTION,
    WEIGHT_FRACTION,
    Program,
    State,
    fresh_state,
)


@dataclass(frozen=True, kw_only=True)
class IntegerCircuit:
    """A lowered circuit: the program, its fresh state, and what the indices stand for.

    pools (P,), branches (B,)   names, in the order of the program
    dt                          grid, s
    errors                      name -> largest quantisation error, in units of the quantised value
    """

    program: Program
    state: State
    pools: tuple[str, ...]
    branches: tuple[str, ...]
    outputs: str
    source: str
    labels: tuple[str, ...] | None
    dt: float
    errors: dict[str, float]


def _check_latency(circuit: Program, names: list[str]) -> None:
    """A mature key must spike before a young one driven in the same step, and at all."""
    for p, name in enumerate(names):
        if circuit.has_pool_parent[p] < 0:
            continue
        latency = []
        for jump in (int(circuit.drive[p].max()), int(circuit.drive_young[p].max())):
            v, i, steps = 0, jump, 0
            while v <= circuit.v_th[p] and steps < circuit.period:
                v = (v * int(circuit.p_vv[p]) + i * int(circuit.p_vi[p])) >> 30
                i = (i * int(circuit.p_ii[p])) >> 30
                steps += 1
            latency.append(steps)
        if not latency[0] < latency[1] < circuit.period:
            raise UnsupportedModel(
                f"{name}: a matching key spikes after {latency[0]} steps and a young one after"
                f" {latency[1]}; the first must be earlier and both inside the cycle"
            )


def _check_range(circuit: Program, owner: str) -> None:
    """Prove that no potential of the race can leave int32: |u| + |ramp| + |G| < 2³⁰."""
    one = 2**FRACTION
    branch = circuit.gain_max / 2**GAIN_FRACTION * circuit.w_max / 2**WEIGHT_FRACTION * one
    most = len(circuit.branch_pool) * (branch + EFFICACY_MAX)
    most += circuit.ramp_start + circuit.ramp_slope * circuit.gamma_steps
    most += int(np.abs(circuit.gumbel).max())
    if most >= 2**30:
        raise UnsupportedModel(
            f"{owner}: potentials could reach {most / one:.0f} nats, the limit is {2**30 // one}:"
            " fewer branches, or a smaller g_max"
        )


def lower_circuit(network: Network, *, dt: Any, seed: int) -> IntegerCircuit:
    """Lower a dendritic-attention network to the circuit kernel's integers.

    dt     grid, s; every delay and duration must be a whole number of steps
    seed   key of the noise and rounding streams, 0..2³²−1
    Raises UnsupportedModel naming the object that the kernel cannot hold.
    """
    lowering = CircuitLowering(network, float(dt / second), seed)
    program = lowering.program()
    names = [pool.name for pool in lowering.pools]
    _check_latency(program, names)
    _check_range(program, lowering.race.name)
    gain = lowering.race.gain or BranchGain(rate=0.0)
    n_branches = len(program.branch_pool)
    fast = lowering.values[0].plasticity.fast
    levels = np.array([0.0, *fast.initial]) if fast else np.zeros(1)
    state = fresh_state(
        program,
        mature=np.array([pool.mature for pool in lowering.pools]),
        gain=np.full((n_branches, gain.bins), round(gain.initial * 2**GAIN_FRACTION)),
        fast=np.tile(np.rint(levels * 2**FRACTION).astype(np.int32), (n_branches, 1)),
    )
    return IntegerCircuit(
        program=program, state=state, pools=tuple(names),
        branches=tuple(q.target for q in lowering.values), outputs=lowering.race.name,
        source=lowering.source.name, labels=lowering.source.labels, dt=lowering.dt,
        errors=lowering.errors,
    )  # fmt: skip
