"""What the `cpu` executor passes over, derives and drops must not show, whenever symbols spike."""

import sys

import numpy as np
import pytest
from brian2 import ms

from bioplastic.kernels.circuit import cpu, reference
from bioplastic.quantize.circuit_program import COUNTERS, State, fresh_trace

WORK = {"neuron_updates", "empty_steps"}
NEVER = -1


def execute(run, lowered, symbols, steps, state=None):
    """(state, trace, spikes written) of one call of an executor from a copy of the state."""
    now = State(*(np.copy(a) for a in (state or lowered.state)))
    trace = fresh_trace(lowered.program, len(symbols))
    following = np.append(symbols[1:], -1).astype(np.int32)
    return now, trace, run(lowered.program, now, symbols, steps, following, trace)


def assert_equal(a, b):
    for name in State._fields:
        assert np.array_equal(getattr(a[0], name), getattr(b[0], name)), name
    for name in a[1]._fields[:-1]:
        assert np.array_equal(getattr(a[1], name), getattr(b[1], name)), name
    assert a[2] == b[2]
    for n, name in enumerate(COUNTERS):
        assert name in WORK or a[1].counts[n] == b[1].counts[n], name


def work_of_a_dense_walk(lowered, symbols, steps):
    """Keys not at rest before each step, and steps without them, arrivals and output spikes."""
    program, st = lowered.program, State(*(np.copy(a) for a in lowered.state))
    machine = reference.Reference(program, st, fresh_trace(program, len(symbols)))
    updates = empty = 0
    for cycle in range(len(symbols)):
        for phase in range(program.period):
            awake = int(((st.v != 0) | (st.i != 0) | (st.ref > 0)).sum())
            due = int(st.queued[st.step[0] % len(st.queued)])
            spikes = len(machine.outs)
            machine.step(cycle, phase, int(symbols[cycle]), int(steps[cycle]), -1)
            updates += awake
            empty += awake == 0 and due == 0 and len(machine.outs) == spikes
    return {"neuron_updates": updates, "empty_steps": empty}


@pytest.mark.parametrize(
    "changes",
    [{}, {"shuffle": 3}, {"dt": 0.5 * ms}, {"t_ref": 140 * ms}, {"t_ref": 0 * ms}],
    ids=["plain", "shuffled", "fine grid", "refractory over a cycle", "no t_ref"],
)
def test_work_counters_are_those_of_a_dense_walk(circuit, changes):
    symbols = np.random.default_rng(4).integers(0, 3, 12)
    lowered, shown, steps = circuit(symbols, 3, **changes)
    _, trace, _ = execute(cpu.run, lowered, shown, steps)
    counted = dict(zip(COUNTERS, trace.counts.tolist(), strict=True))
    assert {name: counted[name] for name in WORK} == work_of_a_dense_walk(lowered, shown, steps)
    assert 0 < counted["empty_steps"] < counted["steps"]


def test_symbols_may_spike_in_any_phase_or_never(circuit):
    rng = np.random.default_rng(6)
    lowered, shown, _ = circuit(rng.integers(0, 3, 30), 3)
    period = lowered.program.period
    phase = rng.integers(0, period, 30)
    phase[:8] = [0, period - 1, 0, period - 1, 1, period - 2, lowered.program.encoding, 0]
    steps = np.arange(30) * period + phase
    steps[10:30:4] = NEVER
    pair = [execute(run, lowered, shown, steps) for run in (cpu.run, reference.run)]
    assert_equal(*pair)
    assert pair[0][1].counts[COUNTERS.index("source_spikes")] == 25


def test_cycles_run_one_by_one_equal_one_run(circuit):
    """Nothing that the executor derives for one call is missed by the next."""
    lowered, shown, steps = circuit(np.random.default_rng(7).integers(0, 3, 20), 3)
    whole, trace, _ = execute(cpu.run, lowered, shown, steps)
    state, counts = lowered.state, np.zeros(len(COUNTERS), np.int64)
    for c in range(len(shown)):
        state, piece, _ = execute(cpu.run, lowered, shown[c : c + 1], steps[c : c + 1], state)
        counts += piece.counts
    for name in State._fields:
        assert np.array_equal(getattr(whole, name), getattr(state, name)), name
    assert np.array_equal(counts, trace.counts)


def test_a_young_key_without_a_candidate_stays_young(circuit):
    """Key 0 of order 0 is driven directly, and here it was not grown at the start."""
    lowered, shown, steps = circuit([0, 1, 1, 0, 2, 1], 3, delimiter=None)
    young = lowered.state._replace(mature=np.zeros_like(lowered.state.mature))
    pair = [execute(run, lowered, shown, steps, young) for run in (cpu.run, reference.run)]
    assert_equal(*pair)
    assert pair[0][2][0] == 6
    assert not pair[0][0].mature.any()


def test_compiled_code_holds_no_array_after_a_run(circuit):
    """It does not count references, so it must neither keep nor drop one."""
    lowered, shown, steps = circuit([0, 1, 2, 1], 3)
    state, trace = State(*(np.copy(a) for a in lowered.state)), fresh_trace(lowered.program, 4)
    tables = [a for a in lowered.program if isinstance(a, np.ndarray)]
    arrays = [*state, *trace, *tables, shown, steps]
    before = [sys.getrefcount(a) for a in arrays]
    cpu.run(lowered.program, state, shown, steps, shown, trace)
    assert [sys.getrefcount(a) for a in arrays] == before
