"""Small networks that between them use everything the sparse kernel knows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from brian2 import Hz, ms, mV, nA, pA

from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    AlphaCurrent,
    Connectivity,
    ExponentialCurrent,
    HardWTA,
    Network,
    PairSTDP,
    Population,
    PowerLaw,
    Projection,
    Rhythm,
    Source,
)
from bioplastic.description.stimulus import poisson
from bioplastic.networks import temporal_memory as tm

DT = 0.1 * ms
FAST = ExponentialCurrent(name="fast", tau=3 * ms)
SLOW = AlphaCurrent(name="slow", tau=5 * ms)


def _source(rng, size, seconds, rate=80):
    train = poisson(rng, np.full(size, rate) * Hz, seconds * 1000 * ms, DT)
    return Source(name="in", size=size, train=train)


def _random(rng, n_pre, n_post, share, weight, longest=3.0):
    i, j = np.nonzero(rng.random((n_pre, n_post)) < share)
    delay = np.round(rng.uniform(0, longest, len(i)), 1) * ms
    return Connectivity(i=i, j=j, weight=weight * rng.uniform(0.2, 1, len(i)), delay=delay)


def _projection(name, pre, post, target, connectivity, rule=None):
    return Projection(
        name=name, pre=pre, post=post, target=target, connectivity=connectivity, plasticity=rule
    )


def recurrent(size: int) -> Network:
    """Two receptors, heterogeneous delays (0 included), excitation, inhibition, offset currents."""
    rng = np.random.default_rng(size)
    neuron = LIF(receptors=(FAST, SLOW), i_offset=rng.uniform(0, 0.45, size) * nA)
    share = min(1.0, 20 / size)
    return Network(
        name=f"recurrent {size}",
        sources=[_source(rng, 20, 0.1)],
        populations=[Population(name="p", size=size, neuron=neuron)],
        projections=[
            _projection("feed", "in", "p", "fast", _random(rng, 20, size, 0.5, 700 * pA)),
            _projection("plus", "p", "p", "slow", _random(rng, size, size, share, 200 * pA)),
            _projection("minus", "p", "p", "fast", _random(rng, size, size, share, -300 * pA)),
        ],
    )


def adaptive() -> Network:
    """Adaptive thresholds and no refractory time."""
    rng = np.random.default_rng(3)
    neuron = AdaptiveLIF(
        receptors=(FAST,), t_ref=0 * ms, tau_theta=30 * ms, theta_step=2 * mV, i_offset=0.6 * nA
    )
    return Network(
        name="adaptive",
        sources=[_source(rng, 10, 0.1)],
        populations=[Population(name="p", size=40, neuron=neuron)],
        projections=[_projection("feed", "in", "p", "fast", _random(rng, 10, 40, 0.8, 900 * pA))],
    )


def pairs(mu: float, n: int = 37) -> Network:
    """Pair STDP on a feed-forward and on a recurrent projection, with coincidences."""
    rng = np.random.default_rng(int(10 * mu))
    rule = PairSTDP(
        w_max=800 * pA, a_plus=0.03, a_minus=0.0315, tau_plus=10 * ms, dependence=PowerLaw(mu=mu)
    )
    neuron = LIF(receptors=(FAST, SLOW))
    feed, back = _random(rng, 30, n, 0.6, 800 * pA), _random(rng, n, n, 0.3, 100 * pA, longest=1)
    return Network(
        name=f"pairs {mu}",
        sources=[_source(rng, 30, 0.2)],
        populations=[Population(name="p", size=n, neuron=neuron)],
        projections=[
            _projection("feed", "in", "p", "fast", feed, rule),
            _projection("back", "p", "p", "slow", back, rule),
        ],
    )


def competition(period_ms: float | None, rhythm: Rhythm | None = None) -> Network:
    """Hard winner-take-all; several neurons above threshold when a competition starts."""
    rng = np.random.default_rng(5)
    inhibition = HardWTA(k=3, period=None if period_ms is None else period_ms * ms)
    neuron = LIF(receptors=(FAST,), i_offset=np.linspace(0.4, 0.7, 70) * nA)
    return Network(
        name="competition",
        sources=[_source(rng, 10, 0.1)],
        populations=[Population(name="p", size=70, neuron=neuron, inhibition=inhibition)],
        projections=[_projection("feed", "in", "p", "fast", _random(rng, 10, 70, 0.5, 300 * pA))],
        rhythm=rhythm,
    )


def memory(task: str = "I") -> Network:
    """A small temporal memory: plateaus, permanences, homeostasis, spiking inhibition, priming."""
    p = tm.parameters(
        task, neurons=25, winners=6, connectivity=0.4, coincidence=3, episodes=6, delta_t=15 * ms,
        rates=(0.5, 0.05, 0.01), primed=7,
    )  # fmt: skip
    return tm.temporal_memory(p, np.random.default_rng(2))


SCENARIOS: dict[str, tuple[Callable[[], Network], int]] = {
    "recurrent-1": (lambda: recurrent(1), 600),
    "recurrent-63": (lambda: recurrent(63), 600),
    "recurrent-500": (lambda: recurrent(500), 250),
    "adaptive": (adaptive, 500),
    "pairs-additive": (lambda: pairs(0.0), 400),
    "pairs-multiplicative": (lambda: pairs(1.0), 400),
    "wta-run": (lambda: competition(None), 300),
    "wta-period": (lambda: competition(12.5), 500),
    "wta-rhythm": (lambda: competition(None, Rhythm(period=25 * ms, encoding=5 * ms)), 500),
    "memory": (memory, 4000),
}


@pytest.fixture(params=list(SCENARIOS))
def scenario(request: pytest.FixtureRequest) -> tuple[Network, int]:
    """A network and for how many steps it is worth running."""
    build, steps = SCENARIOS[request.param]
    return build(), steps
