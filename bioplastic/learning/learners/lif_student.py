"""The student that every rule of the LIF network shares.

`LIFBackprop`, `LIFEprop` and `LIFReadout` differ in one object, the `Rule`: how the error of a
prediction becomes a gradient, and of which weights. Neurons, initial weights, forward pass, time
of update, masks and counting are the code of `lif_network` and of this file for all three.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Unsuited, fraction
from bioplastic.learning.learners.lif_network import LIFNetwork, LIFRecipe, Tape
from bioplastic.learning.learners.lif_optimiser import Plastic, clipped
from bioplastic.learning.space import Frames, Series, Space, Symbols


class Rule(Protocol):
    """What turns errors into gradients. A rule adds to `Plastic.gradient` of what it trains."""

    network: LIFNetwork
    plastic: list[Plastic]
    """What this rule trains."""
    trace_updates: float
    macs: float
    """Multiply-accumulates so far, without the optimiser's."""
    span: int
    """Symbols of which `met` and `close` need the tape."""
    gathers: bool
    """Whether the gradient itself is kept from symbol to symbol."""

    def met(self, tape: Tape, slot: int, error: np.ndarray | None) -> None:
        """One symbol is over; error (K,) = ∂nats/∂y, or None where nothing is to be learned."""
        ...

    def close(self, tape: Tape, errors: np.ndarray) -> None:
        """The stretch is over: errors (L, K) of its L symbols; gradients must now be whole."""
        ...

    def restart(self) -> None:
        """A new piece begins: set traces to 0."""
        ...

    def traces(self) -> list[np.ndarray]:
        """Arrays that the rule keeps from symbol to symbol."""
        ...


@dataclass(frozen=True, kw_only=True)
class LIFLearner(LIFRecipe):
    """A `LIFRecipe` with a rule; subclasses say which."""

    def begin(self, space: Space, *, seed: int) -> LIFStudent:
        """Start on Symbols or Frames; `Unsuited` for a Series."""
        if isinstance(space, Series):
            raise Unsuited(f"{self.name}: inputs are spikes; a series would need an encoder first")
        return LIFStudent(self, space, self.plasticity(LIFNetwork(self, space.size, seed), seed))

    def plasticity(self, network: LIFNetwork, seed: int) -> Rule:
        """How this learner turns errors into changes of the weights of a network."""
        raise NotImplementedError


