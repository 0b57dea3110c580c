"""Networks of linear and conductance neurons, drawn by hypothesis, and one stepper in float64."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from brian2 import amp, ms, mV, nA, second
from hypothesis import strategies as st

from bioplastic.description import (
    LIF,
    ConductanceLIF,
    Connectivity,
    Exact,
    ExponentialConductance,
    ExponentialCurrent,
    ExponentialEuler,
    LinearEvent,
    LinearIF,
    Network,
    Population,
    Projection,
    Source,
    SpikeTrain,
    Taylor,
)

STEPS = 150
SIZES = [1, 3, 31, 33, 65]


def cuba(size: int, rng: np.random.Generator, **changed: Any) -> LinearIF:
    """The neuron of the CUBA benchmark: v, ge and gi in volts."""
    tau_m, tau_e, tau_i = 20e-3, 5e-3, 10e-3
    initial = np.zeros((size, 3))
    initial[:, 0] = rng.uniform(-60e-3, -50e-3, size)
    values: dict[str, Any] = {
        "names": ("v", "ge", "gi"),
        "matrix": np.array(
            [[-1 / tau_m, 1 / tau_m, 1 / tau_m], [0, -1 / tau_e, 0], [0, 0, -1 / tau_i]]
        ),
        "offset": np.array([-49e-3 / tau_m, 0, 0]),
        "row": np.array([1.0, 0, 0]),
        "theta": -50e-3,
        "reset": np.diag([0.0, 1, 1]),
        "reset_offset": np.array([-60e-3, 0, 0]),
        "t_ref": 5 * ms,
        "held": ("v",),
        "initial": initial,
    }  # fmt: skip
    return LinearIF(**(values | changed))


def adapting(size: int, rng: np.random.Generator, t_ref: float) -> LinearIF:
    """v and w drive each other, w jumps at a spike; v held, or not; thresholds of their own."""
    matrix = np.array([[-50.0, -50.0], [5.0, -8.0]])
    return LinearIF(
        names=("v", "w"),
        matrix=matrix,
        offset=np.stack([rng.uniform(0, 1.5, size), np.zeros(size)], axis=1),
        row=np.array([1.0, -0.3]),
        theta=rng.uniform(5e-3, 12e-3, size),
        reset=np.array([[0.0, 0.1], [0.0, 1.0]]),
        reset_offset=np.array([-2e-3, 1e-3]),
        t_ref=t_ref * ms,
        held=("v",) if t_ref else (),
        deaf=("v",) if t_ref else (),
        integrator=Taylor(order=int(rng.integers(1, 5))) if rng.random() < 0.5 else Exact(),
    )


def dendritic(size: int, rng: np.random.Generator, t_ref: float) -> LinearIF:
    """Soma and dendrite in both directions and a current; plateaus, a clear event, a late one."""
    matrix = np.array([[-80.0, 30.0, 0], [60.0, -100.0, 100.0], [0, 0, -200.0]])
    one, none = np.eye(3), np.zeros(3)
    plateau = LinearEvent(
        name="plateau", row=np.array([0, 1.0, 0]), theta=4e-3, reset=np.diag([1.0, 1, 0]),
        reset_offset=none, duration=3 * ms, dead_time=rng.choice([0, 5]) * ms,
        drive=np.array([0.0, 0.8, 0]),
    )  # fmt: skip
    clear = LinearEvent(
        name="clear", row=np.array([-0.2, 1.0, 0]), theta=rng.uniform(4e-3, 6e-3, size),
        reset=np.diag([0.5, 1, 1]), reset_offset=none, dead_time=1 * ms,
    )  # fmt: skip
    late = LinearEvent(
        name="late", row=np.array([1.0, 0.5, 0]), theta=4e-3, reset=one,
        reset_offset=np.array([0, -1e-3, 0]), dead_time=2 * ms, late=True,
    )  # fmt: skip
    return LinearIF(
        names=("soma", "dendrite", "current"),
        matrix=matrix,
        offset=none,
        row=np.array([1.0, 0, 0]),
        theta=0.5e-3,
        reset=np.diag([0.0, 1, 1]),
        reset_offset=none,
        t_ref=t_ref * ms,
        held=("soma",) if t_ref else (),
        events=(plateau, clear, late),
    )


def conductance(size: int, rng: np.random.Generator, t_ref: float) -> ConductanceLIF:
    """Two receptors, adaptation in half of the draws, exponential Euler or Euler."""
    return ConductanceLIF(
        v_rest=-60 * mV,
        v_th=rng.uniform(-52, -48, size) * mV,
        drive=rng.uniform(0, 11, size) * mV,
        t_ref=t_ref * ms,
        held=bool(rng.random() < 0.5),
        receptors=(
            ExponentialConductance(name="ge", tau=5 * ms, reversal=0 * mV),
            ExponentialConductance(name="gi", tau=10 * ms, reversal=-80 * mV),
        ),
        theta_step=rng.choice([0, 2]) * mV,
        tau_theta=30 * ms,
        initial_v=rng.uniform(-60, -50, size) * mV,
        initial_g=rng.uniform(0, 0.5, (size, 2)),
        integrator=Taylor(order=1) if rng.random() < 0.5 else ExponentialEuler(),
    )


KINDS: dict[str, tuple[Callable[..., Any], float, bool]] = {
    "cuba": (lambda n, rng, t: cuba(n, rng, t_ref=t * ms, held=("v",) if t else ()), 8e-3, True),
    "adapting": (adapting, 3e-3, True),
    "dendritic": (dendritic, 6e-3, True),
    "conductance": (conductance, 0.3, False),
}


def weights(rng: np.random.Generator, target: str, unit: float, signed: bool, n: int) -> np.ndarray:
    """Drawn weights for a target; conductances take none below zero."""
    low = -1 if signed or target == "v" else 0
    scale = 2e-3 if target == "v" and not signed else unit
    return rng.uniform(low, 1, n) * scale


@st.composite
def networks(
    draw: st.DrawFn, kinds: tuple[str, ...] = tuple(KINDS), sizes: Sequence[int] = SIZES,
    least: int = 0,
) -> Network:  # fmt: skip
    """A source, one population of a kind, a LIF population, projections between all of them.

    least   smallest delay, steps
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    size, kind = draw(st.sampled_from(sizes)), draw(st.sampled_from(kinds))
    t_ref = draw(st.sampled_from([0.0, 0.1, 0.2, 2.0]))
    build, unit, signed = KINDS[kind]
    at = np.unique(rng.integers(0, 5 * STEPS, draw(st.integers(0, 80))))
    train = SpikeTrain(i=at % 5, t=(at // 5) * 1e-4 * second)
    others = Population(
        name="lif", size=7,
        neuron=LIF(receptors=(ExponentialCurrent(name="fast", tau=2 * ms),), i_offset=0.6 * nA),
    )  # fmt: skip
    main = Population(name="p", size=size, neuron=build(size, rng, t_ref))
    projections = []
    for k, (pre, n_pre) in enumerate((("in", 5), ("p", size), ("lif", 7), ("in", 5))):
        target = draw(st.sampled_from(main.targets()))
        i, j = np.nonzero(rng.random((n_pre, size)) < draw(st.sampled_from([0.2, 0.7])))
        w = weights(rng, target, unit * 5 / n_pre, signed, len(i))
        delay = rng.integers(least, 12, len(i)) * 0.1 * ms
        connectivity = Connectivity(i=i, j=j, weight=w, delay=delay)
        projections.append(
            Projection(name=f"q{k}", pre=pre, post="p", target=target, connectivity=connectivity)
        )
    i, j = np.nonzero(rng.random((size, 7)) < 0.3)
    w = rng.uniform(-1, 1, len(i)) * 1e-9 * amp
    back = Connectivity(i=i, j=j, weight=w, delay=max(least, 1) * 0.1 * ms)
    projections.append(
        Projection(name="back", pre="p", post="lif", target="fast", connectivity=back)
    )
    return Network(
        name="drawn",
        sources=[Source(name="in", size=5, train=train)],
        populations=[main, others],
        projections=projections,
    )
