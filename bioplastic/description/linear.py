"""Any linear neuron: coupled states, linear threshold, affine resets, events with a plateau."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import ms, second

from bioplastic.description import _check


@dataclass(frozen=True, kw_only=True)
class Exact:
    """Exact step of a linear system: x(t + dt) = exp(A dt) x(t) + ∫exp(A s) ds b."""


@dataclass(frozen=True, kw_only=True)
class Taylor:
    """Explicit Runge–Kutta step of a linear system: the first `order` terms of exp(A dt).

    order 1 is Euler's method, 2 a consistent two-stage method (rk2), 4 the classic rk4. Brian2's
    "heun" without noise is Euler's method, order 1.
    """

    order: int = 1

    def __post_init__(self) -> None:
        _check.integer(self, "order", low=1, high=8)


@dataclass(frozen=True, kw_only=True)
class LinearEvent:
    """Something that happens inside a neuron when a linear form of its states passes a value.

    Tested with the threshold: row·x > theta (strictly) and the last event of this kind is at least
    `dead_time` ago. Then x ← R x + r, in the reset slot of the step, before the reset of a spike
    (`late`: after it). From the next step on, for `duration`, b grows by `drive`: a plateau.

    name                    of the event, recorded as population.name
    row (n,), theta         condition; theta a number or (N,)
    reset (n, n), reset_offset (n,)   R and r
    dead_time               s; an event is never tested while its own plateau lasts
    duration                s, 0 = no plateau          drive (n,)  state units / s
    """

    name: str
    row: np.ndarray
    theta: Any
    reset: np.ndarray
    reset_offset: np.ndarray
    dead_time: Any = _check.default(0 * ms)
    duration: Any = _check.default(0 * ms)
    drive: np.ndarray | None = None
    late: bool = False

    def __post_init__(self) -> None:
        n = np.size(self.row)
        _check.shaped(self, "row", (n,))
        _check.shaped(self, "reset", (n, n))
        _check.shaped(self, "reset_offset", (n,))
        if self.drive is not None:
            _check.shaped(self, "drive", (n,))
        _check.quantity(self, "theta", 1)
        _check.quantity(self, "dead_time", second, low=0)
        _check.quantity(self, "duration", second, low=0)
        if float(self.duration) > 0 and self.drive is None:
            raise _check.fail(self, "drive", None, "a plateau needs a drive")


@dataclass(frozen=True, kw_only=True)
class LinearIF:
    """Any linear subthreshold system with a linear threshold and affine resets.

    dx/dt = A x + b;  spike when row·x > theta (strictly);  then x ← R x + r.

    names            (n,) name of each state; projections target a state by its name
    matrix (n, n)    A, 1/s
    offset           b, state units / s: (n,), or (N, n) with one row per neuron
    row (n,)         threshold row             theta   threshold, a number or (N,)
    reset (n, n)     R                         reset_offset (n,)  r
    t_ref            refractory time during which the threshold is not tested, s
    held             states that stand still while the neuron is refractory (they act on the others
                     with the value they hold; arrivals still move them)
    deaf             held states whose arrivals are lost while the neuron is refractory, from the
                     step of the spike on (Brian2's `unless refractory` also does this)
    integrator       Exact or Taylor
    events           LinearEvents
    initial          states at the start, (n,) or (N, n)
    States are plain SI floats: the system may mix volts and amperes.
    """

    names: tuple[str, ...]
    matrix: np.ndarray
    offset: np.ndarray
    row: np.ndarray
    theta: Any
    reset: np.ndarray
    reset_offset: np.ndarray
    t_ref: Any = _check.default(0 * ms)
    held: tuple[str, ...] = ()
    deaf: tuple[str, ...] = ()
    integrator: Exact | Taylor = _check.default(Exact())
    events: tuple[LinearEvent, ...] = ()
    initial: np.ndarray | None = None

    def __post_init__(self) -> None:
        n = len(self.names)
        _check.unique(self, "names", self.names)
        _check.shaped(self, "matrix", (n, n))
        _check.shaped(self, "offset", (n,), per_neuron=True)
        _check.shaped(self, "row", (n,))
        _check.shaped(self, "reset", (n, n))
        _check.shaped(self, "reset_offset", (n,))
        if self.initial is None:
            object.__setattr__(self, "initial", np.zeros(n))
        _check.shaped(self, "initial", (n,), per_neuron=True)
        _check.quantity(self, "theta", 1)
        _check.quantity(self, "t_ref", second, low=0)
        _check.kind(self, "integrator", Exact | Taylor, "Exact() or Taylor(order=…)")
        for name in self.held:
            if name not in self.names:
                raise _check.fail(self, "held", repr(name), "is no state of this neuron")
        for name in self.deaf:
            if name not in self.held:
                raise _check.fail(self, "deaf", repr(name), "is no held state")
        _check.unique(self, "events", (e.name for e in self.events))
        for event in self.events:
            if np.size(event.row) != n:
                raise _check.fail(self, "events", event.name, f"needs rows of {n} states")

    def check(self, owner: str, size: int) -> None:
        """Raise DescriptionError unless every per-neuron array has `size` rows."""
        given = {"offset": self.offset, "initial": self.initial}
        rows = {k: len(v) for k, v in given.items() if np.ndim(v) == 2}  # type: ignore[arg-type]
        rows |= {"theta": np.size(self.theta)} if np.ndim(self.theta) else {}
        rows |= {e.name: np.size(e.theta) for e in self.events if np.ndim(e.theta)}
        for name, found in rows.items():
            if found != size:
                raise _check.fail(owner, f"neuron.{name}", f"{found} rows", f"must have {size}")
