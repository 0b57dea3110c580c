"""What was learned is handed over, whichever executor ran."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brian2 import ms, pA

from bioplastic import simulate
from bioplastic.description import PairSTDP, SpikeTrain
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.kernels import dispatch
from bioplastic.learned import Learned
from bioplastic.learning import handover
from bioplastic.networks import temporal_memory as tm
from bioplastic.networks.stdp_pair import stdp_pair
from bioplastic.quantize import lower

DT = 0.1 * ms


@pytest.fixture(scope="module")
def memory():
    """A small temporal memory, and what each executor learned in two episodes."""
    p = tm.parameters("I", episodes=2, neurons=12, winners=4, coincidence=2, delta_t=20 * ms)
    network, steps = tm.temporal_memory(p, np.random.default_rng(1)), round(float(p.duration / DT))
    lowered = lower(network, DT)
    done = simulate.run(network, steps * DT, dt=DT, progress=False)
    found = {"brian2": handover.from_brian2(network, done.final, {"seed": 1})}
    for backend in dispatch.BACKENDS:
        state = dispatch.run(lowered, steps, backend=backend).state
        found[backend] = handover.from_kernel(network, lowered, state, {"seed": 1})
    return network, found


def test_executors_hand_over_the_same_permanences(memory):
    network, found = memory
    before = network.projection("recurrent").connectivity.permanence
    floats, integers = (found[b].array("recurrent/permanence") for b in ("brian2", "cpu"))
    np.testing.assert_array_equal(integers, found["reference"].array("recurrent/permanence"))
    np.testing.assert_allclose(floats, integers, atol=1e-3)
    changed = np.abs(integers - before) > 0.1
    assert 0 < changed.sum() < len(changed)


def test_file_gives_back_what_was_handed_over(memory, tmp_path):
    learned = memory[1]["cpu"]
    again = Learned.load(learned.save(tmp_path / "learned.h5"))
    assert again.content_hash == learned.content_hash
    rule: Any = again.description.projection("recurrent").plasticity
    mature = again.array("recurrent/permanence") > rule.theta_p
    weight = again.network(plastic=False).projection("recurrent").connectivity.weight
    np.testing.assert_array_equal(np.asarray(weight / pA) > 0, mature)


def test_another_rule_is_refused():
    rule = PairSTDP(w_max=1 * pA, tau_plus=17 * ms, tau_minus=34 * ms, a_plus=0.1, a_minus=0.05)
    train = SpikeTrain(i=np.arange(3), t=[10, 20, 30] * ms)
    network = stdp_pair(train, train, size=3, rule=rule, weight=0.5 * pA, dt=DT)
    with pytest.raises(UnsupportedModel, match="plastic: what PairSTDP learned"):
        handover.from_kernel(network, lower(network, DT), dispatch.run(lower(network, DT), 0).state)


def test_a_state_of_another_network_is_refused(memory):
    p = tm.parameters("I", episodes=1, neurons=12, winners=4, coincidence=2)
    network = tm.temporal_memory(p, np.random.default_rng(1))
    state = simulate.checkpoint.State(network="other", step=0, dt=1e-4, arrays={})
    with pytest.raises(UsageError, match="there is no projections/recurrent/P"):
        handover.from_brian2(network, state)
