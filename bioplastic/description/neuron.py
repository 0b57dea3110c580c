"""Point-neuron membranes: leaky integrate-and-fire, adaptive threshold, escape race."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from brian2 import amp, farad, ms, mV, pF, second, volt

from bioplastic.description import _check


@dataclass(frozen=True, kw_only=True)
class ExponentialCurrent:
    """Synaptic current that jumps by the weight and decays: dI/dt = −I/tau.

    name   receptor name, used by projections
    tau    decay time constant, s
    A spike that arrives in a step moves I in that step and v from the next step on.
    """

    name: str
    tau: Any

    def __post_init__(self) -> None:
        _check.quantity(self, "tau", second, low=0, open_low=True)


@dataclass(frozen=True, kw_only=True)
class AlphaCurrent:
    """Synaptic current with finite rise: I(s) = w (e/tau) s exp(−s/tau), s since arrival; peak w.

    name   receptor name
    tau    time of the peak, s
    Two linear states: dh/dt = −h/tau, dI/dt = (h − I)/tau with h += e·w at arrival.
    """

    name: str
    tau: Any

    def __post_init__(self) -> None:
        _check.quantity(self, "tau", second, low=0, open_low=True)


Receptor = ExponentialCurrent | AlphaCurrent


def peak_current(psp: Any, *, tau_m: Any, tau_syn: Any, c_m: Any) -> Any:
    """Jump J of an exponential current whose potential peaks at `psp`, A.

    J = psp / [R tau_s/(tau_s − tau_m) (q^(−tau_m/(tau_m−tau_s)) − q^(−tau_s/(tau_m−tau_s)))],
    q = tau_m/tau_s, R = tau_m/c_m.

    psp   V; tau_m, tau_syn  s, different from each other; c_m  F
    """
    q, gap = float(tau_m / tau_syn), float((tau_m - tau_syn) / tau_m)
    fast, slow = q ** (-1 / gap), q ** (-(1 - gap) / gap)
    return psp / (tau_m / c_m * float(tau_syn / (tau_syn - tau_m)) * (fast - slow))


def _membrane(neuron: Any) -> None:
    _check.quantity(neuron, "tau_m", second, low=0, open_low=True)
    _check.quantity(neuron, "c_m", farad, low=0, open_low=True)
    for name in ("v_rest", "v_reset", "v_th"):
        _check.quantity(neuron, name, volt)
    _check.quantity(neuron, "t_ref", second, low=0)
    _check.quantity(neuron, "i_offset", amp)
    if not float(neuron.v_reset) < float(neuron.v_th):
        raise _check.fail(neuron, "v_reset", neuron.v_reset, f"must be < v_th = {neuron.v_th}")
    for receptor in neuron.receptors:
        if not isinstance(receptor, Receptor):
            raise _check.fail(
                neuron, "receptors", type(receptor).__name__, "must hold receptor currents"
            )
    _check.unique(neuron, "receptors", (r.name for r in neuron.receptors))


@dataclass(frozen=True, kw_only=True)
class LIF:
    """Leaky integrate-and-fire neuron.

    tau_m dv/dt = −(v − v_rest) + (tau_m/c_m) (ΣI + i_offset);  spike when v > v_th (strictly),
    then v ← v_reset, held for t_ref (threshold not tested, v not integrated, currents go on).

    tau_m      membrane time constant, s          c_m      capacitance, F
    v_rest     resting potential, V               v_reset  potential after a spike, V
    v_th       threshold, V                       t_ref    refractory time, s
    i_offset   constant current, A, scalar or one per neuron (N,)
    receptors  synaptic currents, each with its own name
    Order in a step: integrate → threshold → deliver arrivals → plasticity → reset (Brian2's).
    Source: Rotter & Diesmann 1999 [rotter1999] for the exact solution of the linear part.
    """

    tau_m: Any = _check.default(10 * ms)
    c_m: Any = _check.default(250 * pF)
    v_rest: Any = _check.default(0 * mV)
    v_reset: Any = _check.default(0 * mV)
    v_th: Any = _check.default(20 * mV)
    t_ref: Any = _check.default(2 * ms)
    i_offset: Any = _check.default(0 * amp)
    receptors: tuple[Receptor, ...] = ()

    def __post_init__(self) -> None:
        _membrane(self)

    @property
    def resistance(self) -> Any:
        """Membrane resistance tau_m/c_m, ohm."""
        return self.tau_m / self.c_m


@dataclass(frozen=True, kw_only=True)
class AdaptiveLIF(LIF):
    """LIF whose threshold rises by `theta_step` at each spike and decays with `tau_theta`.

    Spike when v > v_th + theta;  dtheta/dt = −theta/tau_theta, theta += theta_step at a spike.
    Intrinsic homeostasis when tau_theta is long (Diehl & Cook 2015 [diehl2015]).

    tau_theta   decay time of the extra threshold, s
    theta_step  rise per spike, V
    """

    tau_theta: Any = _check.default(100 * ms)
    theta_step: Any = _check.default(1 * mV)

    def __post_init__(self) -> None:
        _membrane(self)
        _check.quantity(self, "tau_theta", second, low=0, open_low=True)
        _check.quantity(self, "theta_step", volt, low=0)


@dataclass(frozen=True, kw_only=True)
class EscapeRace:
    """Output neuron of a race: exponential escape noise on a ramp, so the race is a softmax.

    Inside each gamma cycle a common drive ramps the potential, v(t) = u + slope·t − start, and the
    neuron fires with hazard (slope) exp(v(t)), u in units of the escape width. Integrating the
    hazard (time rescaling), the first spike falls where v(t) + G = 0 with G a standard Gumbel
    number, drawn once per neuron and gamma cycle; hence P(v fires first) = softmax(u)_v.

    start       nats below threshold at which the ramp starts when u = 0
    slope       nats per second
    A spike is emitted in the first step with v + G > 0 (strictly).
    Source: Gerstner et al. 2014, ch. 9.1 [gerstner2014] (escape rate); Gumbel 1954 [gumbel1954].
    """

    start: float = 24.0
    slope: Any = _check.default(2000 / second)

    def __post_init__(self) -> None:
        _check.quantity(self, "start", 1, low=0)
        _check.quantity(self, "slope", 1 / second, low=0, open_low=True)
