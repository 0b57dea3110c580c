"""Validation at construction: every message names the object, the value, its unit and the range."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field
from typing import Any

import numpy as np
from brian2 import Quantity, get_dimensions
from brian2.units.fundamentalunits import DIMENSIONLESS, get_unit_for_display

from bioplastic.errors import DescriptionError, nearest


def fail(owner: Any, name: str, value: Any, why: str) -> DescriptionError:
    """Build the one-line error ``LIF.tau_m = -5 ms: must be …``."""
    who = owner if isinstance(owner, str) else type(owner).__name__
    return DescriptionError(f"{who}.{name} = {value}: {why}")


def quantity(
    owner: Any,
    name: str,
    unit: Any,
    *,
    low: Any = None,
    high: Any = None,
    open_low: bool = False,
    optional: bool = False,
) -> None:
    """Check ``owner.name``: right dimension, finite, within [low, high] (or ]low, high]).

    unit          a Brian2 unit or Quantity giving the dimension (1 = dimensionless)
    low, high     bounds in the same unit, None = unbounded; `open_low` excludes low itself
    optional      None passes
    """
    value = getattr(owner, name)
    if value is None and optional:
        return
    want, got = get_dimensions(unit), get_dimensions(value)
    if got is not want:
        shown = "dimensionless" if want is DIMENSIONLESS else get_unit_for_display(want)
        raise fail(owner, name, value, f"needs a value in {shown}, for example 10*{shown}")
    number = np.asarray(value, dtype=float)
    if not np.all(np.isfinite(number)):
        raise fail(owner, name, value, "must be finite")
    if low is not None and np.any(number <= float(low) if open_low else number < float(low)):
        raise fail(owner, name, value, f"must be {'>' if open_low else '>='} {low}")
    if high is not None and np.any(number > float(high)):
        raise fail(owner, name, value, f"must be <= {high}")


def integer(owner: Any, name: str, *, low: int, high: int | None = None) -> None:
    """Check that ``owner.name`` is a whole number in [low, high]."""
    value = getattr(owner, name)
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        top = "" if high is None else f" and <= {high}"
        raise fail(owner, name, value, f"must be a whole number >= {low}{top}")


def member(owner: Any, name: str, valid: Iterable[str]) -> None:
    """Check that ``owner.name`` is one of the valid names; offers the nearest."""
    value, names = getattr(owner, name), list(valid)
    if value not in names:
        raise fail(owner, name, repr(value), f"no such name{nearest(str(value), names)}")


def kind(owner: Any, name: str, types: Any, wanted: str) -> None:
    """Check that ``owner.name`` is an instance of `types`; `wanted` says what in words."""
    value = getattr(owner, name)
    if not isinstance(value, types):
        raise fail(owner, name, f"a {type(value).__name__}", f"must be {wanted}")


def shaped(owner: Any, name: str, shape: tuple[int, ...], *, per_neuron: bool = False) -> None:
    """Make ``owner.name`` a finite float64 array of `shape`, or (N, *shape) with `per_neuron`."""
    value = np.asarray(getattr(owner, name), dtype=float)
    if value.shape != shape and not (per_neuron and value.shape[1:] == shape and value.ndim):
        wanted = f"{shape}" + (f" or (N, {', '.join(map(str, shape))})" if per_neuron else "")
        raise fail(owner, name, f"shape {value.shape}", f"must have shape {wanted}")
    if not np.all(np.isfinite(value)):
        raise fail(owner, name, value, "must be finite")
    object.__setattr__(owner, name, value)


def unique(owner: Any, name: str, values: Iterable[str]) -> None:
    """Check that names do not repeat."""
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise fail(owner, name, repr(value), "this name is used twice")
        seen.add(value)


def magnitude(value: Any, unit: Quantity | Any) -> np.ndarray:
    """Number of `unit` in `value`, as float64 (``magnitude(5*ms, second) == 0.005``)."""
    return np.asarray(value / unit, dtype=float)


def default(value: Any) -> Any:
    """Dataclass default for a Quantity (unhashable, so dataclasses want a factory)."""
    return field(default_factory=lambda: value)
