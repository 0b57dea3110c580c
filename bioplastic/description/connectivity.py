"""Connectivity: rules become explicit arrays (i, j, weight, delay) drawn by a Generator.

i is the index of pre, j of post (Brian2's order). Nothing here is drawn inside a simulator, so
every executor gets the same synapses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import ms, second

from bioplastic.description import _check


@dataclass(frozen=True, kw_only=True, eq=False)
class Connectivity:
    """Explicit synapses.

    i, j (S,) int64      index of pre and post
    weight               scalar or (S,), with unit (A for current receptors); negative = inhibitory
    delay                scalar or (S,), s, >= 0; time from the pre spike to its arrival
    permanence (S,)      initial permanence for structural plasticity, or None
    """

    i: np.ndarray
    j: np.ndarray
    weight: Any
    delay: Any = _check.default(0.1 * ms)
    permanence: np.ndarray | None = None

    def __post_init__(self) -> None:
        i, j = (np.ascontiguousarray(a, dtype=np.int64) for a in (self.i, self.j))
        if i.ndim != 1 or i.shape != j.shape:
            raise _check.fail(
                self, "i, j", f"{i.shape}, {j.shape}", "must be (S,) arrays of equal length"
            )
        object.__setattr__(self, "i", i)
        object.__setattr__(self, "j", j)
        _check.quantity(self, "delay", second, low=0)
        for name in ("weight", "delay", "permanence"):
            value = getattr(self, name)
            if value is None:
                continue
            shape = np.shape(value)
            if shape not in ((), i.shape):
                raise _check.fail(self, name, f"shape {shape}", f"must be a scalar or {i.shape}")
        if not np.all(np.isfinite(np.asarray(self.weight, dtype=float))):
            raise _check.fail(self, "weight", self.weight, "must be finite")

    def __len__(self) -> int:
        """Number of synapses."""
        return len(self.i)

    def weights(self, unit: Any) -> np.ndarray:
        """Weights in `unit`, (S,) float64."""
        return np.broadcast_to(_check.magnitude(self.weight, unit), self.i.shape).copy()

    def delays(self) -> np.ndarray:
        """Delays in seconds, (S,) float64."""
        return np.broadcast_to(_check.magnitude(self.delay, second), self.i.shape).copy()

    def check(self, owner: str, n_pre: int, n_post: int) -> None:
        """Raise DescriptionError unless every index lies in its population."""
        for name, index, size in (("i", self.i, n_pre), ("j", self.j, n_post)):
            if len(index) and (index.min() < 0 or index.max() >= size):
                bad = index[(index < 0) | (index >= size)][0]
                raise _check.fail(owner, name, bad, f"must lie in 0..{size - 1}")


@dataclass(frozen=True, kw_only=True, eq=False)
class AllToAll:
    """Every pre to every post as a rule, never listed: n_pre·n_post potential synapses.

    For pools so large that only the few grown synapses can be stored. `explicit` lists them.

    weight   scalar with unit          delay   scalar, s
    only     indices of pre that take part, or None = all
    """

    n_pre: int
    n_post: int
    weight: Any
    delay: Any
    only: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        _check.integer(self, "n_pre", low=1)
        _check.integer(self, "n_post", low=1)
        _check.quantity(self, "delay", second, low=0)
        for name in ("weight", "delay"):
            if np.shape(getattr(self, name)) != ():
                raise _check.fail(self, name, "an array", "must be a scalar")
        for index in self.only or ():
            if not 0 <= index < self.n_pre:
                raise _check.fail(self, "only", index, f"must lie in 0..{self.n_pre - 1}")

    def __len__(self) -> int:
        """Number of potential synapses."""
        return len(self.sources()) * self.n_post

    def sources(self) -> np.ndarray:
        """Indices of pre that take part, ascending."""
        return np.arange(self.n_pre) if self.only is None else np.unique(self.only)

    @property
    def permanence(self) -> None:
        """Rules carry no permanences."""
        return None

    def check(self, owner: str, n_pre: int, n_post: int) -> None:
        """Raise DescriptionError unless the sizes are those of the populations."""
        if (self.n_pre, self.n_post) != (n_pre, n_post):
            raise _check.fail(
                owner,
                "connectivity",
                f"{self.n_pre} x {self.n_post}",
                f"must be {n_pre} x {n_post}",
            )

    def explicit(self) -> Connectivity:
        """The same synapses listed, pre-major."""
        full = all_to_all(self.n_pre, self.n_post, weight=self.weight, delay=self.delay)
        keep = np.isin(full.i, self.sources())
        return Connectivity(i=full.i[keep], j=full.j[keep], weight=self.weight, delay=self.delay)


def all_to_all(
    n_pre: int, n_post: int, *, weight: Any, delay: Any, itself: bool = True
) -> Connectivity:
    """Every pre to every post, pre-major; `itself=False` leaves out i == j."""
    i, j = (a.ravel() for a in np.meshgrid(np.arange(n_pre), np.arange(n_post), indexing="ij"))
    keep = slice(None) if itself else i != j
    return Connectivity(i=i[keep], j=j[keep], weight=weight, delay=delay)


def one_to_one(n: int, *, weight: Any, delay: Any) -> Connectivity:
    """Neuron k to neuron k."""
    index = np.arange(n)
    return Connectivity(i=index, j=index, weight=weight, delay=delay)


def groups(
    pre_group: np.ndarray, post_group: np.ndarray, *, weight: Any, delay: Any
) -> Connectivity:
    """Every pre to every post of the same group label.

    pre_group (N_pre,), post_group (N_post,): integer label of each neuron
    """
    i, j = np.nonzero(np.asarray(pre_group)[:, None] == np.asarray(post_group)[None, :])
    return Connectivity(i=i, j=j, weight=weight, delay=delay)


def fixed_indegree(
    rng: np.random.Generator,
    n_pre: int,
    n_post: int,
    indegree: int,
    *,
    weight: Any,
    delay: Any,
    itself: bool = False,
) -> Connectivity:
    """Each post gets `indegree` different pre neurons, drawn without replacement (no multapses).

    itself=False also forbids autapses (needs n_pre == n_post to mean the same neurons).
    """
    most = n_pre - (0 if itself else 1)
    if not 0 <= indegree <= most:
        raise _check.fail("fixed_indegree", "indegree", indegree, f"must lie in 0..{most}")
    pre = np.empty((n_post, indegree), dtype=np.int64)
    for post in range(n_post):
        drawn = rng.choice(most, size=indegree, replace=False)
        pre[post] = drawn if itself else drawn + (drawn >= post)
    pre.sort(axis=1)
    return Connectivity(
        i=pre.ravel(), j=np.repeat(np.arange(n_post), indegree), weight=weight, delay=delay
    )


def with_permanence(connectivity: Connectivity, permanence: np.ndarray) -> Connectivity:
    """The same synapses with initial permanences (S,)."""
    return Connectivity(
        i=connectivity.i,
        j=connectivity.j,
        weight=connectivity.weight,
        delay=connectivity.delay,
        permanence=np.asarray(permanence, dtype=float),
    )
