"""Networks on which the twin must spike as Brian2 does, each with mechanisms of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from brian2 import ms, mV, pA

from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    AlphaCurrent,
    ConductanceLIF,
    Connectivity,
    DendriticTree,
    ExponentialConductance,
    ExponentialCurrent,
    HardWTA,
    LinearEvent,
    LinearIF,
    Network,
    PairSTDP,
    PermanenceSTDP,
    PlateauBranch,
    Population,
    Projection,
    Rhythm,
    Source,
    Taylor,
)
from bioplastic.description.connectivity import with_permanence
from bioplastic.description.stimulus import poisson
from bioplastic.networks.balanced import coba, cuba
from bioplastic.networks.wta import hard_wta, latency_trials, spiking_wta
from bioplastic.provenance import stream

DT = 0.1 * ms


def source(name: str, size: int, rate: float, steps: int, seed: int) -> Source:
    """Poisson trains of `rate` Hz."""
    rng = stream(seed, "twin", name)
    train = poisson(rng, np.full(size, rate) / (1000 * ms), steps * DT, DT)
    return Source(name=name, size=size, train=train)


def drawn(
    seed: int, n_pre: int, n_post: int, count: int, low: float, high: float, unit: Any, delays: Any
) -> Connectivity:
    """`count` synapses drawn with replacement (multapses), weights uniform, delays in steps."""
    rng = stream(seed, "twin", "synapses")
    return Connectivity(
        i=rng.integers(n_pre, size=count),
        j=rng.integers(n_post, size=count),
        weight=rng.uniform(low, high, count) * unit,
        delay=rng.integers(delays[0], delays[1], count) * DT,
    )


def recurrent(steps: int) -> Network:
    """Excitation and inhibition, exponential and alpha currents, delays of 0 to 39 steps."""
    receptors = (ExponentialCurrent(name="fast", tau=3 * ms), AlphaCurrent(name="slow", tau=4 * ms))
    offset = stream(2, "twin", "offset").uniform(300, 520, 40) * pA
    e = Population(name="e", size=40, neuron=LIF(i_offset=offset, receptors=receptors))
    i = Population(name="i", size=10, neuron=LIF(t_ref=0 * ms, receptors=receptors))
    return Network(
        name="recurrent",
        sources=[source("s", 12, 60, steps, 3)],
        populations=[e, i],
        projections=[
            Projection(name="se", pre="s", post="e", target="fast",
                       connectivity=drawn(4, 12, 40, 120, 50, 400, pA, (0, 40))),
            Projection(name="ee", pre="e", post="e", target="slow",
                       connectivity=drawn(5, 40, 40, 300, 5, 60, pA, (0, 40))),
            Projection(name="ei", pre="e", post="i", target="fast",
                       connectivity=drawn(6, 40, 10, 160, 50, 400, pA, (1, 20))),
            Projection(name="ie", pre="i", post="e", target="fast",
                       connectivity=drawn(7, 10, 40, 160, -200, -50, pA, (2, 3))),
            Projection(name="ie slow", pre="i", post="e", target="slow",
                       connectivity=drawn(8, 10, 40, 60, -100, -50, pA, (0, 1))),
        ],
    )  # fmt: skip


def adaptive(steps: int) -> Network:
    """Adaptive thresholds, driven by offsets and each other; no source."""
    offset = np.linspace(450, 900, 30) * pA
    neuron = AdaptiveLIF(
        i_offset=offset, theta_step=0.8 * mV, t_ref=0.1 * ms, v_rest=-1 * mV,
        receptors=(ExponentialCurrent(name="exc", tau=5 * ms),),
    )  # fmt: skip
    return Network(
        name="adaptive",
        populations=[Population(name="a", size=30, neuron=neuron)],
        projections=[
            Projection(name="aa", pre="a", post="a", target="exc",
                       connectivity=drawn(9, 30, 30, 200, -20, 40, pA, (1, 25))),
        ],
    )  # fmt: skip


def branches(steps: int) -> Network:
    """Two plateau branches per neuron, one under PermanenceSTDP and one input under PairSTDP."""
    tree = DendriticTree(
        branches=(
            PlateauBranch(name="distal", duration=8 * ms),
            PlateauBranch(name="apical", duration=3 * ms, threshold=90 * pA, tau=2 * ms),
        )
    )
    soma = LIF(receptors=(ExponentialCurrent(name="fast", tau=3 * ms),))
    e = Population(name="e", size=25, neuron=soma, dendrites=tree)
    rng = stream(11, "twin", "permanence")
    lateral = with_permanence(drawn(12, 25, 25, 200, 0, 1, pA, (1, 20)), rng.uniform(0, 20, 200))
    permanence = PermanenceSTDP(w_mature=30 * pA)
    pair = PairSTDP(w_max=600 * pA)
    return Network(
        name="branches",
        sources=[source("s", 15, 80, steps, 13)],
        populations=[e],
        projections=[
            Projection(name="in", pre="s", post="e", target="fast", plasticity=pair,
                       connectivity=drawn(14, 15, 25, 150, 100, 500, pA, (1, 15))),
            Projection(name="rec", pre="e", post="e", target="distal", plasticity=permanence,
                       connectivity=lateral),
            Projection(name="top", pre="s", post="e", target="apical",
                       connectivity=drawn(15, 15, 25, 150, 30, 120, pA, (0, 10))),
        ],
    )  # fmt: skip


def rhythmic(steps: int) -> Network:
    """Two winners per gamma cycle of a rhythm, with adaptive thresholds and no refractoriness."""
    neuron = AdaptiveLIF(
        t_ref=0 * ms, theta_step=0.5 * mV, i_offset=np.linspace(520, 560, 20) * pA,
        receptors=(ExponentialCurrent(name="exc", tau=3 * ms),),
    )  # fmt: skip
    cells = Population(name="c", size=20, neuron=neuron, inhibition=HardWTA(k=2))
    return Network(
        name="rhythmic",
        sources=[source("s", 10, 50, steps, 16)],
        populations=[cells],
        projections=[
            Projection(name="in", pre="s", post="c", target="exc",
                       connectivity=drawn(17, 10, 20, 60, 20, 200, pA, (1, 15))),
        ],
        rhythm=Rhythm(period=25 * ms, encoding=5 * ms, gamma=4),
    )  # fmt: skip


def linear(steps: int) -> Network:
    """Three coupled states with offsets, thresholds and starts of their own, events, plateaus."""
    rng = stream(18, "twin", "linear")
    n = 30
    jump = LinearEvent(
        name="jump", row=np.array([0.0, 1.0, 0.0]), theta=rng.uniform(0.55, 0.7, n),
        reset=np.diag([1.0, 0.5, 1.0]), reset_offset=np.array([0.0, -0.02, 0.1]),
        dead_time=3 * ms,
    )  # fmt: skip
    dap = LinearEvent(
        name="dAP", row=np.array([0.2, 0.0, 1.0]), theta=0.42,
        reset=np.diag([1.0, 1.0, 0.0]), reset_offset=np.zeros(3),
        duration=4 * ms, drive=np.array([60.0, 0.0, 5.0]), late=True,
    )  # fmt: skip
    neuron = LinearIF(
        names=("v", "w", "b"),
        matrix=np.array([[-100.0, 40.0, 30.0], [8.0, -60.0, 0.0], [5.0, 15.0, -40.0]]),
        offset=rng.uniform(0, 90, (n, 3)),
        row=np.array([1.0, 0.0, 0.1]),
        theta=rng.uniform(0.9, 1.1, n),
        reset=np.array([[0.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.1, 0.9]]),
        reset_offset=np.array([-0.1, 0.05, 0.0]),
        t_ref=2 * ms,
        held=("v",),
        deaf=("v",),
        events=(jump, dap),
        initial=rng.uniform(0, 0.3, (n, 3)),
    )
    return Network(
        name="linear",
        sources=[source("s", 10, 60, steps, 19)],
        populations=[Population(name="x", size=n, neuron=neuron)],
        projections=[
            Projection(name="in", pre="s", post="x", target="w",
                       connectivity=drawn(20, 10, n, 120, 0.05, 0.3, 1, (0, 12))),
            Projection(name="rec", pre="x", post="x", target="v",
                       connectivity=drawn(21, n, n, 120, -0.1, 0.15, 1, (1, 30))),
        ],
    )  # fmt: skip


def taylor(steps: int) -> Network:
    """A shared offset under a Runge–Kutta step of second order, nothing held."""
    neuron = LinearIF(
        names=("v", "g"),
        matrix=np.array([[-50.0, 50.0], [0.0, -200.0]]),
        offset=np.array([48.0, 0.0]),
        row=np.array([1.0, 0.0]),
        theta=1.0,
        reset=np.diag([0.0, 1.0]),
        reset_offset=np.zeros(2),
        t_ref=1 * ms,
        integrator=Taylor(order=2),
    )
    return Network(
        name="taylor",
        sources=[source("s", 8, 40, steps, 22)],
        populations=[Population(name="x", size=16, neuron=neuron)],
        projections=[
            Projection(name="in", pre="s", post="x", target="g",
                       connectivity=drawn(23, 8, 16, 60, 0.2, 1.0, 1, (1, 8))),
        ],
    )  # fmt: skip


def conductance(steps: int) -> Network:
    """Euler's method, adaptive thresholds, a leak that goes on while refractory, inputs onto v."""
    rng = stream(24, "twin", "conductance")
    n = 20
    neuron = ConductanceLIF(
        v_rest=rng.uniform(-62, -58, n) * mV, v_th=-52 * mV, drive=rng.uniform(0, 12, n) * mV,
        t_ref=3 * ms, held=False, theta_step=1 * mV, tau_theta=50 * ms,
        receptors=(
            ExponentialConductance(name="exc", tau=5 * ms, reversal=0 * mV),
            ExponentialConductance(name="inh", tau=10 * ms, reversal=-80 * mV),
        ),
        integrator=Taylor(order=1),
        initial_v=rng.uniform(-60, -50, n) * mV,
        initial_g=rng.uniform(0, 0.3, (n, 2)),
        initial_theta=0.5 * mV,
    )  # fmt: skip
    return Network(
        name="conductance",
        sources=[source("s", 10, 60, steps, 25)],
        populations=[Population(name="c", size=n, neuron=neuron)],
        projections=[
            Projection(name="in", pre="s", post="c", target="exc",
                       connectivity=drawn(26, 10, n, 60, 0.02, 0.2, 1, (1, 12))),
            Projection(name="kick", pre="s", post="c", target="v",
                       connectivity=drawn(27, 10, n, 60, -1, 2, mV, (0, 5))),
            Projection(name="rec", pre="c", post="c", target="inh",
                       connectivity=drawn(28, n, n, 100, 0.02, 0.2, 1, (2, 20))),
        ],
    )  # fmt: skip


