"""Linear neurons to integers: propagators, thresholds and resets in the scales of their states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.description import LinearEvent, LinearIF, Population, Taylor
from bioplastic.errors import UnsupportedModel
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_population import (
    AffineMap,
    EventChannel,
    IntegerLinear,
    LinearForm,
    LinearState,
    LinearStep,
)
from bioplastic.quantize.report import Rounding

LARGEST_COEFFICIENT = 2.0 ** (62 - fp.PROPAGATOR)
WIDEST = 2.0 - 2.0**-20  # a coefficient of a step must fit int32 as Q30
ROW = 30


@dataclass(frozen=True, kw_only=True, eq=False)
class _Float:
    """One step of a linear neuron in state units: free and held propagators, and their inputs."""

    free: np.ndarray
    free_input: np.ndarray
    held: np.ndarray
    held_input: np.ndarray


def _propagate(p: Population, neuron: LinearIF, dt: float) -> _Float:
    matrix = np.asarray(neuron.matrix)
    order = neuron.integrator.order if isinstance(neuron.integrator, Taylor) else None
    stands = np.array([name in neuron.held for name in neuron.names])
    standing = np.where(stands[:, None], 0.0, matrix)
    free, free_input = fp.linear_propagators(matrix, dt, order)
    held, held_input = fp.linear_propagators(standing, dt, order)
    for which, step in ((matrix, free), (standing, held)):
        grows = float(np.max(np.abs(np.linalg.eigvals(step))))
        exact = float(np.max(np.exp(np.linalg.eigvals(which).real * dt)))
        if order is not None and grows > max(1.0, exact) + 1e-9:
            raise UnsupportedModel(
                f"{p.name}.neuron.integrator = Taylor(order={order}): unstable, states grow by "
                f"{grows:.3g} in each step of {dt * 1e3:g} ms: use Exact() or a shorter dt"
            )
    # a state that stands takes no input either; the others see it through the propagator
    return _Float(
        free=free,
        free_input=free_input,
        held=held,
        held_input=np.where(stands[None, :], 0.0, held_input),
    )


def magnitudes(p: Population, dt: float, arriving: np.ndarray) -> np.ndarray:
    """A first guess of the size of every state, (n,), state units; 1 where nothing says any.

    arriving (n,)   largest weight onto each state, SI
    """
    neuron = p.neuron
    assert isinstance(neuron, LinearIF)
    step = _propagate(p, neuron, dt)
    started = np.abs(np.asarray(neuron.initial)).reshape(-1, len(neuron.names)).max(axis=0)
    size = np.maximum(arriving, started)
    size = np.maximum(size, np.abs(neuron.reset_offset))
    offset = np.abs(np.asarray(neuron.offset)).reshape(-1, len(neuron.names)).max(axis=0)
    size = np.maximum(size, np.abs(step.free_input) @ offset)
    theta = float(np.max(np.abs(neuron.theta)))
    for k, coefficient in enumerate(np.abs(neuron.row)):
        size[k] = max(size[k], theta / coefficient if coefficient else 0.0)
    for _ in size:  # what a silent state gets from those that drive it
        size = np.where(size > 0, size, np.abs(step.free) @ size)
    return np.where(size > 0, size, 1.0)


def fitting(p: Population, dt: float, lsb: np.ndarray) -> np.ndarray:
    """The LSBs, coarsened until every coefficient of a step fits its 32 bits."""
    assert isinstance(p.neuron, LinearIF)
    step = _propagate(p, p.neuron, dt)
    largest = np.maximum(np.abs(step.free), np.abs(step.held))
    lsb = lsb.copy()
    for _ in range(4000):
        wide = np.max(largest * lsb / lsb[:, None], axis=1) > WIDEST
        if not wide.any():
            return lsb
        if np.any(np.diag(largest) > WIDEST):
            break
        lsb[wide] *= 2
    name = p.neuron.names[int(np.argmax(np.max(largest * lsb / lsb[:, None], axis=1)))]
    raise UnsupportedModel(
        f"{p.name}.{name}: grows by {np.max(np.abs(np.linalg.eigvals(step.free))):.3g} in each "
        f"step of {dt * 1e3:g} ms, the kernel takes factors below 2: use a shorter dt"
    )


def lower_linear(p: Population, dt: float, lsb: np.ndarray) -> tuple[IntegerLinear, list[Rounding]]:
    """Integers of a LinearIF population; lsb (n,): value of an LSB of each state."""
    neuron = p.neuron
    assert isinstance(neuron, LinearIF)
    step, n = _propagate(p, neuron, dt), len(neuron.names)
    scale = lsb / lsb[:, None]
    offset = np.broadcast_to(np.asarray(neuron.offset), (p.size, n))
    initial = np.broadcast_to(np.asarray(neuron.initial), (p.size, n))
    refractory = int(fp.grid_steps(float(neuron.t_ref), dt))
    lowered = IntegerLinear(
        name=p.name,
        size=p.size,
        channels=(
            *(
                LinearState(name=s, lsb=float(u), deaf=s in neuron.deaf)
                for s, u in zip(neuron.names, lsb, strict=True)
            ),
            *(_event(p, e, step, lsb, dt) for e in neuron.events),
        ),
        free=LinearStep(
            matrix=fp.to_fixed(step.free * scale, fp.PROPAGATOR),
            offset=_wide(p, "offset", offset @ step.free_input.T / lsb),
        ),
        held=LinearStep(
            matrix=fp.to_fixed(step.held * scale, fp.PROPAGATOR),
            offset=_wide(p, "offset", offset @ step.held_input.T / lsb),
        ),
        form=_form(p, neuron.row, neuron.theta, lsb),
        reset=_map(p, "reset", neuron.reset, neuron.reset_offset, lsb),
        refractory=refractory,
        initial=_within(p, "initial", np.rint(initial / lsb), fp.STATE_LIMIT).astype(np.int32),
        labels=p.labels,
    )
    t_ref = float(neuron.t_ref)
    roundings = [_rounding(f"{p.name}.t_ref", t_ref, refractory * dt, "s")]
    kept = lowered.free.matrix * 2.0**-fp.PROPAGATOR / scale
    roundings += [
        _rounding(f"{p.name}.{name} (propagator)", step.free[k], kept[k], "1")
        for k, name in enumerate(neuron.names)
    ]
    tested: list[tuple[str, LinearIF | LinearEvent, LinearForm]] = [("theta", neuron, lowered.form)]
    tested += [(e.name, e, c.form) for e, c in zip(neuron.events, lowered.events, strict=True)]
    for name, wanted, form in tested:
        sized = np.asarray(wanted.row) * lsb
        unit = float(np.max(np.abs(sized))) / max(float(np.max(np.abs(form.row))), 1.0)
        roundings.append(_rounding(f"{p.name}.{name} (row)", sized, form.row * unit, "1"))
    return lowered, roundings


def _rounding(what: str, wanted: Any, got: Any, unit: str) -> Rounding:
    error = float(np.max(np.abs(np.asarray(got) - np.asarray(wanted)), initial=0.0))
    largest = float(np.max(np.abs(wanted), initial=0.0))
    return Rounding(
        what=what, bits=32, error=error, relative=error / largest if largest else 0.0, unit=unit
    )


def _within(p: Population, what: str, x: np.ndarray, limit: float) -> np.ndarray:
    largest = float(np.max(np.abs(x), initial=0.0))
    if largest > limit:
        raise UnsupportedModel(
            f"{p.name}.{what}: {largest:.3g} LSB, the format holds {limit:.3g}: "
            "its states differ too much in size"
        )
    return x


def _wide(p: Population, what: str, x: np.ndarray) -> np.ndarray:
    """Q30 in int64; refuses what would pass 2^62."""
    return fp.to_fixed(_within(p, what, np.asarray(x), LARGEST_COEFFICIENT), fp.PROPAGATOR)


def _map(p: Population, what: str, matrix: Any, offset: Any, lsb: np.ndarray) -> AffineMap:
    return AffineMap(
        matrix=_wide(p, what, np.asarray(matrix) * lsb / lsb[:, None]),
        offset=_wide(p, f"{what}_offset", np.asarray(offset) / lsb),
    )


def _form(p: Population, row: Any, theta: Any, lsb: np.ndarray) -> LinearForm:
    """Whole coefficients where the row allows it, else the largest one gets 30 bits.

    LSBs are powers of two, so rows of 0 and ±1 (and of one entry) are exact, and the sum, a whole
    number, passes theta exactly where it passes the next whole number below. A theta beyond 2^62 is
    out of reach of the sum, and is kept as 2^62.
    """
    sized = np.asarray(row) * lsb
    used = np.abs(sized[sized != 0])
    unit = float(used.min()) if len(used) else 1.0
    whole = (
        np.all(sized / unit == np.rint(sized / unit)) and np.max(used / unit, initial=1) < 2**ROW
    )
    if not whole:
        unit = float(used.max()) / 2.0**ROW
    level = np.floor(np.broadcast_to(np.asarray(theta, dtype=float), (p.size,)) / unit)
    return LinearForm(
        row=np.rint(sized / unit).astype(np.int64),
        theta=np.clip(level, -(2.0**62), 2.0**62).astype(np.int64),
    )


def _event(p: Population, e: Any, step: _Float, lsb: np.ndarray, dt: float) -> EventChannel:
    drive = np.zeros(len(lsb)) if e.drive is None else np.asarray(e.drive)
    duration = int(fp.grid_steps(float(e.duration), dt))
    return EventChannel(
        name=e.name,
        form=_form(p, e.row, e.theta, lsb),
        jump=_map(p, f"{e.name}.reset", e.reset, e.reset_offset, lsb),
        dead=max(int(fp.grid_steps(float(e.dead_time), dt)), duration + 1),
        duration=duration,
        drive=_wide(p, f"{e.name}.drive", step.free_input @ drive / lsb),
        held_drive=_wide(p, f"{e.name}.drive", step.held_input @ drive / lsb),
        late=e.late,
    )
