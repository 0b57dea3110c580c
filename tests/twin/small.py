"""Small networks whose gradients are checked, and the twin as a function of chosen tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from brian2 import ms, mV, nA, pA
from torch.func import functional_call

from bioplastic.bridge import Trainable, Twin, TwinState, twin
from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    AlphaCurrent,
    ConductanceLIF,
    DendriticTree,
    ExponentialConductance,
    ExponentialCurrent,
    LinearEvent,
    LinearIF,
    Network,
    PlateauBranch,
    Population,
    Projection,
)
from tests.twin.networks import DT, drawn, source

STEPS = 60
EVERY = Trainable(weights=True, thresholds=True, offsets=True, time_constants=True)


def _one(neuron: Any, target: str, unit: Any, low: float, high: float, **more: Any) -> Network:
    """Four sources onto three neurons, and those onto each other."""
    return Network(
        name="small",
        sources=[source("s", 4, 300, STEPS, 40)],
        populations=[Population(name="x", size=3, neuron=neuron, **more)],
        projections=[
            Projection(name="in", pre="s", post="x", target=target,
                       connectivity=drawn(41, 4, 3, 9, low, high, unit, (0, 8))),
            Projection(name="rec", pre="x", post="x", target=target,
                       connectivity=drawn(42, 3, 3, 5, low, high, unit, (1, 8))),
        ],
    )  # fmt: skip


def leaky(high: float = 60) -> Network:
    """Alpha current, offsets, a threshold that adapts; weights up to `high` pA."""
    neuron = AdaptiveLIF(
        v_rest=-65 * mV, v_reset=-70 * mV, v_th=-45 * mV, i_offset=np.array([0.1, 0.2, 0.25]) * nA,
        receptors=(AlphaCurrent(name="r", tau=3 * ms),), theta_step=0.7 * mV, t_ref=0.5 * ms,
    )  # fmt: skip
    return _one(neuron, "r", pA, 10, high)


def branched(high: float = 30, drive: float = 300) -> Network:
    """Arrivals onto a plateau branch (plateaus from about 60 pA on); `drive` pA."""
    neuron = LIF(receptors=(ExponentialCurrent(name="r", tau=3 * ms),), i_offset=drive * pA)
    tree = DendriticTree(branches=(PlateauBranch(name="b", duration=1.5 * ms),))
    return _one(neuron, "b", pA, 10, high, dendrites=tree)


def coupled(high: float = 0.05, drive: float = 20.0) -> Network:
    """Three coupled states with a plateau event."""
    event = LinearEvent(
        name="dAP", row=np.array([0.0, 0.0, 1.0]), theta=0.3, reset=np.diag([1.0, 1.0, 0.0]),
        reset_offset=np.zeros(3), duration=1 * ms, drive=np.array([90.0, 0.0, 0.0]),
    )  # fmt: skip
    neuron = LinearIF(
        names=("v", "w", "b"),
        matrix=np.array([[-100.0, 80.0, 30.0], [0.0, -300.0, 0.0], [0.0, 90.0, -200.0]]),
        offset=np.array([drive, 1.0, 0.0]),
        row=np.array([1.0, 0.0, 0.0]),
        theta=1.0,
        reset=np.diag([0.0, 1.0, 1.0]),
        reset_offset=np.array([-0.1, 0.0, 0.0]),
        t_ref=0.5 * ms,
        held=("v",),
        events=(event,),
    )
    return _one(neuron, "w", 1, 0.01, high)


def conducting(high: float = 0.05) -> Network:
    """One excitatory conductance under exponential Euler."""
    neuron = ConductanceLIF(
        receptors=(ExponentialConductance(name="r", tau=5 * ms, reversal=0 * mV),),
        drive=np.array([0.0, 2.0, 4.0]) * mV, theta_step=0.5 * mV, t_ref=0.5 * ms,
    )  # fmt: skip
    return _one(neuron, "r", 1, 0.01, high)


MAKERS: dict[str, Callable[..., Network]] = {
    "leaky": leaky, "branched": branched, "coupled": coupled, "conducting": conducting,
}  # fmt: skip
STRONG = {  # these spike
    "leaky": (900.0,), "branched": (90.0, 2000.0), "coupled": (1.5, 400.0), "conducting": (1.2,),
}  # fmt: skip
UNITS = {"leaky": 1e-3, "branched": 1e-3, "coupled": 1.0, "conducting": 1e-3}  # of a potential


def make(network: Network, **how: Any) -> Twin:
    """The twin with everything trainable."""
    return twin(network, dt=DT, trainable=EVERY, **how)


def parameters(net: Twin) -> dict[str, torch.Tensor]:
    """Copies of all parameters, asking for gradients."""
    return {n: p.detach().clone().requires_grad_() for n, p in net.named_parameters()}


def run(net: Twin, values: dict[str, torch.Tensor], state: TwinState | None = None) -> Any:
    """The run of `net` with these parameters in place of its own."""
    trains = net.trains(STEPS)["s"]
    return functional_call(net, values, (trains,), {"state": state})
