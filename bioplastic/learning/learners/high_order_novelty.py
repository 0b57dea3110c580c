"""Familiarity: symbols that keep coming get an input of their own, all others share one."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner, Lesionable, Unsuited
from bioplastic.learning.locality import Use
from bioplastic.learning.space import Space, Symbols

NOVEL = 0
"""Channel of everything that is not familiar."""

FAMILIARITY: tuple[Use, ...] = (
    Use(
        quantity="familiarity trace of the symbol's own axon",
        place="pre",
        latency="the time constant of the trace",
        local=True,
        why="how often that axon spiked lately; nothing else is read",
    ),
    Use(
        quantity="which channel is free",
        place="population",
        latency="at the spike that makes the symbol familiar",
        local=False,
        why="one channel at a time is excitable, in order of index, as in the recruitment of keys",
    ),
)


@dataclass(frozen=True, kw_only=True)
class Familiarity:
    """When a symbol gets a channel: its trace, x ← x exp(−Δ/tau) + 1 at each spike, has grown.

    channels    channel 0 is shared by what is novel, 1..channels−1 are given once each and kept
    tau         symbols (theta cycles) in which the trace falls to 1/e
    threshold   a symbol is familiar from the first spike on before which x > threshold (strictly)
    When no channel is free a symbol stays novel.
    Raises UsageError for values out of range.
    """

    channels: int = 64
    tau: float = 60.0
    threshold: float = 0.5

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.channels < 2 or not self.tau > 0 or not self.threshold >= 0:
            raise UsageError(
                f"Familiarity: channels = {self.channels} (2 or more), tau = {self.tau} (positive),"
                f" threshold = {self.threshold} (0 or more)"
            )


class Front:
    """Traces and channels of one stream over V symbols."""

    def __init__(self, settings: Familiarity, size: int) -> None:
        self.settings = settings
        self.channel = np.zeros(size, np.int64)
        self.trace = np.zeros(size)
        self.last = np.zeros(size, np.int64)
        self.met = 0
        self.given = 1
        self.updates = 0

    def meet(self, x: int, *, learning: bool) -> int:
        """Channel in which the symbol x speaks now; where not learning, nothing but time moves."""
        self.met += 1
        if learning and self.channel[x] == NOVEL:
            before = self.trace[x] * np.exp((self.last[x] - self.met) / self.settings.tau)
            if before > self.settings.threshold and self.given < self.settings.channels:
                self.channel[x] = self.given
                self.given += 1
            self.trace[x], self.last[x] = before + 1.0, self.met
            self.updates += 1
        return int(self.channel[x])

    def spread(self, p: np.ndarray) -> np.ndarray:
        """p (C,) of channels → p (V,) of symbols.

        The novel symbols share equally what the novel channel and the free ones hold.
        """
        found: np.ndarray = p[self.channel]
        novel = self.channel == NOVEL
        if novel.any():
            found[novel] = max(0.0, 1.0 - float(p[1 : self.given].sum())) / novel.sum()
        return found / found.sum()


class FamiliarStudent:
    """A student of channels behind a front of familiarity, over V symbols.

    inner   student over Symbols(size=channels); its `predictions` are used where it has them
    """

    def __init__(self, inner: Any, front: Front, space: Symbols) -> None:
        self.inner, self.front, self.space = inner, front, space

    def __deepcopy__(self, memo: dict[int, Any]) -> FamiliarStudent:
        return FamiliarStudent(copy.deepcopy(self.inner), copy.deepcopy(self.front), self.space)

    def predict(self, history: Any) -> np.ndarray:
        """p (V,) of the next symbol, from the state."""
        return self.front.spread(self.inner.predict(history))

    def learn(self, x: int) -> None:
        """One symbol with learning."""
        self.inner.learn(self.front.meet(int(x), learning=True))

    def observe(self, x: int) -> None:
        """One symbol without."""
        self.inner.observe(self.front.meet(int(x), learning=False))

    def walk(self, stream: np.ndarray, *, learning: bool = True) -> Iterator[np.ndarray]:
        """p (V,) before each symbol of a stream; go through all of it."""
        x = self.space.check(stream)
        if not hasattr(self.inner, "predictions"):
            for s in x.tolist():
                yield self.predict(None)
                self.learn(s) if learning else self.observe(s)
            return
        before = copy.deepcopy(self.front)
        channels = np.array([self.front.meet(int(s), learning=learning) for s in x], np.int64)
        for s, p in zip(x, self.inner.predictions(channels, learning=learning), strict=True):
            yield before.spread(p)
            before.meet(int(s), learning=learning)

    def predictions(self, stream: np.ndarray, *, learning: bool = True) -> np.ndarray:
        """p (L, V) before each symbol of a stream, as the loop of predict and learn gives them."""
        found = list(self.walk(stream, learning=learning))
        return np.array(found).reshape(len(found), self.space.size)

    def run(self, stream: np.ndarray, *, learning: bool = True) -> np.ndarray:
        """Bits (L,) of the symbols of a stream."""
        x = self.space.check(stream)
        steps = zip(self.walk(x, learning=learning), x, strict=True)
        return np.array([self.space.loss(p, int(s)) for p, s in steps])

    def lesion_neurons(self, fraction: float, rng: np.random.Generator) -> None:
        """Silence this fraction of the grown keys and roots; the input axons stay."""
        self._damageable().lesion_neurons(fraction, rng)

    def lesion_synapses(self, fraction: float, rng: np.random.Generator) -> None:
        """Remove this fraction of the plastic synapses of the network behind the front."""
        self._damageable().lesion_synapses(fraction, rng)

    def _damageable(self) -> Any:
        if not isinstance(self.inner, Lesionable):
            raise Unsuited(f"{type(self.inner).__name__} has no parts that could be destroyed")
        return self.inner

    def cost(self) -> Cost:
        """The network's, and the front: one trace (8 B), one time, one channel for each symbol."""
        found: Cost = self.inner.cost()
        size = len(self.front.trace)
        return replace(
            found,
            footprint_bytes=found.footprint_bytes + 24 * size,
            fixed_synapses=found.fixed_synapses + size,
            trace_updates=found.trace_updates + self.front.updates,
        )


