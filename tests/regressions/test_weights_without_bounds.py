"""A rule that clips nothing runs in floats; integers refuse it with the reason."""

from __future__ import annotations

import pytest
from brian2 import Network, NeuronGroup, SpikeGeneratorGroup, Synapses, ms, prefs

import bioplastic
from bioplastic import UnsupportedModel, simulate
from bioplastic.description import TraceSTDP
from bioplastic.description.trace_rule import UNBOUNDED


@pytest.mark.parametrize("factor", ["0.001", "-2"])
def test_no_bound_stays_none_and_integers_say_so(factor):
    prefs.codegen.target = "numpy"
    source = SpikeGeneratorGroup(2, [0, 1], [1, 2] * ms, name="source")
    cells = NeuronGroup(2, "dv/dt = -v/(10*ms) : 1", threshold="v > 1", reset="v = 0", name="cells")
    S = Synapses(
        source, cells, "w : 1\ndx/dt = -x/(20*ms) : 1 (event-driven)",
        on_pre=f"v_post += {factor}*w; x += 1", on_post="w = w + 0.1*x", name="S",
    )  # fmt: skip
    S.connect()
    S.w = 0.5
    network = simulate.read(Network(source, cells, S), namespace={})
    rule = network.projection("S").plasticity
    assert isinstance(rule, TraceSTDP)
    assert (rule.low, rule.high) == (-UNBOUNDED, UNBOUNDED)
    with pytest.raises(UnsupportedModel, match=r"S\.plasticity: low = .*: integers need a range"):
        bioplastic.lower(network, dt=0.1 * ms)
