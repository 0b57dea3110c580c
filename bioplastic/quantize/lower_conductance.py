"""Conductance neurons to integers."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import second, volt

from bioplastic.description import ConductanceLIF, ExponentialEuler, Population
from bioplastic.description._check import magnitude
from bioplastic.errors import UnsupportedModel
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_population import (
    ConductanceChannel,
    IntegerConductance,
    PotentialChannel,
)
from bioplastic.quantize.report import Rounding


def _volts(value: Any) -> np.ndarray:
    return magnitude(value, volt)


def _decay(p: Population, what: str, tau: float, dt: float, exponential: bool) -> float:
    """Factor per step; Euler's is 1 − dt/tau, refused where it turns negative."""
    if exponential:
        return float(np.exp(-dt / tau))
    if dt > tau:
        raise UnsupportedModel(
            f"{p.name}.{what} = {tau * 1e3:g} ms: shorter than the step of {dt * 1e3:g} ms, "
            "where Euler's method turns the sign: use ExponentialEuler() or a shorter dt"
        )
    return 1.0 - dt / tau


def lower_conductance(
    p: Population, dt: float, lsb: float, shift: int
) -> tuple[IntegerConductance, list[Rounding]]:
    """Integers of a ConductanceLIF population.

    lsb   volts of an LSB of v      shift   the leak conductance is 2^shift LSB
    """
    neuron = p.neuron
    assert isinstance(neuron, ConductanceLIF)
    exponential = isinstance(neuron.integrator, ExponentialEuler)
    tau_m = float(neuron.tau_m)
    rate = dt / tau_m
    if not exponential:
        _decay(p, "neuron.tau_m", tau_m, dt, exponential)
    roundings = []

    def whole(what: str, value: np.ndarray, unit: float = lsb) -> np.ndarray:
        found = np.rint(np.asarray(value, dtype=float) / unit)
        largest = float(np.max(np.abs(found), initial=0.0))
        if largest > fp.STATE_LIMIT:
            raise UnsupportedModel(
                f"{p.name}.neuron.{what}: {largest:.3g} LSB, the format holds "
                f"{fp.STATE_LIMIT:.3g}: pass fewer fraction bits (fraction=12)"
            )
        error = float(np.max(np.abs(found * unit - value), initial=0.0))
        size = float(np.max(np.abs(value), initial=0.0))
        roundings.append(
            Rounding(
                what=f"{p.name}.{what}", bits=32, error=error,
                relative=error / size if size else 0.0, unit="V" if unit == lsb else "leak",
            )
        )  # fmt: skip
        return found.astype(np.int64)

    def each(value: np.ndarray) -> np.ndarray:
        return np.broadcast_to(value, (p.size,)).copy()

    count = len(neuron.receptors)
    v = neuron.v_rest if neuron.initial_v is None else neuron.initial_v
    g = np.zeros(count) if neuron.initial_g is None else np.asarray(neuron.initial_g)
    theta = 0.0 if neuron.initial_theta is None else _volts(neuron.initial_theta)
    if np.any(g < 0):
        raise UnsupportedModel(
            f"{p.name}.neuron.initial_g = {g.min():g}: a conductance cannot be negative"
        )
    refractory = int(fp.grid_steps(float(neuron.t_ref), dt))
    channels: list[PotentialChannel | ConductanceChannel] = [PotentialChannel(name="v", lsb=lsb)]
    for r in neuron.receptors:
        tau = float(r.tau / second)
        decay = _decay(p, f"neuron.{r.name}.tau", tau, dt, exponential)
        channels.append(
            ConductanceChannel(
                name=r.name,
                lsb=2.0**-shift,
                decay=int(fp.to_fixed(decay, fp.PROPAGATOR)),
                reversal=int(whole(f"{r.name}.reversal", _volts(r.reversal))),
            )
        )
    lowered = IntegerConductance(
        name=p.name,
        size=p.size,
        channels=tuple(channels),
        shift=shift,
        rate=int(fp.to_fixed(rate, fp.RATE)),
        rest=each(whole("v_rest + drive", _volts(neuron.v_rest) + _volts(neuron.drive))),
        v_th=each(whole("v_th", _volts(neuron.v_th))),
        v_reset=int(whole("v_reset", _volts(neuron.v_reset))),
        refractory=refractory,
        exponential=exponential,
        held=neuron.held,
        **_adaptation(p, neuron, dt, lsb, exponential),
        initial_v=each(whole("initial_v", _volts(v))).astype(np.int32),
        initial_g=np.broadcast_to(whole("initial_g", g, 2.0**-shift), (p.size, count)).astype(
            np.int32
        ),
        initial_theta=each(whole("initial_theta", np.asarray(theta))).astype(np.int32),
        labels=p.labels,
    )
    late = abs(float(neuron.t_ref) - refractory * dt)
    roundings.append(Rounding(what=f"{p.name}.t_ref", bits=32, error=late, relative=0.0, unit="s"))
    return lowered, roundings


def _adaptation(
    p: Population, neuron: ConductanceLIF, dt: float, lsb: float, exponential: bool
) -> dict[str, int]:
    step = float(_volts(neuron.theta_step)) / lsb
    started = neuron.initial_theta is not None and bool(np.any(_volts(neuron.initial_theta)))
    if not step and not started:
        return {"theta_decay": 0, "theta_step": 0}
    decay = _decay(p, "neuron.tau_theta", float(neuron.tau_theta), dt, exponential)
    stuck = 0.5 / (1 - decay) if decay < 1 else np.inf
    if step and stuck > 0.05 * step:
        raise UnsupportedModel(
            f"{p.name}: ConductanceLIF.tau_theta = {neuron.tau_theta}: the threshold stops "
            f"decaying {stuck * lsb:.2g} V above rest, over 5 % of theta_step; use a finer fraction"
        )
    return {
        "theta_decay": int(fp.to_fixed(decay, fp.PROPAGATOR)),
        "theta_step": int(np.rint(step)),
    }
