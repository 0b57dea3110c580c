"""The circuit kernel in Triton: the same bits in its interpreter, and on a GPU if there is one.

The circuits are short in time (a cycle of 40 ms) because the interpreter needs half a second for
each; all parts of the kernel run nevertheless, which `test_the_scenarios_reach_every_part` counts.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings

from bioplastic.description import (
    BranchGain,
    EscapeRace,
    FastState,
    Recruitment,
    ThetaSTDP,
)
from bioplastic.errors import UsageError
from bioplastic.kernels.circuit.reference import Reference
from bioplastic.kernels.circuit.reference import run as reference
from bioplastic.kernels.circuit.run import run_circuit, run_circuits
from bioplastic.quantize.circuit_program import COUNTERS, State, fresh_trace
from tests.circuit.drawn import SHORT, circuits
from tests.interpreter import INTERPRETED

WORK = [COUNTERS.index(name) for name in ("neuron_updates", "empty_steps")]
SLOW = EscapeRace(start=26.0)  # nats, of which 24 are gone at the end of a race of 12 ms
SCENARIOS: dict[str, dict[str, Any]] = {
    "everything": {"gain": BranchGain(bins=16, rate=0.1), "stdp": ThetaSTDP(spare=0, winners=2,
                   fast=FastState(initial=(0.1, 0.2, 0.3, 0.4, 0.5), step=2, keep=1))},
    "weights alone": {"stdp": ThetaSTDP(fast=None, eta_0=2.5, spare=0), "skips": 1},
    "full pool, silent races": {"pool": 3, "race": SLOW, "order": 1},
    "late recruits, shuffled": {"recruitment": Recruitment(min_activations=2), "shuffle": 3},
}  # fmt: skip


TWICE = "a parent primes twice"
SCENARIOS[TWICE] = {"recruitment": Recruitment(min_activations=1), "shuffle": 80}


def scenario(circuit, name):
    """(lowered circuit, symbols, steps) of one scenario: six cycles."""
    symbols = [1] * 6 if name == TWICE else np.random.default_rng(5).integers(0, 3, 6)
    return circuit(symbols, 3, **(SHORT | SCENARIOS[name]))


@pytest.fixture
def gpu():
    """The Triton module, where it can run."""
    pytest.importorskip("triton")
    torch = pytest.importorskip("torch")
    if not INTERPRETED and not torch.cuda.is_available():
        pytest.skip("no CUDA or HIP device; test_the_rest_in_the_interpreter runs it")
    return importlib.import_module("bioplastic.kernels.circuit.gpu")


def _in_the_interpreter(mark: str) -> None:
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", mark, __file__],
        env={**os.environ, "TRITON_INTERPRET": "1"}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert "passed" in done.stdout


@pytest.mark.skipif(INTERPRETED, reason="already there")
def test_the_rest_in_the_interpreter():
    """Triton chooses when it is imported, so its interpreter needs a process of its own."""
    _in_the_interpreter("not study")


@pytest.mark.study
@pytest.mark.skipif(INTERPRETED, reason="already there")
def test_many_circuits_in_the_interpreter():
    _in_the_interpreter("study")


def poisoned(like):
    """A trace whose arrays hold the lowest number, so that what nobody writes shows."""
    worst = {n: np.full_like(a, np.iinfo(a.dtype).min) for n, a in like._asdict().items()}
    return type(like)(**(worst | {"counts": np.zeros_like(like.counts)}))


def outcome(run, program, state, symbols, steps):
    """(state, spike records, rows, counters) after one call of an executor."""
    now = State(*(np.copy(a) for a in state))
    trace = fresh_trace(program, len(symbols))
    if run is not reference:
        trace = poisoned(trace)
    following = np.append(symbols[1:], -1).astype(np.int32)
    keys, outs = run(program, now, symbols, steps, following, trace)
    found = {f"state {name}": array for name, array in now._asdict().items()}
    found |= {name: getattr(trace, name) for name in trace._fields[:5]}
    found |= {name: getattr(trace, name)[:keys] for name in ("key_step", "key_id")}
    found |= {name: getattr(trace, name)[:outs] for name in ("out_step", "out_id", "out_forced")}
    found["counts"] = np.delete(trace.counts, WORK)
    if run is not reference:
        assert (trace.key_id[keys:] == np.iinfo(np.int32).min).all()
    return now, found


def assert_agree(one, two):
    assert one.keys() == two.keys()
    for name, array in one.items():
        assert array.dtype == two[name].dtype, name
        assert np.array_equal(array, two[name]), name


@pytest.mark.parametrize("name", SCENARIOS)
def test_gpu_agrees_in_every_bit(gpu, circuit, name):
    lowered, shown, steps = scenario(circuit, name)
    wanted = outcome(reference, lowered.program, lowered.state, shown, steps)[1]
    assert_agree(wanted, outcome(gpu.run, lowered.program, lowered.state, shown, steps)[1])


def test_the_scenarios_reach_every_part(circuit):
    """Nothing that the kernel counts stays at zero in all of them."""
    total = np.zeros(len(COUNTERS) - len(WORK), np.int64)
    winners, forced = [], []
    for name in SCENARIOS:
        lowered, shown, steps = scenario(circuit, name)
        found = outcome(reference, lowered.program, lowered.state, shown, steps)[1]
        total += found["counts"]
        winners.append(found["winners"])
        forced.append(found["out_forced"])
    names = np.delete(np.array(COUNTERS), WORK)
    assert not names[total == 0].size, names[total == 0]
    assert -1 in np.concatenate(winners)
    assert {0, 1} == set(np.concatenate(forced).tolist())


def test_one_scenario_opens_a_child_twice(circuit, monkeypatch):
    """A parent whose prime came twice within the window lets its child's drive pass once."""
    seen = []
    plain = Reference.drive

    def drive(self, p, symbol, now):
        e = self.pr.has_pool_parent[p]
        parents = self.st.prime_key[e][self.st.prime_until[e] > now]
        names, often = np.unique(parents, return_counts=True)
        twice = names[often > 1]
        children = (self.st.symbol == symbol) & np.isin(self.st.parent, twice)
        seen.append(int(children[self.pools[p]].sum()))
        plain(self, p, symbol, now)

    monkeypatch.setattr(Reference, "drive", drive)
    lowered, shown, steps = scenario(circuit, TWICE)
    outcome(reference, lowered.program, lowered.state, shown, steps)
    assert sum(seen) == 1


