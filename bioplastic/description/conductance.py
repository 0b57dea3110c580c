"""Leaky neurons with synaptic conductances: bilinear membranes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import ms, mV, second, volt

from bioplastic.description import _check
from bioplastic.description.linear import Taylor


@dataclass(frozen=True, kw_only=True)
class ExponentialConductance:
    """Synaptic conductance that jumps by the weight and decays: dg/dt = −g/tau.

    name      receptor name, used by projections
    tau       decay time constant, s          reversal   potential, V
    g is in units of the leak conductance: a weight of 1 is as strong as the leak.
    """

    name: str
    tau: Any
    reversal: Any

    def __post_init__(self) -> None:
        _check.quantity(self, "tau", second, low=0, open_low=True)
        _check.quantity(self, "reversal", volt)


@dataclass(frozen=True, kw_only=True)
class ExponentialEuler:
    """Exponential Euler: each state moves exactly while all others stand at their old values.

    v ← v∞ + (v − v∞) exp(−(1 + Σg) dt/tau_m),  v∞ = (v_rest + i + Σ g E)/(1 + Σg), old g.
    """


@dataclass(frozen=True, kw_only=True)
class ConductanceLIF:
    """Leaky integrate-and-fire neuron with conductance-based synapses.

    tau_m dv/dt = (v_rest − v) + Σ_k g_k (E_k − v) + drive;  spike when v > v_th + theta (strictly);
    then v ← v_reset, held for t_ref when `held`;  dtheta/dt = −theta/tau_theta, theta += theta_step
    at a spike.

    tau_m       s           v_rest, v_reset, v_th   V, v_th and v_rest scalar or (N,)
    drive       V, scalar or (N,): R·I of a constant current
    t_ref       s           held   False: only the threshold is not tested during t_ref
    receptors   conductances; a projection targets one, or "v" itself
    tau_theta, theta_step   s, V; theta_step = 0: no adaptation
    integrator  ExponentialEuler, or Taylor(order=1): Euler's method
    initial_v, initial_g, initial_theta   start values: V, scalar or (N,); leak units, (K,) or
                (N, K) for K receptors; V. None: v_rest, 0, 0
    """

    tau_m: Any = _check.default(20 * ms)
    v_rest: Any = _check.default(-60 * mV)
    v_reset: Any = _check.default(-60 * mV)
    v_th: Any = _check.default(-50 * mV)
    drive: Any = _check.default(0 * mV)
    t_ref: Any = _check.default(5 * ms)
    held: bool = True
    receptors: tuple[ExponentialConductance, ...] = ()
    tau_theta: Any = _check.default(100 * ms)
    theta_step: Any = _check.default(0 * mV)
    integrator: ExponentialEuler | Taylor = _check.default(ExponentialEuler())
    initial_v: Any = None
    initial_g: np.ndarray | None = None
    initial_theta: Any = None

    def __post_init__(self) -> None:
        for name in ("tau_m", "tau_theta"):
            _check.quantity(self, name, second, low=0, open_low=True)
        for name in ("v_rest", "v_reset", "v_th", "drive"):
            _check.quantity(self, name, volt)
        _check.quantity(self, "initial_v", volt, optional=True)
        _check.quantity(self, "initial_theta", volt, optional=True)
        _check.quantity(self, "theta_step", volt, low=0)
        _check.quantity(self, "t_ref", second, low=0)
        _check.kind(self, "integrator", ExponentialEuler | Taylor, "ExponentialEuler() or Euler")
        if isinstance(self.integrator, Taylor) and self.integrator.order != 1:
            raise _check.fail(self, "integrator", self.integrator, "Taylor needs order=1 here")
        _check.unique(self, "receptors", ("v", *(r.name for r in self.receptors)))
        if self.initial_g is not None:
            _check.shaped(self, "initial_g", (len(self.receptors),), per_neuron=True)

    def check(self, owner: str, size: int) -> None:
        """Raise DescriptionError unless every per-neuron array has `size` entries."""
        for name in ("v_rest", "v_th", "drive", "initial_v", "initial_g", "initial_theta"):
            value = getattr(self, name)
            full = np.ndim(value) == (2 if name == "initial_g" else 1)
            if value is not None and full and len(value) != size:
                raise _check.fail(owner, f"neuron.{name}", f"{len(value)} rows", f"needs {size}")