class LIFStudent:
    """A network that goes through a stream under one rule. Deep copies are independent."""

    def __init__(self, made: LIFRecipe, space: Symbols | Frames, rule: Rule) -> None:
        self.made, self.space, self.rule, self.network = made, space, rule, rule.network
        self.tape = Tape(self.network, min(rule.span, made.stretch))
        self.errors = np.zeros((made.stretch, space.size), self.network.dtype)
        self.waiting: np.ndarray | None = np.zeros(space.size, np.uint8)  # input not yet run
        self.prediction = space.start()
        self.slot = self.symbols = self.executions = self.learned = self.updates = 0
        self.weight_updates = self.optimiser_macs = 0.0
        self.wall = self.cpu = 0.0

    def predict(self, history: Any = None) -> np.ndarray:
        """Distribution of the next x; the state stands for `history`."""
        with self._measured():
            self._ready()
        return self.prediction.copy()

    def learn(self, x: Any) -> None:
        """Meet the next x; after each stretch the weights change."""
        with self._measured():
            self._learn(self.space.check(np.asarray(x)[None])[0])

    def observe(self, x: Any) -> None:
        """Meet the next x; nothing of it is learned, an open stretch is closed before."""
        with self._measured():
            self._observe(self.space.check(np.asarray(x)[None])[0])

    def run(self, stream: np.ndarray, *, learning: bool = True) -> np.ndarray:
        """Losses (L,) of the stream: the loop itself, with torch on one thread."""
        import torch

        x = self.space.check(stream)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        losses = np.empty(len(x))
        meet = self._learn if learning else self._observe
        try:
            with self._measured():
                for t, item in enumerate(x):
                    self._ready()
                    losses[t] = self.space.loss(self.prediction, item)
                    meet(item)
        finally:
            torch.set_num_threads(threads)
        return losses

    @contextmanager
    def _measured(self) -> Iterator[None]:
        """Measure the time inside. What is not finite is reported by the losses, not by numpy."""
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            with np.errstate(all="ignore"):
                yield
        finally:
            self.wall += time.perf_counter() - wall
            self.cpu += time.process_time() - cpu

    def _ready(self) -> None:
        """Run the network on what was met last, if that has not been done."""
        if self.waiting is None:
            return
        logits = self.network.run(self.waiting, self.tape.slot(self.slot)).astype(np.float64)
        self.waiting = None
        self.symbols += 1
        self.executions += self.made.steps
        if isinstance(self.space, Symbols):
            e = np.exp(logits - logits.max())
            self.prediction = e / e.sum()
        else:
            e = np.exp(-np.abs(logits))
            self.prediction = np.where(logits >= 0, 1.0, e) / (1.0 + e)

    def _learn(self, x: Any) -> None:
        self._ready()
        spikes = self._spikes(x)
        error = self.errors[self.slot]
        error[...] = self.prediction - spikes
        self.rule.met(self.tape, self.slot, error)
        self.slot += 1
        self.learned += 1
        if self.slot == self.made.stretch:
            self._close()
        self.waiting = spikes

    def _observe(self, x: Any) -> None:
        self._ready()
        self.rule.met(self.tape, self.slot, None)
        self._close()
        self.waiting = self._spikes(x)

    def _spikes(self, x: Any) -> np.ndarray:
        if isinstance(self.space, Frames):
            return np.asarray(x).astype(np.uint8)
        spikes = np.zeros(self.space.size, np.uint8)
        spikes[x] = 1
        return spikes

    def _close(self) -> None:
        """Update the weights by what was learned of the open stretch, if there is one."""
        if not self.slot:
            return
        self.rule.close(self.tape, self.errors[: self.slot])
        made, plastic = self.made, self.rule.plastic
        self.updates += 1
        scale = clipped(plastic, self.slot, made.clip)
        rate = made.learning_rate / math.sqrt(1.0 + (self.learned - self.slot) / made.decay)
        self.slot = 0
        made.optimiser.step(plastic, rate, scale, self.updates)
        synapses = sum(p.synapses() for p in plastic)
        self.weight_updates += synapses
        self.optimiser_macs += synapses * (made.optimiser.macs + (not math.isinf(made.clip)))

    def restart(self) -> None:
        """Begin a new piece: forget the state, keep what was learned. An open stretch is closed."""
        self._close()
        for part in self.network.state:
            part[...] = 0
        self.rule.restart()
        self.waiting = np.zeros(self.space.size, np.uint8)

    def snapshot(self) -> Any:
        """What was learned so far, and what was destroyed, for `restore`."""
        net = self.network
        parts = [(p.weights, p.mask, p.moments) for p in (net.w, net.w_out, net.bias)]
        return copy.deepcopy((parts, net.alive, self.learned, self.updates))

    def restore(self, kept: Any) -> None:
        """Go back to a snapshot, at the beginning of a piece. What was spent stays spent."""
        self.restart()
        net = self.network
        parts, alive, self.learned, self.updates = copy.deepcopy(kept)
        for p, (weights, mask, moments) in zip((net.w, net.w_out, net.bias), parts, strict=True):
            p.weights[...], p.mask[...], p.moments = weights, mask, moments
        net.alive[...] = alive
        net.cut()

    def lesion_neurons(self, fraction: float, rng: np.random.Generator) -> None:
        """Silence round(fraction · N) of the neurons, drawn from all N, for good."""
        n = self.made.neurons
        self.network.kill(rng.choice(n, _share(fraction, n), replace=False))

    def lesion_synapses(self, fraction: float, rng: np.random.Generator) -> None:
        """Remove this fraction of the plastic synapses that are left; biases are no synapses."""
        parts = [p for p in self.rule.plastic if p is not self.network.bias]
        there = [np.flatnonzero(p.mask) for p in parts]
        total = sum(len(t) for t in there)
        hit = np.zeros(total, bool)
        hit[rng.choice(total, _share(fraction, total), replace=False)] = True
        for p, places in zip(parts, there, strict=True):
            p.mask.reshape(-1)[places[hit[: len(places)]]] = 0
            hit = hit[len(places) :]
        self.network.cut()

    def cost(self) -> Cost:
        """Counted as follows; D inputs, N neurons, A adaptive, K outputs.

        dense_operations  (D + N) N + N K a step      effective_acs  what spikes added, counted
        membrane_updates  N + A + K a step            activations    N a step
        trace_updates     the rule's, and moments of the optimiser for each weight written
        learning_macs     the rule's, counted where they are done, and 4 (Adam), 1 (descent) and
                          1 (norm for the clip) for each weight of an update
        bytes_touched     each accumulate reads a weight and changes its target, each membrane,
                          trace and weight is read and written, each learning MAC reads one number
        """
        net, made, rule = self.network, self.made, self.rule
        n, k = made.neurons, self.space.size
        plastic = sum(p.synapses() for p in rule.plastic)
        everything = sum(p.synapses() for p in (net.w, net.w_out, net.bias))
        moments = made.optimiser.moments
        gathered = rule.gathers and made.stretch > 1
        kept = [a for p in rule.plastic for a in (p.gradient, *p.moments)[not gathered :]]
        held = [net.w.weights, net.w_out.weights, net.bias.weights, *net.state, *kept]
        held += [*rule.traces(), self.tape.q, self.tape.z, self.tape.u, self.errors]
        acs, spikes = float(net.counts[:3].sum()), float(net.counts[3])
        membranes = float(self.executions) * (n + net.adaptive + k)
        traces = rule.trace_updates + self.weight_updates * moments
        macs = rule.macs + self.optimiser_macs
        per_synapse = sum(a.size for a in rule.traces()) / plastic if plastic else 0.0
        size = net.constants.itemsize
        return Cost(
            symbols=self.symbols,
            executions=self.executions,
            footprint_bytes=sum(a.nbytes for a in held),
            plastic_synapses=plastic,
            fixed_synapses=everything - plastic,
            neurons=n + k,
            states_per_synapse=per_synapse + moments + gathered,
            dense_operations=float(self.executions) * ((k + n) * n + n * k),
            effective_acs=acs,
            activations=float(self.executions) * n,
            silent_activations=float(self.executions) * n - spikes,
            membrane_updates=membranes,
            trace_updates=traces,
            weight_updates=self.weight_updates,
            learning_macs=macs,
            bytes_touched=size * (3 * acs + 2 * (membranes + traces + self.weight_updates) + macs),
            wall_seconds=self.wall,
            cpu_seconds=self.cpu,
        )


def _share(part: float, of: int) -> int:
    return round(fraction(part, "lesion") * of)
