"""Dendritic branches: passive compartments, plateau events, coincidence gates, graded plateaus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from brian2 import amp, farad, ms, mV, nS, pA, pF, second, siemens, volt

from bioplastic.description import _check
from bioplastic.description.neuron import Receptor


@dataclass(frozen=True, kw_only=True)
class PlateauBranch:
    """Branch seen by the soma as a current; coincident synapses turn it into a plateau (dAP).

    I(t) = Σ w (e/tau) s exp(−s/tau) (alpha current). When I > threshold (strictly) I is clamped to
    `plateau_current` for `duration`, then I and its rise state are set to 0. Arrivals during the
    plateau are lost. A somatic spike ends it and holds I at 0 while the soma is refractory
    (arrivals are lost then too). A plateau of n steps acts on exactly n updates of v.
    Each onset raises the plateau trace z by 1; dz/dt = −z/tau_trace (used by homeostasis).

    tau              time of the alpha peak, s         threshold   plateau threshold, A
    plateau_current  current of the plateau, A         duration    length of the plateau, s
    tau_trace        decay of z, s
    Source: Bouhadjar et al. 2022 [bouhadjar2022], eqs. 5–8.
    """

    name: str = "distal"
    tau: Any = _check.default(5 * ms)
    threshold: Any = _check.default(59 * pA)
    plateau_current: Any = _check.default(200 * pA)
    duration: Any = _check.default(60 * ms)
    tau_trace: Any = _check.default(440 * ms)

    def __post_init__(self) -> None:
        for name in ("tau", "duration", "tau_trace"):
            _check.quantity(self, name, second, low=0, open_low=True)
        for name in ("threshold", "plateau_current"):
            _check.quantity(self, name, amp, low=0, open_low=True)


@dataclass(frozen=True, kw_only=True)
class Compartment:
    """Branch with its own membrane potential, coupled to the soma; an optional NMDA plateau event.

    tau_b dv_b/dt = −(v_b − v_rest) + (tau_b/c_b) [I_syn + g_c (v − v_b) + I_plateau]
    and the soma receives g_c (v_b − v). When v_b crosses v_plateau from below (v_b > v_plateau),
    I_plateau is set to `plateau_current` for `duration` (re-crossing while it lasts does nothing; a
    v_b that is still above when it ends starts no second event).

    tau_b, c_b       time constant, s, and capacitance, F, of the branch
    g_c              coupling conductance, S
    v_plateau        threshold of the event, V; None = passive branch
    plateau_current  A; duration  s
    receptors        synaptic currents on this branch, named inside the branch
    Source: the event Polsky, Mel & Schiller 2004 [polsky2004]; the coupling Rall 1964 [rall1964].
    """

    name: str
    tau_b: Any = _check.default(10 * ms)
    c_b: Any = _check.default(60 * pF)
    g_c: Any = _check.default(3 * nS)
    v_rest: Any = _check.default(0 * mV)
    v_plateau: Any = None
    plateau_current: Any = _check.default(0 * pA)
    duration: Any = _check.default(50 * ms)
    receptors: tuple[Receptor, ...] = ()

    def __post_init__(self) -> None:
        for name in ("tau_b", "duration"):
            _check.quantity(self, name, second, low=0, open_low=True)
        _check.quantity(self, "c_b", farad, low=0, open_low=True)
        _check.quantity(self, "g_c", siemens, low=0)
        _check.quantity(self, "v_rest", volt)
        _check.quantity(self, "v_plateau", volt, optional=True)
        _check.quantity(self, "plateau_current", amp, low=0)
        _check.unique(self, "receptors", (r.name for r in self.receptors))


@dataclass(frozen=True, kw_only=True)
class GateBranch:
    """Branch that opens a coincidence window: an arrival unblocks NMDA synapses for `window`.

    Arrivals at time t_a through a mature synapse set open_until = t_a + window. A spike arriving at
    the gated receptor `drive` is passed on to the soma only while t < open_until (NMDA synapses are
    blocked by magnesium at rest), else it changes nothing at all.

    window   length of the primed state, s
    drive    name of the soma's receptor that the gate controls
    Source: Schiller et al. 2000 [schiller2000]; plateau as prediction: Bouhadjar et al. 2022
    [bouhadjar2022].
    """

    name: str = "prime"
    window: Any = _check.default(25 * ms)
    drive: str = "drive"

    def __post_init__(self) -> None:
        _check.quantity(self, "window", second, low=0, open_low=True)


@dataclass(frozen=True, kw_only=True)
class GradedBranch:
    """Branch whose plateau is as high as its synapse is strong, and is held for `duration`.

    An arrival at t_a through a synapse of weight w sets the branch to g·w until t_a + duration,
    where g is the gain of the branch (g·w + E[f] if the synapse has a FastState); a later arrival
    replaces it. The soma sees the sum over branches.

    duration   how long a plateau lasts, s
    Source: Major et al. 2008 [major2008] (graded NMDA plateaus).
    """

    name: str
    duration: Any = _check.default(110 * ms)

    def __post_init__(self) -> None:
        _check.quantity(self, "duration", second, low=0, open_low=True)


Branch = PlateauBranch | Compartment | GateBranch | GradedBranch


@dataclass(frozen=True, kw_only=True)
class DendriticTree:
    """The branches of every neuron of a population, each coupled to the soma directly.

    branches   one or more branches, names unique; projections target them by name
    """

    branches: tuple[Branch, ...]

    def __post_init__(self) -> None:
        if not self.branches:
            raise _check.fail(self, "branches", "()", "needs at least one branch")
        for branch in self.branches:
            if not isinstance(branch, Branch):
                raise _check.fail(self, "branches", type(branch).__name__, "must hold branches")
        _check.unique(self, "branches", (b.name for b in self.branches))

    def __getitem__(self, name: str) -> Branch:
        """The branch of that name; `DescriptionError` with the nearest name otherwise."""
        for branch in self.branches:
            if branch.name == name:
                return branch
        from bioplastic.errors import nearest

        raise _check.fail(
            self,
            "branches",
            repr(name),
            "no such branch" + nearest(name, [b.name for b in self.branches]),
        )
