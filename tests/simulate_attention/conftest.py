"""A network on a text, and the integer kernel's run of it in the form of the Brian2 run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brian2 import ms, second

from bioplastic.description import Network, SymbolSchedule
from bioplastic.kernels.circuit import cpu
from bioplastic.kernels.circuit.program import FRACTION, WEIGHT_FRACTION, State, fresh_trace
from bioplastic.kernels.circuit.reference import Reference
from bioplastic.learning import corpus
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention
from bioplastic.quantize.circuit import lower_circuit
from bioplastic.result import SpikeRecord
from bioplastic.simulate.attention_race import gumbel
from bioplastic.simulate.attention_result import AttentionRun


@pytest.fixture(scope="session")
def text():
    """Network on the first `symbols` symbols of the King James Bible."""

    def make(symbols: int, *, shuffled: bool = False, **parameters: Any) -> Network:
        stream = corpus.load("kjv", symbols=symbols)
        schedule = SymbolSchedule(symbols=stream.symbols, size=stream.alphabet_size)
        if shuffled:
            schedule = schedule.shuffled(np.random.default_rng(3), 0.5 * ms)
        return dendritic_attention(schedule, Parameters(pool=symbols, **parameters))

    return make


@pytest.fixture(scope="session")
def run_kernel():
    """The `cpu` executor as a function (network, dt, seed) -> AttentionRun."""
    return _run_kernel


def _run_kernel(network: Network, *, dt: Any, seed: int) -> AttentionRun:
    """One cycle at a time on the `cpu` executor, so that weights can be read between cycles."""
    circuit = lower_circuit(network, dt=dt, seed=seed)
    fresh = State(*(x.copy() for x in circuit.state))
    pr, st = circuit.program, circuit.state
    train = network.sources[0].train
    steps, symbols = train.steps(dt), train.i.astype(np.int32)
    nats, lsb = 2.0**-FRACTION, 2.0**-WEIGHT_FRACTION
    traces, changed, changed_to, efficacy, outs, keys = [], [], [], [], [], []
    before = st.w.copy()
    for c in range(len(symbols)):
        trace, one = fresh_trace(pr, 1), slice(c, c + 1)
        n_keys, n_outs = cpu.run(pr, st, symbols[one], steps[one], np.full(1, -1, np.int32), trace)
        where = np.flatnonzero(st.w != before)
        changed.append(np.stack([np.full_like(where, c), where], axis=1))
        changed_to.append(st.w.ravel()[where] * lsb)
        efficacy.append(st.fast * nats)
        before[:] = st.w
        traces.append(trace)
        outs.append(np.stack([trace.out_step[:n_outs], trace.out_id[:n_outs]], axis=1))
        keys.append(np.stack([trace.key_step[:n_keys], trace.key_id[:n_keys]], axis=1))
    recruited = np.concatenate([t.recruited for t in traces])
    winners = np.concatenate([t.winners for t in traces])
    race: Any = network[circuit.outputs].neuron  # type: ignore[union-attr]

    def potentials_at(cycle: int, gamma: int, inside: int) -> np.ndarray:
        """Run to that cycle anew, then step by step in the reference executor."""
        now, before, none = State(*(x.copy() for x in fresh)), slice(cycle), np.full(cycle, -1)
        cpu.run(
            pr, now, symbols[before], steps[before], none.astype(np.int32), fresh_trace(pr, cycle)
        )
        machine = Reference(pr, now, fresh_trace(pr, cycle + 1))
        for phase in range(pr.encoding + gamma * pr.gamma_steps + inside):
            machine.step(cycle, phase, int(symbols[cycle]), int(steps[cycle]), -1)
        return machine.potentials(int(now.step[0])) * nats

    return AttentionRun(
        symbols=symbols.astype(np.int64),
        potentials=np.concatenate([t.potential for t in traces]) * nats,
        winners=winners,
        steps=_steps(pr, winners, np.concatenate(outs)),
        recruited=np.where(recruited >= 0, recruited - pr.first[:-1], -1),
        weights=st.w * lsb,
        changed=np.concatenate(changed),
        changed_to=np.concatenate(changed_to),
        efficacy=np.array(efficacy),
        spikes=_spikes(circuit, np.concatenate(outs), np.concatenate(keys)),
        potentials_at=potentials_at,
        ramp=(race.start, float(race.slope * second) * circuit.dt),
        noise=np.array(
            [[gumbel(pr.symbols, int(s), seed) for s in row] for row in _starts(pr, len(symbols))]
        ),
    )


def _starts(pr: Any, cycles: int) -> np.ndarray:
    """First step of each gamma cycle, (L, gamma)."""
    gamma = pr.encoding + pr.gamma_steps * np.arange(pr.gamma)
    return np.arange(cycles)[:, None] * pr.period + gamma


def _steps(pr: Any, winners: np.ndarray, outs: np.ndarray) -> np.ndarray:
    """Step inside its gamma cycle of the spike that won each race."""
    steps = np.full(winners.shape, -1)
    for step, output in outs[::-1].tolist():
        cycle, phase = divmod(step, pr.period)
        if phase >= pr.encoding:
            gamma, inside = divmod(phase - pr.encoding, pr.gamma_steps)
            if winners[cycle, gamma] == output:
                steps[cycle, gamma] = inside
    return steps


def _spikes(circuit: Any, outs: np.ndarray, keys: np.ndarray) -> dict[str, SpikeRecord]:
    pr, dt, found = circuit.program, circuit.dt, {}
    pieces = [(circuit.outputs, outs, 0, pr.symbols)]
    pieces += [
        (name, keys, int(a), int(b - a))
        for name, a, b in zip(circuit.pools, pr.first, pr.first[1:], strict=False)
    ]
    for name, all_, first, size in pieces:
        mine = all_[(all_[:, 1] >= first) & (all_[:, 1] < first + size)]
        mine = mine[np.lexsort((mine[:, 1], mine[:, 0]))]
        found[name] = SpikeRecord(
            population=name, steps=mine[:, 0], ids=mine[:, 1] - first, size=size, dt=dt
        )
    return found
