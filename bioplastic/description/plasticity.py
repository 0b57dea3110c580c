"""Plasticity rules on traces: pair STDP, permanences, theta-phase STDP, recruitment, homeostasis."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from brian2 import Hz, hertz, ms, second

from bioplastic.description import _check


@dataclass(frozen=True, kw_only=True)
class PowerLaw:
    """Weight dependence of STDP: potentiation ∝ (1 − w/w_max)^mu, depression ∝ (w/w_max)^mu.

    mu = 0 is additive, mu = 1 multiplicative. Source: Gütig et al. 2003 [guetig2003].
    """

    mu: float = 0.0

    def __post_init__(self) -> None:
        _check.quantity(self, "mu", 1, low=0, high=1)


@dataclass(frozen=True, kw_only=True)
class PairSTDP:
    """All-to-all pair STDP with exponential windows.

    Δw = +A₊ f₊(w) exp(−Δt/τ₊) for Δt = t_post − t_pre > 0,  −A₋ f₋(w) exp(Δt/τ₋) for Δt < 0.

    tau_plus, tau_minus   window time constants, s
    a_plus, a_minus       step per pair in units of w_max; a_minus is positive, the rule subtracts
    w_max                 upper bound, unit of the projection's weight; lower bound 0
    dependence            weight dependence (PowerLaw)
    Coincident spikes (Δt = 0) change nothing: traces are read before they jump.
    t_pre is the time of arrival at the synapse (spike + delay), t_post the somatic spike.
    Source: Song, Miller & Abbott 2000, eq. 1 [song2000]; Gütig et al. 2003 [guetig2003].
    """

    w_max: Any
    tau_plus: Any = _check.default(20 * ms)
    tau_minus: Any = _check.default(20 * ms)
    a_plus: float = 0.01
    a_minus: float = 0.0105
    dependence: PowerLaw = field(default_factory=PowerLaw)

    def __post_init__(self) -> None:
        _check.quantity(self, "tau_plus", second, low=0, open_low=True)
        _check.quantity(self, "tau_minus", second, low=0, open_low=True)
        _check.quantity(self, "a_plus", 1, low=0)
        _check.quantity(self, "a_minus", 1, low=0)
        if float(self.w_max) <= 0:
            raise _check.fail(self, "w_max", self.w_max, "must be > 0")


@dataclass(frozen=True, kw_only=True)
class PlateauHomeostasis:
    """Keeps each neuron's plateau rate at a target: ΔP = p_max·rate (target − z) at every paired post spike.

    rate     lambda_h, per paired post spike         target   wanted value of the plateau trace z
    Source: Bouhadjar et al. 2022 [bouhadjar2022], eq. 13.
    """

    rate: float = 0.014
    target: float = 1.0

    def __post_init__(self) -> None:
        _check.quantity(self, "rate", 1, low=0)
        _check.quantity(self, "target", 1, low=0)


@dataclass(frozen=True, kw_only=True)
class PermanenceSTDP:
    """Structural Hebbian plasticity: a permanence P decides whether a potential synapse is mature.

    w = w_mature if P > theta_p else 0;  P in [p_init_ij, p_max], p_init_ij drawn per synapse.
    pre trace x_j: dx/dt = −x/tau_plus, x += 1 at a pre spike (at the soma of pre).
    post spike i, if dt_min < t_i + d − t_j < dt_max (t_j = last pre spike, d = delay; both strict):
        P += p_max·lambda_plus·x_j(t_i) and, with homeostasis, P += p_max·rate (target − z_i)
    pre spike j:  P −= p_max·lambda_minus
    At a step in which both spike, pre is applied before post; x_j includes the coincident spike but
    dt_min > d excludes the pair.

    lambda_plus, lambda_minus   rates, in units of p_max      tau_plus   s
    dt_min, dt_max              pairing window, s             p_max, theta_p   permanence units
    w_mature                    weight of a mature synapse, A
    Source: Bouhadjar et al. 2022 [bouhadjar2022], eqs. 9–13.
    """

    w_mature: Any
    lambda_plus: float = 0.08
    lambda_minus: float = 0.0015
    tau_plus: Any = _check.default(20 * ms)
    dt_min: Any = _check.default(4 * ms)
    dt_max: Any = _check.default(80 * ms)
    p_max: float = 20.0
    theta_p: float = 10.0
    homeostasis: PlateauHomeostasis | None = field(default_factory=PlateauHomeostasis)

    def __post_init__(self) -> None:
        for name in ("lambda_plus", "lambda_minus"):
            _check.quantity(self, name, 1, low=0)
        _check.quantity(self, "tau_plus", second, low=0, open_low=True)
        _check.quantity(self, "dt_min", second, low=0)
        _check.quantity(self, "dt_max", second, low=self.dt_min, open_low=True)
        _check.quantity(self, "p_max", 1, low=0, open_low=True)
        _check.quantity(self, "theta_p", 1, low=0, high=self.p_max)


@dataclass(frozen=True, kw_only=True)
class Recruitment:
    """One-shot structural plasticity: a free ("young") neuron grows the synapses of the present context.

    The pool of a population matures in order of index: one neuron, the front, is excitable at a
    time. Its drive is not gated; it spikes later than a matching neuron would and is shunted if one
    did. When it spikes, its silent synapses from the parent and the symbol that spiked within
    `window` before are potentiated at once to full weight, it is mature from then on and the front
    moves by one. Without an eligible parent spike in the window it stays young.

    window              how far back presynaptic spikes count, s
    min_activations     a parent counts only from its n-th own spike on (0: at once)
    Source: permanence growth on the best candidate, Hawkins & Ahmad 2016 [hawkins2016]; excitable
    young neurons, Schmidt-Hieber et al. 2004 [schmidthieber2004].
    """

    window: Any = _check.default(30 * ms)
    min_activations: int = 0

    def __post_init__(self) -> None:
        _check.quantity(self, "window", second, low=0, open_low=True)
        _check.integer(self, "min_activations", low=0)


@dataclass(frozen=True, kw_only=True)
class ThetaSTDP:
    """Theta-phase STDP: the sign of plasticity follows the phase of the rhythm.

    At a post spike, for every synapse whose branch plateau was raised by its own pre neuron and
    still lasts (the plateau is the eligibility trace):
        encoding phase   Δw = +g·eta(n)             (teacher-driven post: potentiation)
        retrieval phase  Δw = −g·eta(n)/winners     (freely winning post: depression)
    eta(n) = max(eta_0/(1 + n)^power, eta_min), n = earlier activations of the pre neuron
    (metaplasticity), g = gain of the branch. The expectation over races is Δw = g·eta·(target − p).

    eta_0, eta_min   step sizes in nats        power   decay exponent of eta
    w_max            |w| <= w_max, nats        winners expected free winners per cycle
    Source: Hasselmo, Bodelón & Wyble 2002 [hasselmo2002]; delta rule: Nessler et al. 2013 [nessler2013].
    """

    eta_0: float = 1.0
    eta_min: float = 0.05
    power: float = 0.5
    w_max: float = 127 / 32
    winners: int = 4

    def __post_init__(self) -> None:
        _check.quantity(self, "eta_0", 1, low=0, high=16)
        _check.quantity(self, "eta_min", 1, low=0, high=self.eta_0)
        _check.quantity(self, "power", 1, low=0, high=2)
        _check.quantity(self, "w_max", 1, low=0, open_low=True)
        _check.integer(self, "winners", low=1, high=64)

    def eta(self, n: Any) -> np.ndarray:
        """Step size in nats after n earlier activations, same shape as n."""
        return np.maximum(
            self.eta_0 / (1.0 + np.asarray(n, dtype=float)) ** self.power, self.eta_min
        )


@dataclass(frozen=True, kw_only=True)
class BranchGain:
    """Learned gain of each branch: one value per (branch, activations of pre, capped).

    At a post spike, for every branch with a lasting plateau raised through weight w:
        encoding phase g += rate·w;   retrieval phase g −= rate·w/winners
    so that E[Δg] = rate Σ_v (target_v − p_v) w_v. g is shared by the population (a broadcast
    dendritic excitability), bounded to [0, g_max].

    rate    per nat                bins    values of n kept apart (n capped at bins − 1)
    Source: branch-strength potentiation, Losonczy, Makara & Magee 2008 [losonczy2008].
    """

    rate: float = 0.02
    bins: int = 16
    initial: float = 1.0
    g_max: float = 4.0

    def __post_init__(self) -> None:
        _check.quantity(self, "rate", 1, low=0, high=1)
        _check.integer(self, "bins", low=1, high=256)
        _check.quantity(self, "g_max", 1, low=0, open_low=True)
        _check.quantity(self, "initial", 1, low=0, high=self.g_max)


@dataclass(frozen=True, kw_only=True)
class SynapticScaling:
    """Homeostasis: every `period` the weights onto each neuron are scaled to a constant sum.

    total    wanted Σ_j w_ij, unit of the weight        period   s
    Source: Turrigiano et al. 1998 [turrigiano1998]; Diehl & Cook 2015 [diehl2015].
    """

    total: Any
    period: Any = _check.default(500 * ms)

    def __post_init__(self) -> None:
        _check.quantity(self, "period", second, low=0, open_low=True)
        if float(self.total) <= 0:
            raise _check.fail(self, "total", self.total, "must be > 0")


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """Theta rhythm with nested gamma cycles; the phase decides between encoding and retrieval.

    period      theta period, s
    encoding    length of the encoding phase, from phase 0, s
    gamma       number of gamma cycles (races), equally long, that fill the rest of the period
    Source: Lisman & Idiart 1995 [lisman1995]; Hasselmo et al. 2002 [hasselmo2002].
    """

    period: Any = _check.default(125 * ms)
    encoding: Any = _check.default(25 * ms)
    gamma: int = 4

    def __post_init__(self) -> None:
        _check.quantity(self, "period", second, low=0, open_low=True)
        _check.quantity(self, "encoding", second, low=0, high=self.period)
        _check.integer(self, "gamma", low=1, high=64)

    @property
    def frequency(self) -> Any:
        """Theta frequency, Hz."""
        return (1 / self.period) / hertz * Hz


Plasticity = PairSTDP | PermanenceSTDP | ThetaSTDP | Recruitment
