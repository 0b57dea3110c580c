"""Task sets and parameters of the spiking temporal memory.

Source: Bouhadjar et al. 2022 [bouhadjar2022], tables 1-2; lambda_minus of sets II and III as the
authors corrected it in their published code (0.0063 for the printed 0.0061, 0.0058 for 0.0057).
"""

if __name__ != "bioplastic.networks.temporal_memory_tasks":
    raise ImportError("import bioplastic.networks.temporal_memory_tasks")

from dataclasses import dataclass, field
from typing import Any

from brian2 import ms, mV, pA, pF

SEQUENCES: dict[str, tuple[str, ...]] = {
    "I": ("ADBE", "FDBC"),
    "II": ("ENDIJ", "LNDIK", "GJMCN", "FJMCI", "BCKHI", "ACKHF"),
    "III": ("ENDIJ", "LNDIK", "GJMEN", "FJMEI", "BCKBI", "ACKBF"),
    "IV": ("ADBGHE", "FDBGHC"),
    "V": ("ABCD", "EFGH", "IJKL"),
}
# lambda_plus, rate of homeostasis (lambda_h), lambda_minus
RATES: dict[str, tuple[float, float, float]] = {
    "I": (0.08, 0.014, 0.0015),
    "II": (0.28, 0.024, 0.0063),
    "III": (0.39, 0.034, 0.0058),
    "IV": (0.08, 0.014, 0.0015),
    "V": (0.08, 0.014, 0.0015),
}


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """Everything that is fixed before a network is drawn.

    task              I, II, III, IV or V (names of SEQUENCES), or anything with `sequences` given
    sequences         one string per sequence, one character per element
    neurons           excitatory neurons in a subpopulation
    winners           rho: coincident spikes that make the inhibitory neuron fire
    connectivity      p: recurrent in-degree over number of excitatory neurons
    coincidence       gamma: mature coincident synapses that start a plateau
    rates             (lambda_plus, lambda_h, lambda_minus)
    homeostasis       False: lambda_h is left out
    delta_t           time between elements, s; dt_max = 2 delta_t
    tau_trace         decay of the plateau trace, s: an episode at delta_t = 40 ms, for any delta_t
    primed            neurons of each first element that are primed, 0 = none
    prime_ahead       how long before the first element, s       start   first element, s
    episodes          presentations of the whole set
    """

    task: str = "I"
    sequences: tuple[str, ...] = SEQUENCES["I"]
    neurons: int = 150
    winners: int = 20
    connectivity: float = 0.2
    coincidence: int = 5
    rates: tuple[float, float, float] = RATES["I"]
    homeostasis: bool = True
    delta_t: Any = field(default_factory=lambda: 40 * ms)
    tau_trace: Any = field(default_factory=lambda: 440 * ms)
    primed: int = 0
    prime_ahead: Any = field(default_factory=lambda: 20 * ms)
    start: Any = field(default_factory=lambda: 30 * ms)
    episodes: int = 86
    tau_m_excitatory: Any = field(default_factory=lambda: 10 * ms)
    tau_m_inhibitory: Any = field(default_factory=lambda: 5 * ms)
    c_m: Any = field(default_factory=lambda: 250 * pF)
    threshold_excitatory: Any = field(default_factory=lambda: 20 * mV)
    threshold_inhibitory: Any = field(default_factory=lambda: 15 * mV)
    refractory_excitatory: Any = field(default_factory=lambda: 10 * ms)
    refractory_inhibitory: Any = field(default_factory=lambda: 2 * ms)
    tau_external: Any = field(default_factory=lambda: 2 * ms)
    tau_distal: Any = field(default_factory=lambda: 5 * ms)
    tau_to_excitatory: Any = field(default_factory=lambda: 1 * ms)
    tau_to_inhibitory: Any = field(default_factory=lambda: 0.5 * ms)
    plateau_threshold: Any = field(default_factory=lambda: 59 * pA)
    plateau_current: Any = field(default_factory=lambda: 200 * pA)
    plateau_duration: Any = field(default_factory=lambda: 60 * ms)
    psp_external: Any = field(default_factory=lambda: 22 * mV)
    psp_inhibition: Any = field(default_factory=lambda: -40 * mV)
    delay_recurrent: Any = field(default_factory=lambda: 2 * ms)
    delay: Any = field(default_factory=lambda: 0.1 * ms)
    tau_plus: Any = field(default_factory=lambda: 20 * ms)
    p_max: float = 20.0
    theta_p: float = 10.0
    p_init: float = 8.0

    @property
    def symbols(self) -> tuple[str, ...]:
        """Distinct symbols, sorted; the place of a symbol is the index of its subpopulation."""
        return tuple(sorted(set("".join(self.sequences))))

    @property
    def pause(self) -> Any:
        """Last element to next sequence, s: 2.5 delta_t, or a whole plateau if that is longer."""
        return max(2.5 * self.delta_t, self.plateau_duration)

    @property
    def episode(self) -> Any:
        """Duration of one presentation of the whole set, s."""
        steps = sum(len(s) - 1 for s in self.sequences)
        return steps * self.delta_t + len(self.sequences) * self.pause

    @property
    def duration(self) -> Any:
        """Model time of all episodes, s."""
        return self.start + self.episodes * self.episode

    @property
    def w_mature(self) -> Any:
        """Weight of a mature recurrent synapse: `coincidence` of them pass the threshold, A."""
        return 1.1 * self.plateau_threshold / self.coincidence


def parameters(task: str = "I", **changes: Any) -> Parameters:
    """Parameters of a task set of the paper; `changes` are fields of Parameters.

    Set III also primes 21 neurons of each first element, because first elements recur inside.
    """
    if task not in SEQUENCES:
        raise ValueError(f"task = {task!r}: must be one of {', '.join(SEQUENCES)}")
    known: dict[str, Any] = {
        "sequences": SEQUENCES[task],
        "rates": RATES[task],
        "primed": 21 * (task == "III"),
    }
    usual = Parameters(task=task, **known)
    return Parameters(task=task, **{**known, "tau_trace": usual.episode, **changes})
