"""The integer kernel's run of dendritic attention in the form of the Brian2 run, to be compared.

`simulate.attention.run` and `kernel_run` take one network and one seed, and so the same noise and
dithers; `simulate.attention_compare.compare` says where the two part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from brian2 import second

from bioplastic.description import EscapeRace, Network, ThetaSTDP
from bioplastic.errors import UnsupportedModel
from bioplastic.kernels.circuit import cpu
from bioplastic.kernels.circuit.reference import Reference
from bioplastic.quantize.circuit import IntegerCircuit, lower_circuit
from bioplastic.quantize.circuit_program import FRACTION, WEIGHT_FRACTION, State, fresh_trace
from bioplastic.result import SpikeRecord
from bioplastic.simulate.attention_race import gumbel
from bioplastic.simulate.attention_result import AttentionRun

NATS, WEIGHT = 2.0**-FRACTION, 2.0**-WEIGHT_FRACTION
"""Value of one LSB of a potential and of a weight."""


class _Found(NamedTuple):
    """What the cycles of a run left; spikes are rows (step, id)."""

    potentials: np.ndarray
    winners: np.ndarray
    recruited: np.ndarray
    efficacy: np.ndarray
    changed: np.ndarray
    changed_to: np.ndarray
    outputs: np.ndarray
    keys: np.ndarray


def kernel_run(network: Network, *, dt: Any, seed: int) -> AttentionRun:
    """Run a dendritic-attention network on the `cpu` executor, cycle by cycle.

    dt     grid, s      seed   key of the noise and dither streams, 0..2³²−1
    One symbol in every theta cycle. Weights can be read between cycles, as Brian2's are.
    Raises UnsupportedModel naming the object that the kernel cannot hold.
    """
    circuit = lower_circuit(network, dt=dt, seed=seed)
    program, state = circuit.program, circuit.state
    fresh, train = _copy(state), network.sources[0].train
    symbols, steps = train.i.astype(np.int32), train.steps(dt)
    found = _cycles(circuit, symbols, steps)
    race: Any = network[circuit.outputs].neuron  # type: ignore[union-attr]
    assert isinstance(race, EscapeRace)
    return AttentionRun(
        symbols=symbols.astype(np.int64),
        potentials=found.potentials * NATS,
        winners=found.winners,
        steps=_winning_steps(program, found.winners, found.outputs),
        recruited=np.where(found.recruited >= 0, found.recruited - program.first[:-1], -1),
        weights=state.w * WEIGHT,
        changed=found.changed,
        changed_to=found.changed_to * WEIGHT,
        efficacy=found.efficacy * NATS,
        spikes=_spikes(circuit, np.stack([steps, symbols], axis=1), found.outputs, found.keys),
        potentials_at=_replay(circuit, fresh, symbols, steps),
        ramp=(race.start, float(race.slope * second) * circuit.dt),
        noise=np.array(
            [
                [gumbel(program.symbols, int(s), seed) for s in row]
                for row in _starts(program, len(symbols))
            ]
        ),
    )


def potential_bound(network: Network, cycles: int) -> np.ndarray:
    """Most that potentials can differ at the end of each cycle while every decision is the same.

    |Δu| ≤ B·½ LSB·(1 + a + n),  n = (1 + gamma)·c after c cycles, LSB = 2⁻¹⁷ nat, B branches
    One half LSB per branch for gain·w, one (a) where a worth starts between two LSB, and one for
    each step of a worth E[f], at most 1 + gamma a cycle: the teacher and the free winners. n = 0
    when both steps, rate and rate/winners, are whole LSB; then nothing drifts. Weights are on the
    grid of the kernel and gains exact (their steps whole numbers of 2⁻²⁴ for a weight LSB).

    cycles   L     Returns (L,) nats.     Raises UnsupportedModel without ThetaSTDP and rhythm.
    """
    rules = [q.plasticity for q in network.projections if isinstance(q.plasticity, ThetaSTDP)]
    if not rules or network.rhythm is None:
        raise UnsupportedModel(f"{network.name}: not a dendritic attention network")
    rule, steps, between = rules[0], np.zeros(cycles), False
    if rule.fast is not None:
        between = not _whole(rule.fast.initial)
        if not _whole((rule.fast.rate, rule.fast.rate / rule.winners)):
            steps += (1 + network.rhythm.gamma) * np.arange(1, cycles + 1)
    bound: np.ndarray = len(rules) * NATS / 2 * (1 + between + steps) + 1e-12
    return bound


def _whole(nats: tuple[float, ...]) -> bool:
    """Whether all values are whole numbers of LSB of a potential."""
    return all((x / NATS).is_integer() for x in nats)


def _copy(state: State) -> State:
    return State(*(x.copy() for x in state))


def _cycles(circuit: IntegerCircuit, symbols: np.ndarray, steps: np.ndarray) -> _Found:
    """Run every cycle by itself and keep what changed in it."""
    program, state = circuit.program, circuit.state
    before, rows = state.w.copy(), []
    for c in range(len(symbols)):
        trace, one = fresh_trace(program, 1), slice(c, c + 1)
        n_keys, n_outputs = cpu.run(
            program, state, symbols[one], steps[one], np.full(1, -1, np.int32), trace
        )
        where = np.flatnonzero(state.w != before)
        before[:] = state.w
        rows.append(
            _Found(
                potentials=trace.potential,
                winners=trace.winners,
                recruited=trace.recruited,
                efficacy=state.fast[None].copy(),
                changed=np.stack([np.full_like(where, c), where], axis=1),
                changed_to=state.w.ravel()[where],
                outputs=np.stack([trace.out_step[:n_outputs], trace.out_id[:n_outputs]], axis=1),
                keys=np.stack([trace.key_step[:n_keys], trace.key_id[:n_keys]], axis=1),
            )
        )
    return _Found(*(np.concatenate(column) for column in zip(*rows, strict=True)))


def _replay(
    circuit: IntegerCircuit, fresh: State, symbols: np.ndarray, steps: np.ndarray
) -> Callable[[int, int, int], np.ndarray]:
    """Potentials inside a race: run to its cycle anew, then step by step in the reference."""
    program = circuit.program

    def potentials_at(cycle: int, gamma: int, inside: int) -> np.ndarray:
        now, before, free = _copy(fresh), slice(cycle), np.full(cycle, -1, np.int32)
        cpu.run(program, now, symbols[before], steps[before], free, fresh_trace(program, cycle))
        machine = Reference(program, now, fresh_trace(program, cycle + 1))
        for phase in range(program.encoding + gamma * program.gamma_steps + inside):
            machine.step(cycle, phase, int(symbols[cycle]), int(steps[cycle]), -1)
        return machine.potentials(int(now.step[0])) * NATS

    return potentials_at


def _starts(program: Any, cycles: int) -> np.ndarray:
    """First step of each gamma cycle, (L, gamma)."""
    gamma = program.encoding + program.gamma_steps * np.arange(program.gamma)
    return np.arange(cycles)[:, None] * program.period + gamma


def _winning_steps(program: Any, winners: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Step inside its gamma cycle of the spike that won each race, −1 = none."""
    steps = np.full(winners.shape, -1)
    for step, output in outputs[::-1].tolist():
        cycle, phase = divmod(step, program.period)
        if phase >= program.encoding:
            gamma, inside = divmod(phase - program.encoding, program.gamma_steps)
            if winners[cycle, gamma] == output:
                steps[cycle, gamma] = inside
    return steps


def _spikes(
    circuit: IntegerCircuit, given: np.ndarray, outputs: np.ndarray, keys: np.ndarray
) -> dict[str, SpikeRecord]:
    """Spikes of the source, of the outputs and of each pool, ordered by (step, id)."""
    program, found = circuit.program, {}
    pieces = [
        (circuit.source, given, 0, program.symbols, circuit.labels),
        (circuit.outputs, outputs, 0, program.symbols, circuit.labels),
    ]
    pieces += [
        (name, keys, int(a), int(b - a), None)
        for name, a, b in zip(circuit.pools, program.first, program.first[1:], strict=False)
    ]
    for name, rows, first, size, labels in pieces:
        mine = rows[(rows[:, 1] >= first) & (rows[:, 1] < first + size)]
        mine = mine[np.lexsort((mine[:, 1], mine[:, 0]))]
        found[name] = SpikeRecord(
            population=name,
            steps=mine[:, 0],
            ids=mine[:, 1] - first,
            size=size,
            dt=circuit.dt,
            labels=labels,
        )
    return found
