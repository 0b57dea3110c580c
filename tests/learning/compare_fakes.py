"""A small task and small learners, so that the comparison is tested without the real ones."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from types import ModuleType

import numpy as np
import pytest

from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner, Unsuited
from bioplastic.learning.learners import LEARNERS
from bioplastic.learning.locality import Use
from bioplastic.learning.prequential import Unavailable
from bioplastic.learning.space import Space, Symbols
from bioplastic.learning.task import Metric, MissingData, Published, Record, Target
from bioplastic.learning.tasks import TASKS
from bioplastic.learning.walk import curve, walk
from bioplastic.provenance import stream

CALLS: list[tuple[str, int]] = []
"""Cells that were measured in this process."""


class Counting:
    """Counts of symbols that followed the last one; parts of the table can be removed."""

    def __init__(self, size: int, rate: float, noise: np.random.Generator | None) -> None:
        self.counts = np.full((size, size), 0.5)
        self.last, self.rate, self.noise, self.met = 0, rate, noise, 0
        self.silent = np.zeros(size, dtype=bool)

    def predict(self, history: object) -> np.ndarray:
        """Share of each successor; uniform after a symbol whose neuron is gone."""
        row = self.counts[self.last]
        if self.silent[self.last]:
            row = np.ones_like(row)
        return row / row.sum()

    def learn(self, x: int) -> None:
        """Count."""
        extra = 0.0 if self.noise is None else 0.3 * self.noise.random()
        if not self.silent[self.last]:
            self.counts[self.last, x] += self.rate * (1 + extra)
        self.observe(x)

    def observe(self, x: int) -> None:
        """Go on."""
        self.last, self.met = int(x), self.met + 1

    def lesion_neurons(self, fraction: float, rng: np.random.Generator) -> None:
        """Silence rows."""
        order = rng.permutation(len(self.silent))
        self.silent[order[: round(fraction * len(order))]] = True

    def lesion_synapses(self, fraction: float, rng: np.random.Generator) -> None:
        """Forget entries."""
        self.counts[rng.random(self.counts.shape) < fraction] = 0.5

    def cost(self) -> Cost:
        """Some counts."""
        n, size = self.met, len(self.silent)
        return Cost(
            symbols=n, executions=n, footprint_bytes=8 * size * size, plastic_synapses=size * size,
            effective_acs=3.0 * n, effective_macs=self.rate * n, weight_updates=float(n),
            activations=float(size * n), silent_activations=float((size - 1) * n),
            bytes_touched=16.0 * n, wall_seconds=0.01,
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Counter(Learner):
    """`rate` per count; `noisy` draws from the seed; `fails` says how it goes wrong."""

    rate: float = 1.0
    noisy: bool = True
    fails: str = ""

    def begin(self, space: Space, *, seed: int) -> Counting:
        """Start."""
        assert isinstance(space, Symbols)
        if self.fails == "unsuited":
            raise Unsuited("too small")
        if self.fails == "unavailable":
            raise Unavailable("not installed")
        if self.fails == "defect":
            raise ZeroDivisionError("division by zero")
        noise = stream(seed, "counter", self.name) if self.noisy else None
        return Counting(space.size, self.rate, noise)

    def locality(self) -> tuple[Use, ...]:
        """One local quantity, and for backprop one that is not."""
        spike = Use(
            quantity="spike", place="pre", latency="at the spike", local=True, why="it is there"
        )
        error = Use(
            quantity="error", place="elsewhere", latency="one step", local=False, why="no wire"
        )
        return {"local": (spike,), "backprop": (spike, error)}.get(self.rule, ())


@dataclass(frozen=True, kw_only=True)
class Toy:
    """A noisy cycle of `size` symbols."""

    name: str = "toy"
    length: int = 300
    size: int = 6
    data: str = "here"
    seeds: int = 6
    fresh: bool = False
    question: str = field(default="Who finds the cycle?", init=False)
    protocol: str = field(default="One pass.", init=False)
    metric: Metric = field(
        default=Metric(name="surprise", unit="bits/symbol", lower_is_better=True), init=False
    )
    published: tuple[Published, ...] = field(
        default=(Published(name="oracle", score=0.1, source="nobody"),), init=False
    )
    target: Target | None = field(
        default=Target(learner="quick", score=1.2, why="a guess"), init=False
    )

    def learners(self) -> tuple[Learner, ...]:
        """Two good ones, a floor, and one for each thing that goes wrong."""
        return (
            Counter(name="quick", rule="local", rate=2.0),
            Counter(name="quick_no_counts", rule="local", rate=0.0),
            Counter(name="slow", rule="backprop", rate=0.05),
            Counter(name="flat", rule="none", rate=0.0, noisy=False),
            Counter(name="half", rule="none", rate=0.5, noisy=False),
            Counter(name="large", rule="backprop", fails="unsuited"),
            Counter(name="away", rule="none", fails="unavailable"),
            Counter(name="wild", rule="three-factor", fails="diverged"),
        )

    def check(self) -> None:
        """Missing unless it is here."""
        if self.data != "here":
            raise MissingData(f"{self.data} is not there. Get it from nowhere (no licence)")

    def measure(self, learner: Learner, *, seed: int) -> Record:
        """Walk along the cycle."""
        CALLS.append((learner.name, seed))
        rng = stream(seed, "toy")
        x = np.cumsum(1 + (rng.random(self.length) < 0.1)) % self.size
        student = learner.begin(Symbols(size=self.size), seed=seed)
        losses = walk(student, Symbols(size=self.size), x)
        if isinstance(learner, Counter) and learner.fails == "diverged":
            losses[7:] = np.inf
        line = curve(losses, windows=10)
        return Record(
            task=self.name, learner=learner.name, rule=learner.rule, seed=seed,
            score=float(losses.mean()), cost=student.cost(), x=line.x, y=line.y,
            extra={"last_bits": float(losses[-1])}, settings=learner.settings(),
        )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Broken(Toy):
    """The same, with a learner that has a defect."""

    name: str = "broken"

    def learners(self) -> tuple[Learner, ...]:
        """One that works, one that does not."""
        return (
            Counter(name="quick", rule="local", rate=2.0),
            Counter(name="bug", rule="backprop", fails="defect"),
        )


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the fakes the only tasks, and their learners known."""
    module = ModuleType("bioplastic.learning.tasks.toy")
    vars(module).update(Toy=Toy, Broken=Broken)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for name in list(TASKS):
        monkeypatch.delitem(TASKS, name)
    for name, kind in {"toy": "Toy", "broken": "Broken"}.items():
        monkeypatch.setitem(TASKS, name, f"toy:{kind}")
    for learner in Toy().learners():
        monkeypatch.setitem(LEARNERS, learner.name, "none:None")
    CALLS.clear()
