"""Drawn circuits: reference = cpu = torch operator in every bit, whole and in two parts.

tests/circuit/test_gpu.py does the same for Triton.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from bioplastic.bridge.module import IntegerModule
from bioplastic.kernels.circuit.cpu import run as cpu
from bioplastic.kernels.circuit.reference import run as reference
from tests.circuit.drawn import circuits
from tests.circuit.test_gpu import assert_agree, outcome

some = settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def agree(circuit, drawn):
    symbols, size, changes = drawn
    lowered, shown, steps = circuit(symbols, size, **changes)
    state, program = lowered.state, lowered.program
    end, wanted = outcome(reference, program, state, shown, steps)
    assert_agree(wanted, outcome(cpu, program, state, shown, steps)[1])
    half = len(shown) // 2
    now, _ = outcome(cpu, program, state, shown[:half], steps[:half])
    later, _ = outcome(cpu, program, now, shown[half:], steps[half:])
    module = IntegerModule(lowered)
    phase = np.asarray(steps) % program.period
    symbols_, phase_ = (
        torch.tensor(np.asarray(a)[None], dtype=torch.int32) for a in (shown, phase)
    )
    found = module.record(symbols_, module.initial_state(), phase=phase_)
    for name, array in end._asdict().items():
        np.testing.assert_array_equal(found.state[name][0], array, err_msg=name)
    for name in ("potential", "share", "winners"):
        np.testing.assert_array_equal(found.made[name][0], wanted[name], err_msg=name)
    assert_agree(end._asdict(), later._asdict())


@some
@given(drawn=circuits(longest=4))
def test_executors_agree_on_drawn_circuits(circuit, drawn):
    agree(circuit, drawn)


@pytest.mark.study
@settings(some, max_examples=2000)
@given(drawn=circuits())
def test_executors_agree_on_many_drawn_circuits(circuit, drawn):
    agree(circuit, drawn)
