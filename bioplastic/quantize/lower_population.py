"""LIF populations and spike sources to integers."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import amp, second, volt

from bioplastic.description import (
    LIF,
    AdaptiveLIF,
    AlphaCurrent,
    ConductanceLIF,
    ExponentialCurrent,
    HardWTA,
    LinearIF,
    PlateauBranch,
    Population,
    Rhythm,
    Source,
)
from bioplastic.errors import UnsupportedModel
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_network import (
    AlphaChannel,
    Channel,
    ExponentialChannel,
    IntegerPopulation,
    IntegerSource,
    PlateauChannel,
)
from bioplastic.quantize.report import Rounding


def _q30(x: float) -> int:
    return int(fp.to_fixed(x, fp.PROPAGATOR))


def resistance(neuron: LIF) -> float:
    """tau_m/c_m in ohm: a current I is kept as R·I."""
    return float(neuron.resistance)


def state_per_weight(neuron: Any, target: str) -> float:
    """SI value that a weight of one SI unit adds to the state behind `target`.

    LIF currents are kept as R·I: R, times e where the state is the rise of an alpha function.
    Linear and conductance neurons take their weights as they are.
    """
    if isinstance(neuron, LinearIF | ConductanceLIF):
        return 1.0
    receptors = {r.name: r for r in neuron.receptors}
    single = isinstance(receptors.get(target), ExponentialCurrent)
    return resistance(neuron) * (1.0 if single else float(np.e))


def weight_unit(neuron: Any, target: str) -> str:
    """Unit in which the rounding error of a weight is told."""
    if isinstance(neuron, LinearIF):
        return "state unit"
    if isinstance(neuron, ConductanceLIF):
        return "V" if target == "v" else "leak"
    return "A"


def lower_source(source: Source, dt: float) -> tuple[IntegerSource, Rounding]:
    """Put the spikes of a source on the grid; refuse two spikes of one source in one step."""
    steps = fp.grid_steps(np.asarray(source.train.t / second), dt)
    order = np.lexsort((source.train.i, steps))
    steps, ids = steps[order], source.train.i[order]
    twice = (np.diff(steps) == 0) & (np.diff(ids) == 0)
    if twice.any():
        at = int(np.flatnonzero(twice)[0])
        raise UnsupportedModel(
            f"{source.name}: source {ids[at]} spikes twice in step {steps[at]} "
            f"({steps[at] * dt:g} s): use a smaller dt"
        )
    seconds = np.asarray(source.train.t / second)[order]
    error = float(np.max(np.abs(steps * dt - seconds), initial=0.0))
    rounding = Rounding(what=f"{source.name}.t", bits=64, error=error, relative=0.0, unit="s")
    lowered = IntegerSource(
        name=source.name, size=source.size, steps=steps, ids=ids, labels=source.labels
    )
    return lowered, rounding


def lower_population(
    p: Population, rhythm: Rhythm | None, dt: float, fraction: int
) -> tuple[IntegerPopulation, list[Rounding]]:
    """Potentials relative to v_rest in LSB, propagators in Q30, times in steps."""
    neuron = p.neuron
    assert isinstance(neuron, LIF)
    lsb, tau_m = fp.state_lsb(fraction), float(neuron.tau_m)
    pvv, pv1 = fp.membrane_propagators(dt, tau_m)
    volts = {
        "v_th": float((neuron.v_th - neuron.v_rest) / volt),
        "v_reset": float((neuron.v_reset - neuron.v_rest) / volt),
    }
    levels: dict[str, Any] = {name: int(np.rint(x / lsb)) for name, x in volts.items()}
    roundings = [_rounding(f"{p.name}.{n}", x, levels[n] * lsb, "V") for n, x in volts.items()]
    drive = resistance(neuron) * np.asarray(neuron.i_offset / amp, dtype=float) / lsb * pv1
    refractory = int(fp.grid_steps(float(neuron.t_ref), dt))
    roundings.append(_rounding(f"{p.name}.t_ref", float(neuron.t_ref), refractory * dt, "s"))
    lowered = IntegerPopulation(
        name=p.name,
        size=p.size,
        pvv=_q30(pvv),
        pv1=_q30(pv1),
        offset=np.broadcast_to(fp.to_fixed(drive, fp.PROPAGATOR), (p.size,)).copy(),
        refractory=refractory,
        channels=tuple(_channels(p, dt, lsb)),
        lsb=lsb,
        v_rest=float(neuron.v_rest / volt),
        labels=p.labels,
        **levels,
        **_threshold(p, dt, lsb),
        **_competition(p, rhythm, dt),
    )
    return lowered, roundings


def _threshold(p: Population, dt: float, lsb: float) -> dict[str, Any]:
    if not isinstance(p.neuron, AdaptiveLIF):
        return {}
    step, decay = float(p.neuron.theta_step) / lsb, float(np.exp(-dt / float(p.neuron.tau_theta)))
    stuck = 0.5 / (1 - decay) if decay < 1 else np.inf
    if stuck > 0.05 * step:
        raise UnsupportedModel(
            f"{p.name}: AdaptiveLIF.tau_theta = {p.neuron.tau_theta}: the threshold stops decaying "
            f"{stuck * lsb:.2g} V above rest, over 5 % of theta_step; use a finer fraction"
        )
    return {"theta_decay": _q30(decay), "theta_step": int(np.rint(step))}


def _competition(p: Population, rhythm: Rhythm | None, dt: float) -> dict[str, Any]:
    if not isinstance(p.inhibition, HardWTA):
        return {}
    found: dict[str, Any] = {"winners": p.inhibition.k}
    if p.inhibition.period is not None:
        cycle = int(fp.grid_steps(float(p.inhibition.period), dt))
        return found | {"cycle": max(cycle, 1), "starts": (0,)}
    if rhythm is None:
        return found
    encoding = float(rhythm.encoding)
    gamma = (float(rhythm.period) - encoding) / rhythm.gamma
    starts = {0, *(int(fp.grid_steps(encoding + k * gamma, dt)) for k in range(rhythm.gamma))}
    cycle = int(fp.grid_steps(float(rhythm.period), dt))
    return found | {"cycle": cycle, "starts": tuple(sorted(starts))}


def _channels(p: Population, dt: float, lsb: float) -> list[Channel]:
    assert isinstance(p.neuron, LIF)
    tau_m = float(p.neuron.tau_m)
    channels: list[Channel] = []
    for r in (*p.neuron.receptors, *(p.dendrites.branches if p.dendrites else ())):
        assert isinstance(r, ExponentialCurrent | AlphaCurrent | PlateauBranch)
        if isinstance(r, ExponentialCurrent):
            pii, pvi = map(_q30, fp.exponential_propagators(dt, tau_m, float(r.tau)))
            channels.append(ExponentialChannel(name=r.name, pii=pii, pvi=pvi))
            continue
        names = ("pii", "pih", "pvi", "pvh")
        q = dict(zip(names, map(_q30, fp.alpha_propagators(dt, tau_m, float(r.tau))), strict=True))
        if isinstance(r, AlphaCurrent):
            channels.append(AlphaChannel(name=r.name, **q))
        else:
            channels.append(_plateau(p, r, q, dt, lsb))
    return channels


def _plateau(
    p: Population, branch: PlateauBranch, q: dict[str, int], dt: float, lsb: float
) -> PlateauChannel:
    assert isinstance(p.neuron, LIF)
    ohm = resistance(p.neuron)
    try:
        table = fp.decay_table(dt, float(branch.tau_trace))
    except ValueError as error:
        raise UnsupportedModel(f"{p.name}.{branch.name}.tau_trace: {error}") from None
    return PlateauChannel(
        name=branch.name,
        threshold=int(np.rint(ohm * float(branch.threshold / amp) / lsb)),
        clamp=int(np.rint(ohm * float(branch.plateau_current / amp) / lsb)),
        duration=int(fp.grid_steps(float(branch.duration), dt)),
        table=table,
        **q,
    )


def _rounding(what: str, wanted: float, got: float, unit: str) -> Rounding:
    error = abs(got - wanted)
    relative = error / abs(wanted) if wanted else 0.0
    return Rounding(what=what, bits=32, error=error, relative=relative, unit=unit)