def test_a_batch_of_split_runs_on_odd_sizes(gpu, circuit, monkeypatch):
    """Three circuits of 3 cycles in launches of 2 and 1, 19 outputs in chunks of 16."""
    program_module = importlib.import_module("bioplastic.kernels.circuit.gpu_program")
    run_module = importlib.import_module("bioplastic.kernels.circuit.run")
    monkeypatch.setattr(program_module, "CHUNK", 16)
    monkeypatch.setattr(program_module, "AWAKE", 2)
    monkeypatch.setattr(run_module, "CHUNK", 2)
    rng = np.random.default_rng(9)
    texts = [rng.permutation([0, 18, 18]) for _ in range(3)]
    made = [circuit(text, 19, order=1, **SHORT) for text in texts]
    lowered = made[0][0]
    symbols, steps = (np.stack([m[k] for m in made]) for k in (1, 2))
    seeds = [1, 2**32 - 1, 7]
    found = [
        run_circuits(lowered, symbols, steps, seeds=seeds, backend=backend, progress=False)
        for backend in ("gpu", "cpu")
    ]
    for one, two in zip(*found, strict=True):
        assert_agree(one.state._asdict(), two.state._asdict())
        for name in ("potential", "held", "share", "winners", "recruited", "symbols"):
            assert np.array_equal(getattr(one, name), getattr(two, name)), name
        for name, record in one.spikes.items():
            assert np.array_equal(record.steps, two.spikes[name].steps), name
            assert np.array_equal(record.ids, two.spikes[name].ids), name
        assert np.array_equal(
            np.delete(list(one.counters.values()), WORK),
            np.delete(list(two.counters.values()), WORK),
        )
    assert not np.array_equal(found[0][0].state.noise, found[0][2].state.noise)


