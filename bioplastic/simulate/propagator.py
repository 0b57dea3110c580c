"""Exact propagation of a linear system over one step, as a Brian2 state updater.

x(t + dt) = exp(A dt) x(t). The matrix exponential is taken in 50-digit arithmetic and rounded once,
so that it stays right when time constants coincide and when states differ by many orders of
magnitude (volts beside amperes), where symbolic solutions divide by zero.

Source: Rotter & Diesmann 1999 [rotter1999].
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import mpmath
import numpy as np
from brian2 import get_dimensions
from brian2.stateupdaters.base import StateUpdateMethod
from brian2.units.fundamentalunits import Quantity

DIGITS = 50


def propagator(matrix: np.ndarray, dt: float, order: int | None = None) -> np.ndarray:
    """exp(A dt), each entry correctly rounded; entries without a path from j to i are exactly 0.

    matrix (n, n) 1/s: A     dt s     order  None, or the number of terms of the series to take
    """
    n = len(matrix)
    if not n:
        return np.zeros((0, 0))
    with mpmath.workdps(DIGITS):
        scaled = mpmath.matrix(matrix.tolist()) * mpmath.mpf(dt)
        exact = mpmath.expm(scaled) if order is None else _series(scaled, order)
        values = np.array([[float(exact[i, j]) for j in range(n)] for i in range(n)])
    reach = np.linalg.matrix_power((matrix != 0) | np.eye(n, dtype=bool), max(n, 1))
    return np.where(reach, values, 0.0)


def _series(scaled: Any, order: int) -> Any:
    """1 + M + M²/2! + … up to M^order/order!."""
    total = term = mpmath.eye(scaled.rows)
    for k in range(1, order + 1):
        term = term * scaled / k
        total = total + term
    return total


@dataclass
class LinearSystem:
    """States, the rates by which they drive each other, and the value each one rests at.

    units    state -> Brian2 unit; constant inputs are states without a rate
    rates    (into, from) -> entry of A in SI units
    rest     state -> name of the constant that is subtracted before and added after propagation
    held     states that stand still while the neuron is refractory
    order    None: the exact step; k: the first k terms of exp(A dt) (Runge–Kutta, 1 = Euler)
    """

    units: dict[str, Any] = field(default_factory=dict)
    rates: dict[tuple[str, str], float] = field(default_factory=dict)
    rest: dict[str, str] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    order: int | None = None

    def add(self, name: str, unit: Any, *, rest: str = "", held: bool = False) -> None:
        """Add a state."""
        self.units[name] = unit
        if rest:
            self.rest[name] = rest
        if held:
            self.held.add(name)

    def drive(self, into: str, source: str, rate: float) -> None:
        """Add ``rate * source`` to the derivative of `into`, SI units."""
        self.rates[into, source] = self.rates.get((into, source), 0.0) + rate

    def matrix(self, without: Collection[str] = ()) -> np.ndarray:
        """A (n, n) in the order of `units`; the rows of `without` are 0."""
        place = {name: k for k, name in enumerate(self.units)}
        matrix = np.zeros((len(place), len(place)))
        for (into, source), rate in self.rates.items():
            if into not in without:
                matrix[place[into], place[source]] = rate
        return matrix

    def step(self, dt: float, refractory: bool) -> tuple[list[str], dict[str, Quantity]]:
        """Code of one step and the constants that it names.

        Every new value is computed from old ones before any is written.
        """
        constants: dict[str, Quantity] = {}
        free = propagator(self.matrix(), dt, self.order)
        still = free
        if refractory:
            still = propagator(self.matrix(without=self.held), dt, self.order)
        names, lines, writes = list(self.units), [], []
        if refractory and self.held:
            lines.append("_free = int(not_refractory)")
        moving = {into for into, _ in self.rates}
        for k, name in enumerate(names):
            if name not in moving:
                continue
            moved = self._sum("P", k, free, constants)
            if refractory and name in self.held:
                moved = f"_free*({moved}) + (1 - _free)*{name}"
            elif not np.array_equal(free[k], still[k]):
                moved = f"_free*({moved}) + (1 - _free)*({self._sum('H', k, still, constants)})"
            lines.append(f"_new_{name} = {moved}")
            writes.append(f"{name} = _new_{name}")
        return lines + writes, constants

    def _sum(self, letter: str, k: int, matrix: np.ndarray, constants: dict[str, Quantity]) -> str:
        names = list(self.units)
        into = names[k]
        terms = [self.rest[into]] if into in self.rest else []
        for m, source in enumerate(names):
            if matrix[k, m] == 0.0:
                continue
            constant = f"{letter}_{into}_{source}"
            dimension = get_dimensions(self.units[into]) / get_dimensions(self.units[source])
            constants[constant] = Quantity(matrix[k, m], dim=dimension)
            value = f"({source} - {self.rest[source]})" if source in self.rest else source
            terms.append(f"{constant}*{value}")
        return " + ".join(terms) if terms else f"0*{into}"


class ExactStep(StateUpdateMethod):
    """Brian2 state updater that runs prepared code in place of solving the equations again."""

    def __init__(self, code: str) -> None:
        self.code = code

    def __call__(
        self,
        equations: Any,
        variables: Mapping[str, Any] | None = None,
        method_options: Mapping[str, Any] | None = None,
    ) -> str:
        """The code of one step."""
        return self.code