@dataclass(frozen=True, kw_only=True)
class Familiar(Learner):
    """Any learner of symbols behind the front: what it can do with the same inputs.

    inner            name of the learner behind
    inner_settings   of it, as (name, value) pairs
    familiarity      which symbols get an input of their own
    The front learns by local traces; the rule in tables is that of the learner behind.
    Raises Unsuited for other spaces, and as the learner behind does.
    """

    name: str = "familiar_gru"
    inner: str = ""
    inner_settings: tuple[tuple[str, Any], ...] = ()
    familiarity: Familiarity = field(default_factory=Familiarity)

    def __post_init__(self) -> None:
        """Take the rule of the learner behind; "familiar_gru" means gru."""
        if not self.inner:
            object.__setattr__(self, "inner", self.name.removeprefix("familiar_"))
        object.__setattr__(self, "rule", self.behind().rule)
        super().__post_init__()

    def behind(self) -> Learner:
        """The learner that meets the channels."""
        from bioplastic.learning.learners import learner

        return replace(learner(self.inner), **dict(self.inner_settings))

    def made_of(self) -> tuple[object, ...]:
        """The learner behind."""
        return (self.behind(),)

    def begin(self, space: Space, *, seed: int) -> FamiliarStudent:
        """Start both."""
        if not isinstance(space, Symbols):
            raise Unsuited(f"{self.name} takes symbols, not {type(space).__name__}")
        student = self.behind().begin(Symbols(size=self.familiarity.channels), seed=seed)
        return FamiliarStudent(student, Front(self.familiarity, space.size), space)

    def locality(self) -> tuple[Use, ...]:
        """The audit of the learner behind, and the front's."""
        return (*self.behind().locality(), *FAMILIARITY)
