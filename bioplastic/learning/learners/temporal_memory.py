"""The spiking temporal memory as a learner: plateaus before a symbol are its prediction."""

from __future__ import annotations

import copy
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from bioplastic import provenance
from bioplastic.errors import UsageError
from bioplastic.kernels.sparse.session import Session
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner, Unsuited, fraction
from bioplastic.learning.learners.temporal_memory_locality import PERMANENCE_STDP
from bioplastic.learning.locality import Use
from bioplastic.learning.space import Space, Symbols
from bioplastic.quantize.integer_rule import IntegerPermanence

if TYPE_CHECKING:
    from bioplastic.description import Network
    from bioplastic.quantize.integer_network import IntegerNetwork

LARGEST = 64
FIRST_LABEL = 0x2460
HOLD, REFRACTORY = "excitatory.distal/hold", "excitatory/refractory"
PERMANENCE = "recurrent/permanence"
NEVER = np.iinfo(np.int32).max
COUNTS = ("spikes", "synaptic_events", "weight_updates", "neuron_updates")


@dataclass(frozen=True, kw_only=True)
class TemporalMemory(Learner):
    """The network of Bouhadjar et al. 2022 on an endless stream, one element every `delta_t`.

    Each symbol has a subpopulation; a neuron whose distal branch is in a plateau when the next
    symbol is due predicts its own. The distribution is *our reading*, the paper has none: with c_v
    predicted neurons in subpopulation v and rho neurons that win a subpopulation,

        p_v = (floor + min(c_v, rho)/rho) / Σ_k (floor + min(c_k, rho)/rho)

    neurons       excitatory neurons in a subpopulation (150 in the paper)
    connectivity  recurrent synapses onto a neuron over number of neurons
    winners       rho
    rates         (lambda_plus, lambda_h, lambda_minus); lambda_h = 0: no homeostasis
    memory        tau of the plateau trace that homeostasis reads, ms
    delta_t       between elements, ms          dt      grid, ms
    floor         share of a symbol that nobody predicts
    The stream has no pauses: the paper's sequences have 2.5 delta_t between them. The defaults are
    the paper's, with the rates of its set II.
    Raises Unsuited for frames, series and alphabets over 64 symbols (the network grows with V²).
    Source: Bouhadjar et al. 2022 [bouhadjar2022].
    """

    name: str = "temporal_memory"
    rule: str = "local"
    neurons: int = 150
    connectivity: float = 0.2
    winners: int = 20
    rates: tuple[float, float, float] = (0.28, 0.024, 0.0063)
    memory: float = 440.0
    delta_t: float = 40.0
    dt: float = 0.1
    floor: float = 0.02

    def __post_init__(self) -> None:
        """Check what the description does not."""
        super().__post_init__()
        if not self.floor > 0:
            raise UsageError(f"{self.name}: floor = {self.floor} must be above 0")
        if self.neurons < self.winners:
            raise UsageError(
                f"{self.name}: neurons = {self.neurons} must be at least winners = {self.winners}"
            )

    def describe(self, space: Symbols, *, seed: int) -> Network:
        """The network; its source shows every symbol once, the student shows the stream."""
        from brian2 import ms

        # a named circuit is used here as the command line uses it: nothing in networks/ uses this
        from bioplastic.networks.temporal_memory import Parameters, temporal_memory

        parameters = Parameters(
            task="stream",
            sequences=("".join(chr(FIRST_LABEL + k) for k in range(space.size)),),
            episodes=1,
            neurons=self.neurons,
            winners=self.winners,
            connectivity=self.connectivity,
            rates=self.rates,
            homeostasis=self.rates[1] > 0,
            delta_t=self.delta_t * ms,
            tau_trace=self.memory * ms,
        )
        return temporal_memory(parameters, provenance.stream(seed, "temporal memory"))

    def begin(self, space: Space, *, seed: int) -> TemporalMemoryStudent:
        """Draw the network and start at rest."""
        from brian2 import ms

        from bioplastic.quantize import lower

        if not isinstance(space, Symbols):
            raise Unsuited(f"{self.name} takes symbols, not {type(space).__name__}")
        if space.size > LARGEST:
            raise Unsuited(
                f"{self.name}: {space.size} symbols; {LARGEST} at most, its synapses grow with V²"
            )
        key = int(provenance.seed_tree(seed).child("circuit").key()) & 0xFFFFFFFF
        learns = lower(self.describe(space, seed=seed), self.dt * ms, seed=key)
        return TemporalMemoryStudent(self, space, learns)

    def locality(self) -> tuple[Use, ...]:
        """The audit of structural plasticity on permanences."""
        return PERMANENCE_STDP


