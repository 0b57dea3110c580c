"""A subclass that no executor knows is refused; it used to run as its parent."""

from dataclasses import dataclass

import numpy as np
import pytest
from brian2 import ms

from bioplastic import simulate
from bioplastic.description import LIF, Network, Population
from bioplastic.errors import UnsupportedModel
from bioplastic.quantize.lower import lower


@dataclass(frozen=True, kw_only=True)
class Bursting(LIF):
    """A neuron that nobody builds."""


def network() -> Network:
    return Network(name="n", populations=[Population(name="cells", size=2, neuron=Bursting())])


def test_brian2_refuses_it():
    with pytest.raises(UnsupportedModel, match=r"cells.*Bursting"):
        simulate.run(network(), 1 * ms, progress=False)


def test_lowering_refuses_it():
    with pytest.raises(UnsupportedModel, match=r"cells.*Bursting"):
        lower(network(), 0.1 * ms)


def test_the_parent_runs():
    plain = Network(name="n", populations=[Population(name="cells", size=2, neuron=LIF())])
    assert np.array_equal(simulate.run(plain, 1 * ms, progress=False).spikes["cells"].steps, [])
