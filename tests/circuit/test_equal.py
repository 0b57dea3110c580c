"""One scenario, both executors: every array of state and trace equal in every bit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from brian2 import ms, second

from bioplastic.description import (
    BranchGain,
    EscapeRace,
    FastState,
    Recruitment,
    Rhythm,
    ThetaSTDP,
)
from bioplastic.kernels.circuit.run import run_circuit

WORK = {"neuron_updates", "empty_steps"}  # what an executor did, not what the circuit did


def assert_equal(a, b):
    for name in a.state._fields:
        assert np.array_equal(getattr(a.state, name), getattr(b.state, name)), name
    for name in ("potential", "held", "share", "winners", "recruited"):
        assert np.array_equal(getattr(a, name), getattr(b, name)), name
    for name, record in a.spikes.items():
        assert np.array_equal(record.steps, b.spikes[name].steps), name
        assert np.array_equal(record.ids, b.spikes[name].ids), name
    same = {k: v for k, v in a.counters.items() if k not in WORK}
    assert same == {k: v for k, v in b.counters.items() if k not in WORK}


PLAIN = ThetaSTDP(fast=None, eta_0=1.0, spare=0)
MANY = FastState(initial=(0.1, 0.2, 0.3, 0.4, 0.5), step=1, keep=2)
SCENARIOS: dict[str, dict[str, Any]] = {
    "default": {},
    "shuffled": {"shuffle": 3},
    "one race": {"winners": 1},
    "weights alone": {"stdp": PLAIN},
    "gain bins": {"gain": BranchGain(bins=16, rate=0.1)},
    "six fast states": {"stdp": ThetaSTDP(fast=MANY)},
    "skips": {"order": 3, "skips": 2},
    "late recruits": {"recruitment": Recruitment(min_activations=2)},
    "small pool": {"pool": 4},
    "steep ramp": {"race": EscapeRace(start=2.0)},
    "flat ramp": {"race": EscapeRace(slope=1e-3 / second)},  # below one LSB a step: nobody wins
    "races of one step": {
        "winners": 50,
        "rhythm": Rhythm(encoding=75 * ms, gamma=50),
        "race": EscapeRace(start=2.0),
    },
    "plateaus end in a race": {"hold": 60 * ms},
    "gates of two cycles": {"prime_window": 300 * ms},
    "refractory over a cycle": {"t_ref": 140 * ms},
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_executors_agree_in_every_bit(go, name):
    symbols = np.random.default_rng(5).integers(0, 4, 20)
    pair = [go(symbols, 4, backend=b, **SCENARIOS[name]) for b in ("cpu", "reference")]
    assert_equal(*pair)
    assert pair[0].counters["output_spikes"] > 0


@pytest.mark.parametrize("size", [2, 9, 63])
def test_alphabets_of_odd_sizes_agree(go, size):
    symbols = np.random.default_rng(size).integers(0, size, 10)
    assert_equal(*(go(symbols, size, backend=b) for b in ("cpu", "reference")))


@pytest.mark.parametrize("backend", ["cpu", "reference"])
def test_a_run_split_in_two_equals_one_run(circuit, backend):
    symbols = np.random.default_rng(8).integers(0, 3, 24)
    lowered, shown, steps = circuit(symbols, 3)
    whole = run_circuit(lowered, shown, steps, backend=backend, progress=False)
    first = run_circuit(lowered, shown[:11], steps[:11], backend=backend, progress=False)
    second = run_circuit(
        lowered, shown[11:], steps[11:], backend=backend, state=first.state, progress=False
    )
    for name in whole.state._fields:
        assert np.array_equal(getattr(whole.state, name), getattr(second.state, name)), name
    assert np.array_equal(whole.potential, np.vstack([first.potential, second.potential]))
    assert np.array_equal(whole.winners, np.vstack([first.winners, second.winners]))
    counts = {k: first.counters[k] + second.counters[k] for k in whole.counters}
    assert counts == whole.counters


def test_another_seed_gives_other_winners(go):
    symbols = np.random.default_rng(5).integers(0, 4, 20)
    assert not np.array_equal(go(symbols, 4).winners, go(symbols, 4, seed=2).winners)


def test_scenarios_differ(go):
    """No option of the list above is without effect."""
    symbols = np.random.default_rng(5).integers(0, 4, 20)
    plain = go(symbols, 4).potential
    for name in ("shuffled", "weights alone", "gain bins", "six fast states", "late recruits"):
        assert not np.array_equal(plain, go(symbols, 4, **SCENARIOS[name]).potential), name


def test_state_in_is_not_changed(circuit):
    lowered, shown, steps = circuit([0, 1, 2, 1], 3)
    before = [np.copy(a) for a in lowered.state]
    run_circuit(lowered, shown, steps, progress=False)
    assert all(np.array_equal(a, b) for a, b in zip(before, lowered.state, strict=True))


def test_replace_keeps_the_lowered_circuit_usable(circuit):
    lowered, shown, steps = circuit([0, 1, 2, 1], 3)
    other = replace(lowered, program=lowered.program._replace(seed=9))
    assert run_circuit(other, shown, steps, progress=False).counters["source_spikes"] == 4