class TemporalMemoryStudent:
    """One network somewhere in a stream, stepped an element at a time.

    `observe` sets the three rates to zero; traces and plateaus go on. `arrays` may be read.
    """

    def __init__(self, learner: TemporalMemory, space: Symbols, learns: IntegerNetwork) -> None:
        self.learner, self.space, self.learns, self.still = learner, space, learns, _still(learns)
        self.session = Session(learns)
        self.steps = round(learner.delta_t / learner.dt)
        self.dead = np.zeros(learns["excitatory"].size, np.bool_)
        self.lost = np.zeros(0, np.int64)
        self.counts = dict.fromkeys(COUNTS, 0)
        self.symbols = 0
        self.wall = self.cpu = 0.0

    def __deepcopy__(self, memo: dict[int, Any]) -> TemporalMemoryStudent:
        twin = copy.copy(self)
        twin.restore(self.snapshot())
        return twin

    @property
    def arrays(self) -> dict[str, np.ndarray]:
        """The running state; see `Session.arrays`."""
        return self.session.arrays

    def snapshot(self) -> dict[str, Any]:
        """Everything that changes, as a copy."""
        return {
            "state": self.session.state(),
            "dead": self.dead.copy(),
            "lost": self.lost.copy(),
            "counts": dict(self.counts),
            "totals": (self.symbols, self.wall, self.cpu),
        }

    def restore(self, taken: dict[str, Any]) -> None:
        """Go back to a snapshot, which stays good."""
        self.session = Session(self.session.network, taken["state"])
        self.counts = dict(taken["counts"])
        self.dead, self.lost = taken["dead"].copy(), taken["lost"].copy()
        self.symbols, self.wall, self.cpu = taken["totals"]

    def predicted(self) -> np.ndarray:
        """(V,) neurons of each subpopulation that are in a plateau now."""
        inside = self.arrays[HOLD] > 0
        found: np.ndarray = inside.reshape(self.space.size, -1).sum(axis=1)
        return found

    def predict(self, history: Any) -> np.ndarray:
        """p (V,) from the plateaus, whatever `history` says."""
        rho = self.learner.winners
        vote = self.learner.floor + np.minimum(self.predicted(), rho) / rho
        found: np.ndarray = vote / vote.sum()
        return found

    def learn(self, x: int) -> None:
        """One element with plasticity."""
        self._element(self.learns, int(x))

    def observe(self, x: int) -> None:
        """One element without."""
        self._element(self.still, int(x))

    def _element(self, network: IntegerNetwork, x: int) -> None:
        tick, busy = time.perf_counter(), time.process_time()
        if self.session.network is not network:
            self.session = Session(network, self.session.state())
        (source,) = network.sources
        shown = {source.name: (np.array([self.session.step]), np.array([x]))}
        _, _, counted = self.session.run(self.steps, shown)
        self.wall += time.perf_counter() - tick
        self.cpu += time.process_time() - busy
        for name in COUNTS:
            if network is self.learns or name != "weight_updates":  # by nothing is no update
                self.counts[name] += counted[name]
        self.symbols += 1
        self._hold_down()

    def _hold_down(self) -> None:
        """What was destroyed stays so: refractory for good, permanences at zero."""
        if self.dead.any() or len(self.lost):
            self.arrays[REFRACTORY][self.dead] = NEVER
            self.arrays[PERMANENCE][self.lost] = 0
            self.session.wake()

    def lesion_neurons(self, share: float, rng: np.random.Generator) -> None:
        """Silence this fraction of the excitatory neurons: refractory for good, no plateaus."""
        left = np.flatnonzero(~self.dead)
        count = round(fraction(share, "lesion_neurons") * len(left))
        self.dead[rng.choice(left, count, replace=False)] = True
        for name in ("v", "rise", "current", "hold"):
            for key in (f"excitatory/{name}", f"excitatory.distal/{name}"):
                if key in self.arrays:
                    self.arrays[key][self.dead] = 0
        self._hold_down()

    def lesion_synapses(self, share: float, rng: np.random.Generator) -> None:
        """Remove this fraction of the recurrent synapses, mature or not.

        A permanence of zero cannot pass the threshold within one element, after which it is zero
        again.
        """
        left = np.setdiff1d(np.arange(len(self.arrays[PERMANENCE])), self.lost)
        count = round(fraction(share, "lesion_synapses") * len(left))
        self.lost = np.union1d(self.lost, rng.choice(left, count, replace=False))
        self._hold_down()

    def cost(self) -> Cost:
        """Totals, from the kernel's counters.

        effective_acs     synaptic_events: arrivals through a synapse with a weight other than zero
        membrane_updates  neuron_updates that were executed (the silent are skipped)
        trace_updates     2 per spike: pre trace, plateau trace
        bytes_touched     28 per neuron update, 9 per synaptic event, 8 per permanence written
        """
        n, network = self.counts, self.learns
        plastic = len(self.arrays[PERMANENCE])
        fixed = sum(len(q.weight) for q in network.projections if q.rule is None)
        neurons = sum(p.size for p in network.populations)
        steps = self.symbols * self.steps
        held = sum(a.nbytes for a in self.session.state().arrays.values())
        wired = sum(
            v.nbytes
            for q in network.projections
            for v in q.__dict__.values()
            if isinstance(v, np.ndarray)
        )
        return Cost(
            symbols=self.symbols,
            executions=steps,
            footprint_bytes=held + wired,
            plastic_synapses=plastic,
            fixed_synapses=fixed,
            neurons=neurons,
            states_per_synapse=1.0,
            dense_operations=float(steps) * (plastic + fixed),
            effective_acs=n["synaptic_events"],
            activations=float(steps) * neurons,
            silent_activations=float(steps) * neurons - n["spikes"],
            membrane_updates=n["neuron_updates"],
            trace_updates=2 * n["spikes"],
            weight_updates=n["weight_updates"],
            bytes_touched=28 * n["neuron_updates"]
            + 9 * n["synaptic_events"]
            + 8 * n["weight_updates"],
            wall_seconds=self.wall,
            cpu_seconds=self.cpu,
        )


def _still(network: IntegerNetwork) -> IntegerNetwork:
    """The same network with the three rates of its permanences zero."""
    held = tuple(
        replace(q, rule=replace(q.rule, hebbian=0, decrement=0, rate=0))
        if isinstance(q.rule, IntegerPermanence)
        else q
        for q in network.projections
    )
    return replace(network, projections=held)
