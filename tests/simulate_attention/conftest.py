"""A network on a text, and the integer kernel's run of it in the form of the Brian2 run."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from brian2 import ms

from bioplastic.description import Network, SymbolSchedule
from bioplastic.learning import corpus
from bioplastic.learning.agreement import kernel_run
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention


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
    return kernel_run
