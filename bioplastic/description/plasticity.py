"""Plasticity on traces: pair STDP, permanences, theta-phase STDP, recruitment, homeostasis."""

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
    """Keeps the plateau rate at a target: ΔP = p_max·rate (target − z) at paired post spikes.

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
    """One-shot structural plasticity: a young neuron grows the synapses of the present context.

    The pool of a population matures in order of index: one neuron, the front, is excitable at a
    time. Its silent synapses see every parent: the gate opens for any eligible parent, but the
    drive that passes is weaker, so it spikes later than a matching neuron would and is shunted
    if one did.
    When it spikes, the synapses of the latest pair (parent, symbol) that drove it are potentiated
    at once to full weight, it is mature from then on and the front moves by one. A pair that
    another neuron holds already is not grown again, and only mature neurons' axons transmit.

    young               drive onto the front neuron, as a fraction of a mature synapse's
    min_activations     a parent counts only from its n-th own spike on (0: at once)
    Source: permanence growth on the best candidate, Hawkins & Ahmad 2016 [hawkins2016]; excitable
    young neurons, Schmidt-Hieber et al. 2004 [schmidthieber2004].
    """

    young: float = 0.6
    min_activations: int = 0

    def __post_init__(self) -> None:
        _check.quantity(self, "young", 1, low=0, high=1, open_low=True)
        _check.integer(self, "min_activations", low=0)


@dataclass(frozen=True, kw_only=True)
class FastState:
    """Second, fast state f of a theta-STDP synapse: few levels, one-shot potentiation, competition.

    At a teacher-driven post spike (encoding phase), for each eligible pre:
        f ← min(f + step, top) on its synapse to the spiking neuron, top = len(initial),
        f ← f − ceil((f − keep)/2) on its other synapses with f > keep (heterosynaptic depression).
    f = 0 is a silent synapse: it transmits nothing, and free winners do not depress it; its first
    pairing with the teacher unsilences it. A synapse with f > 0 adds E[f] to the plateau beside its
    slow weight; E is one table per branch, E[f] = initial[f − 1] at the start, learned where used:
        encoding phase E[f] += rate,  retrieval phase E[f] −= rate/winners  (none at n < spare).
    With the defaults f says whether this output ever followed this context (1) and whether it was
    the last one that did (2); E learns, per branch, what each of the two is worth.

    initial  (levels − 1,) nats      step   rise at potentiation
    keep     states up to this are spared by competition
    rate     nats per spike
    Source: cascade of synaptic states, Fusi, Drew & Abbott 2005 [fusi2005]; heterosynaptic
    depression, Royer & Paré 2003 [royer2003].
    """

    initial: tuple[float, ...] = (0.25, 0.5)
    step: int = 2
    keep: int = 1
    rate: float = 1 / 128

    def __post_init__(self) -> None:
        object.__setattr__(self, "initial", tuple(self.initial))
        if not 1 <= len(self.initial) <= 127:
            raise _check.fail(self, "initial", self.initial, "needs 1 to 127 values")
        _check.quantity(self, "initial", 1, low=-8, high=8)
        _check.integer(self, "step", low=1, high=len(self.initial))
        _check.integer(self, "keep", low=0, high=len(self.initial))
        _check.quantity(self, "rate", 1, low=0, high=1)

    @property
    def levels(self) -> int:
        """Number of states, 0 included."""
        return len(self.initial) + 1


@dataclass(frozen=True, kw_only=True)
class ThetaSTDP:
    """Theta-phase STDP: the sign of plasticity follows the phase of the rhythm.

    At a post spike, for every synapse whose branch plateau was raised by its own pre neuron and
    still lasts (the plateau is the eligibility trace):
        encoding phase   Δw = +eta(n)             (teacher-driven post: potentiation)
        retrieval phase  Δw = −eta(n)/winners     (freely winning post: depression; none at
                                                   n < spare, none on silent synapses)
    eta(n) = max(eta_0/(1 + n)^power, eta_min), n = earlier arrivals at this synapse
    (metaplasticity). The expectation over races is the delta rule Δw = eta·(target − p).

    eta_0, eta_min   step sizes in nats        power   decay exponent of eta
    w_max            |w| <= w_max, nats        winners expected free winners per cycle
    spare            first activations that are spared depression
    fast             second, fast state of the synapse, or None
    Source: Hasselmo, Bodelón & Wyble 2002 [hasselmo2002]; delta rule: Nessler et al. 2013
    [nessler2013].
    """

    eta_0: float = 0.5
    eta_min: float = 1 / 32
    power: float = 0.5
    w_max: float = 127 / 64
    winners: int = 4
    spare: int = 1
    fast: FastState | None = None

    def __post_init__(self) -> None:
        _check.quantity(self, "eta_0", 1, low=0, high=16)
        _check.quantity(self, "eta_min", 1, low=0, high=self.eta_0)
        _check.quantity(self, "power", 1, low=0, high=2)
        _check.quantity(self, "w_max", 1, low=0, open_low=True)
        _check.integer(self, "winners", low=1, high=64)
        _check.integer(self, "spare", low=0)

    def eta(self, n: Any) -> np.ndarray:
        """Potentiation in nats after n earlier arrivals, same shape as n."""
        step = self.eta_0 / (1.0 + np.asarray(n, dtype=float)) ** self.power
        return np.maximum(step, self.eta_min)

    def depression(self, n: Any) -> np.ndarray:
        """Depression in nats of one free winner after n earlier arrivals (positive number)."""
        return np.where(np.asarray(n) < self.spare, 0.0, self.eta(n) / self.winners)


@dataclass(frozen=True, kw_only=True)
class BranchGain:
    """Learned gain of each branch: one value per (branch, bin of earlier arrivals of pre).

    At a post spike, for every branch with a lasting plateau raised through weight w:
        encoding phase g += rate·w;   retrieval phase g −= rate·w/winners
    so that E[Δg] = rate Σ_v (target_v − p_v) w_v; nothing at n < spare of the STDP. g is shared by
    the population (a broadcast dendritic excitability), bounded to [0, g_max]. With several bins,
    bin = n below 6, then 1.6 bins per octave.

    rate    per nat                bins    number of bins (1: one gain per branch)
    Source: branch-strength potentiation, Losonczy, Makara & Magee 2008 [losonczy2008].
    """

    rate: float = 1 / 512
    bins: int = 1
    initial: float = 0.625
    g_max: float = 8.0

    def __post_init__(self) -> None:
        _check.quantity(self, "rate", 1, low=0, high=1)
        _check.integer(self, "bins", low=1, high=256)
        _check.quantity(self, "g_max", 1, low=0, open_low=True)
        _check.quantity(self, "initial", 1, low=0, high=self.g_max)

    def bin(self, n: Any) -> np.ndarray:
        """Bin of n earlier arrivals, integer array of the same shape."""
        n = np.asarray(n)
        octaves = 6 + np.floor(1.6 * np.log2(np.maximum(n, 6) / 6)).astype(int)
        return np.minimum(np.where(n < 6, n, octaves), self.bins - 1)


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
