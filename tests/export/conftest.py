from pathlib import Path

import numpy as np
import pytest
from brian2 import pA, second

from bioplastic.description import (
    LIF,
    AllToAll,
    Connectivity,
    ExponentialCurrent,
    Network,
    PairSTDP,
    PermanenceSTDP,
    PlateauBranch,
    Population,
    Projection,
    Source,
    SpikeTrain,
)
from bioplastic.description.dendrite import DendriticTree
from bioplastic.export.bundle import foreign
from bioplastic.learned import Learned
from bioplastic.result import SpikeRecord


def tools() -> Path:
    """The interpreter of the verifier environment; the test is skipped where there is none."""
    found = foreign.interpreter() or Path(__file__).parents[2] / foreign.DEFAULT
    if not found.is_file():
        pytest.skip(f"no {foreign.DEFAULT}: make verifiers, or set {foreign.VARIABLE}")
    return found


def make(population, steps, ids, size, dt=1e-4, labels=None):
    return SpikeRecord(
        population=population, steps=np.asarray(steps, np.int64), ids=np.asarray(ids, np.int64),
        size=size, dt=dt, labels=labels,
    )  # fmt: skip


@pytest.fixture
def spikes():
    """Three populations on two grids: a busy one, a labelled one, a silent one."""
    rng = np.random.default_rng(5)
    places = np.sort(rng.choice(4000 * 50, size=700, replace=False))
    return {
        "cells": make("cells", places // 50, places % 50, 50),
        "out put": make("out put", [0, 3, 9], [1, 0, 1], 2, 1e-3, ("a", "β")),
        "silent": make("silent", [], [], 3),
    }


@pytest.fixture
def long_spikes():
    """Three and a half hours, as long as 100 000 symbols of 125 ms, with a silent hour."""
    steps = np.sort(np.random.default_rng(1).integers(0, 10**8, 500)) + np.array([0, 25 * 10**6]).repeat(250)  # fmt: skip # noqa: E501
    return {
        "keys": make("keys", np.unique(steps), np.arange(len(np.unique(steps))) % 7, 7),
        "edges": make("edges", [0, 19_999_999, 20_000_000, 124_999_999], [0, 1, 0, 1], 2),
    }


@pytest.fixture
def learned():
    network = Network(
        name="small",
        sources=(Source(name="in", size=3, train=SpikeTrain(i=np.array([0]), t=[0.1] * second)),),
        populations=(
            Population(
                name="cells", size=50, dendrites=DendriticTree(branches=(PlateauBranch(),)),
                neuron=LIF(receptors=(ExponentialCurrent(name="drive", tau=0.002 * second),)),
            ),
        ),
        projections=(
            Projection(name="in to cells", pre="in", post="cells", target="drive",
                       connectivity=Connectivity(i=np.array([0, 2]), j=np.array([1, 49]),
                                                 weight=[3.0, 0.1] * pA,
                                                 delay=[0.001, 0.0025] * second),
                       plasticity=PairSTDP(w_max=20 * pA)),
            Projection(name="grow", pre="cells", post="cells", target="distal",
                       connectivity=Connectivity(i=np.array([1, 2, 3]), j=np.array([4, 5, 6]),
                                                 weight=0 * pA, permanence=np.zeros(3)),
                       plasticity=PermanenceSTDP(w_mature=12.5 * pA)),
            Projection(name="rule", pre="in", post="cells", target="drive",
                       connectivity=AllToAll(n_pre=3, n_post=50, weight=1 * pA,
                                             delay=0.001 * second)),
        ),
    )  # fmt: skip
    arrays = {
        "in to cells/weight": np.array([4.0, 0.3]) * pA,
        "grow/permanence": np.array([11.0, 10.0, 20.0]),
    }
    return Learned(network, arrays)