def test_the_table_of_children_is_the_one_that_recruitment_builds():
    """Lookup of every pair by the kernel's probe order, in numpy."""
    module = importlib.import_module("bioplastic.kernels.circuit.gpu_program")
    rng = np.random.default_rng(0)
    parent = np.where(rng.random(500) < 0.8, rng.integers(0, 500, 500), -1).astype(np.int32)
    symbol = np.where(parent >= 0, np.arange(500) % 27, -1).astype(np.int32)
    pairs, first = np.unique(parent * 27 + symbol, return_index=True)
    table = module._table(parent, symbol, 27)
    assert len(table) == 1024
    placed = table[table >= 0]
    assert np.array_equal(np.sort(placed), np.flatnonzero(parent >= 0))
    for k in first[pairs >= 0]:
        pair = int(parent[k]) * 27 + int(symbol[k])
        at = (pair * module.HASH % 2**32 >> 8) % len(table)
        while (parent[table[at]], symbol[table[at]]) != (parent[k], symbol[k]):
            assert table[at] >= 0
            at = (at + 1) % len(table)


some = settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # the interpreter is too slow to shrink in
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@some
@given(drawn=circuits(longest=2))
def test_drawn_circuits_agree(gpu, circuit, drawn):
    symbols, size, changes = drawn
    lowered, shown, steps = circuit(symbols, size, **changes)
    wanted, found = (
        outcome(run, lowered.program, lowered.state, shown, steps)[1]
        for run in (reference, gpu.run)
    )
    assert_agree(wanted, found)


@pytest.mark.study
@settings(some, max_examples=2000)
@given(drawn=circuits(longest=4))
def test_many_circuits_agree(gpu, circuit, drawn):
    symbols, size, changes = drawn
    lowered, shown, steps = circuit(symbols, size, **changes)
    wanted = outcome(reference, lowered.program, lowered.state, shown, steps)[1]
    half = len(shown) // 2
    now, _ = outcome(gpu.run, lowered.program, lowered.state, shown[:half], steps[:half])
    end, _ = outcome(gpu.run, lowered.program, now, shown[half:], steps[half:])
    whole, found = outcome(gpu.run, lowered.program, lowered.state, shown, steps)
    assert_agree(wanted, found)
    assert_agree(whole._asdict(), end._asdict())


@pytest.mark.skipif(INTERPRETED, reason="the interpreter stands in for a GPU")
@pytest.mark.parametrize("run", [run_circuit, run_circuits])
def test_no_gpu_is_a_refusal(circuit, run, monkeypatch):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    reason = "triton is not installed" if find_spec("triton") is None else "no CUDA or HIP device"
    lowered, shown, steps = circuit([0, 1, 2], 3)
    if run is run_circuits:
        shown, steps = shown[None], steps[None]
    with pytest.raises(UsageError, match=f"backend = 'gpu': .*{reason}"):
        run(lowered, shown, steps, backend="gpu", progress=False)


def test_batches_of_unequal_parts_are_refused(circuit):
    lowered, shown, steps = circuit([0, 1, 2], 3)
    with pytest.raises(UsageError, match=r"must both be \(G, L\)"):
        run_circuits(lowered, shown, steps, progress=False)
    with pytest.raises(UsageError, match="holds 1 circuits: 2 states"):
        run_circuits(lowered, shown[None], steps[None], [lowered.state] * 2, progress=False)


def test_no_circuit_is_no_run(circuit):
    lowered, *_ = circuit([0, 1, 2], 3)
    none = np.zeros((0, 3), np.int64)
    assert run_circuits(lowered, none, none, progress=False) == []