def _trials() -> Any:
    rng = stream(29, "twin", "trials")
    return latency_trials(
        rng, size=16, k=3, trials=4, period=50 * ms, lead=3 * ms, jitter=1 * ms
    )[0]  # fmt: skip


def winners(steps: int) -> Network:
    """Hard winner-take-all with a period of its own."""
    return hard_wta(_trials(), size=16, k=3, period=50 * ms)


def inhibited(steps: int) -> Network:
    """Winner-take-all by a spiking inhibitory neuron."""
    return spiking_wta(_trials(), size=16, k=3, period=50 * ms, delay=0.4 * ms)


def current_based(steps: int) -> Network:
    """300 neurons, excitatory and inhibitory, current-based."""
    return cuba(size=300, probability=0.1, seed=30)


def conductance_based(steps: int) -> Network:
    """240 neurons, excitatory and inhibitory, conductance-based."""
    return coba(size=240, probability=0.1, seed=31)


# network -> (function, steps, least number of spikes and events, so that silence cannot pass)
ALL: dict[str, tuple[Callable[[int], Network], int, int]] = {
    "recurrent": (recurrent, 1500, 200),
    "adaptive": (adaptive, 1500, 100),
    "branches": (branches, 1500, 100),
    "rhythmic": (rhythmic, 1500, 20),
    "linear": (linear, 1500, 150),
    "taylor": (taylor, 1000, 30),
    "conductance": (conductance, 1500, 50),
    "winners": (winners, 2000, 12),
    "inhibited": (inhibited, 2000, 12),
    "current_based": (current_based, 1000, 200),
    "conductance_based": (conductance_based, 1000, 100),
}
