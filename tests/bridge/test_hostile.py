"""Bad networks and bad inputs on their way into torch: refused with the name of the object."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from brian2 import ms, nA

from bioplastic.bridge.module import IntegerModule
from bioplastic.description import (
    LIF,
    ConductanceLIF,
    Connectivity,
    ExponentialCurrent,
    Network,
    Population,
    Projection,
    Source,
    SpikeTrain,
    Taylor,
)
from bioplastic.errors import BioplasticError, UsageError
from bioplastic.kernels.dispatch import run
from bioplastic.quantize import lower
from tests.bridge.scenes import assert_same, reference

DT = 0.1 * ms
NONE = SpikeTrain(i=np.zeros(0, int), t=np.zeros(0) * ms)


def described(*, size=3, sources=2, weight=5.0, delay=0.5, tau=5.0, tau_m=10.0, neuron=None):
    """Two source neurons onto three cells, all to all; weight in nA, times in ms."""
    i, j = np.nonzero(np.ones((sources, size)))
    current = ExponentialCurrent(name="exc", tau=tau * ms)
    connectivity = Connectivity(i=i, j=j, weight=np.full(len(i), weight) * nA, delay=delay * ms)
    return Network(
        name="small",
        sources=[Source(name="in", size=sources, train=NONE)],
        populations=[
            Population(
                name="cells", size=size,
                neuron=neuron or LIF(tau_m=tau_m * ms, receptors=(current,)),
            )
        ],
        projections=[
            Projection(name="feed", pre="in", post="cells", target="exc", connectivity=connectivity)
        ]
        if neuron is None
        else [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: described(size=0), r"Population\.size = 0: must be a whole number >= 1"),
        (lambda: described(sources=0), r"Source\.size = 0: must be a whole number >= 1"),
        (lambda: described(weight=np.nan), r"Connectivity\.weight = \[nan .*must be finite"),
        (lambda: described(weight=-np.inf), r"Connectivity\.weight = .*must be finite"),
        (lambda: described(delay=np.nan), r"Connectivity\.delay = nan s: must be finite"),
        (lambda: described(delay=-1), r"Connectivity\.delay = -1\. ms: must be >= 0"),
        (lambda: lower(described(delay=1e8), DT), r"feed\.delay: 1000000000 steps; at most 65536"),
        (lambda: described(tau=0), r"ExponentialCurrent\.tau = 0"),
        (lambda: described(tau=np.nan), r"ExponentialCurrent\.tau = nan"),
        (
            lambda: lower(
                described(neuron=ConductanceLIF(tau_m=0.05 * ms, integrator=Taylor(order=1))), DT
            ),
            r"cells\.neuron\.tau_m = 0\.05 ms: shorter than the step of 0\.1 ms",
        ),
    ],
)
def test_networks_that_cannot_run_are_refused(build, message):
    with pytest.raises(BioplasticError, match=message):
        build()


@pytest.mark.parametrize(
    "network",
    [
        pytest.param(described(tau=0.01, weight=500.0), id="current shorter than a step"),
        pytest.param(described(tau_m=0.01), id="membrane shorter than a step"),
        pytest.param(described(delay=400.0), id="longer than the run"),
    ],
)
@pytest.mark.parametrize("spikes", [0, 3], ids=["silent", "all spike"])
def test_odd_networks_give_the_bits_of_the_reference(network, spikes):
    lowered = lower(network, DT, fraction=8)
    module = IntegerModule(lowered)
    given = torch.full((1, 60, 1), spikes, dtype=torch.int32)
    found = module.record(given, module.initial_state())
    assert_same(module, found.made, found.state, reference(lowered, given, [0]))
    if not spikes:
        assert not found.made["spikes"].any()
        assert run(lowered, 60).counters["spikes"] == 0


@pytest.fixture(scope="module")
def module():
    return IntegerModule(lower(described(), DT, fraction=8))


@pytest.mark.parametrize(
    ("spikes", "state", "message"),
    [
        (lambda s: s.numpy(), lambda m: m, "small: spikes: must be a Tensor, not a ndarray"),
        (lambda s: s, lambda m: None, "small: state: must be a ModuleState, not a NoneType"),
        (lambda s: s, lambda m: m.tensors, "small: state: must be a ModuleState, not a tuple"),
        (lambda s: s, lambda m: m.to("meta"), "small: state 'step' is on meta, spikes on cpu"),
        (lambda s: s.bool(), lambda m: m, r"small: spikes: must be \(B, T, 1\) int32.*torch.bool"),
        (lambda s: s[0], lambda m: m, r"small: spikes: must be \(B, T, 1\) int32.*\(5, 1\)"),
        (lambda s: s[:0], lambda m: m, "small: a batch of 0: must be 1 to 65535"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(module, spikes, state, message):
    given = torch.zeros((1, 5, 1), dtype=torch.int32)
    with pytest.raises(UsageError, match=message):
        module(spikes(given), state(module.initial_state()))


def test_spikes_that_do_not_lie_in_a_row_are_the_same_spikes(module):
    given = torch.arange(5, dtype=torch.int32)[None, :, None] & 3
    strided = torch.zeros((1, 5, 2), dtype=torch.int32)
    strided[..., 1:] = given
    wanted, end = module(given, module.initial_state())
    found, after = module(strided[..., 1:], module.initial_state())
    assert torch.equal(found, wanted)
    assert after.difference(end) == []
