"""A described passive cable in SANA-FE: a soma and the 1-D taps of its dendrite.

The cable is Compartments in order from the soma, each coupled by its g_c to the one before; the
first to the soma. With x = (v − v_rest)/unit of the soma and y_k = (v_k − v_rest) λ/unit of
compartment k = 1 … K, λ = dt g_1/c_m, one step is, with the values before it on the right,

    y_k ← keep_k y_k + s_{k−1} (y_{k−1} − y_k) + s_k (y_{k+1} − y_k)    s_0 = s_K = 0
    x   ← trunc64(leak x) + bias + y_1                                  y_1 the new one
    x > threshold: spike, x ← reset
    y_k ← y_k + gain_k w for every arrival                              after the soma has read y_1

    s_k = dt g_{k+1}/c_b       keep_k = 1 − dt/tau_k, and − dt g_1/c_b besides for k = 1
    leak = 1 − dt/tau_m − dt g_1/c_m          trunc64(a) = int(64 a)/64, towards zero
which is the forward Euler step of Rall's cable [rall1964] whose soma counts as at rest. Taps give
and take the same amount, so all c_b must be equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import e
from typing import Any

import numpy as np
from brian2 import amp, farad, second, siemens, volt

from bioplastic.description import LIF, AlphaCurrent
from bioplastic.description.dendrite import Compartment, DendriticTree
from bioplastic.errors import UnsupportedModel, UsageError, nearest


@dataclass(frozen=True, kw_only=True)
class Taps:
    """A soma with K taps in SANA-FE's numbers; the symbols are those of the module.

    leak, threshold, reset, bias   of the soma, in units
    time      (K,)      keep_k, SANA-FE's time constants, from the soma outwards
    space     (K − 1,)  s_k, its space constants
    gain      site "branch.receptor" → (tap, jump of y per ampere of weight)
    lost      what SANA-FE does not say
    """

    leak: float
    threshold: float
    reset: float
    bias: float
    time: np.ndarray
    space: np.ndarray
    gain: dict[str, tuple[int, float]]
    lost: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class TapSynapses:
    """Synapses of S sources onto N neurons with the same taps; arrays of one length.

    source, neuron   indices          site     "branch.receptor" of each
    weight           A                delay    steps; taps have one step and no other
    """

    source: np.ndarray
    neuron: np.ndarray
    site: Sequence[str]
    weight: np.ndarray
    delay: np.ndarray


def cable_taps(
    cable: DendriticTree | Sequence[Compartment], soma: LIF, *, dt: Any, unit: Any
) -> Taps:
    """Turn a cable into taps.

    cable   compartments in order from the soma, or a tree of one branch
    dt      length of a step, s
    unit    potential that is 1 in SANA-FE, V; it cuts the soma's potential to unit/64
    Raises UnsupportedModel for trees of several branches (each hangs from the soma), branches that
    are not passive Compartments, unequal capacitances or rests, somata that are not a plain LIF
    without receptors, and a dt that is too long; UsageError for an empty cable or a bad unit.
    """
    chain = _chain(cable)
    _check(chain, soma)
    step, size = float(dt / second), float(unit / volt)
    if not (step > 0 and size > 0 and np.isfinite([step, size]).all()):
        raise UsageError(f"dt = {dt}, unit = {unit}: both must be finite and > 0")
    c_b, c_m = float(chain[0].c_b / farad), float(soma.c_m / farad)
    g = np.array([float(b.g_c / siemens) for b in chain])
    time = 1 - step / np.array([float(b.tau_b / second) for b in chain])
    time[0] -= step * g[0] / c_b
    space = step * g[1:] / c_b
    into = float(step * g[0] / c_m)
    leak = 1 - step / float(soma.tau_m / second) - into
    stay = time - np.append(space, 0) - np.append(0, space)
    for name, left in zip(["soma", *(repr(b.name) for b in chain)], [leak, *stay], strict=True):
        if left < 0:
            raise UnsupportedModel(
                f"dt = {dt}: {name} would keep {left:.3g} of its potential in a step; at most"
                f" {step / (1 - left):.3g} s keeps its sign"
            )
    rest = float(soma.v_rest / volt)
    gain = {}
    for k, b in enumerate(chain):
        for r in b.receptors:
            charge = float(r.tau / second) * (e if isinstance(r, AlphaCurrent) else 1)
            gain[f"{b.name}.{r.name}"] = (k, float(charge / c_b * into / size))
    return Taps(
        leak=leak, threshold=(float(soma.v_th / volt) - rest) / size,
        reset=(float(soma.v_reset / volt) - rest) / size,
        bias=step * float(soma.i_offset / amp) / c_m / size,
        time=time, space=space, gain=gain, lost=_lost(chain, soma, unit, leak),
    )  # fmt: skip


def _chain(cable: DendriticTree | Sequence[Compartment]) -> tuple[Compartment, ...]:
    chain = cable.branches if isinstance(cable, DendriticTree) else tuple(cable)
    if isinstance(cable, DendriticTree) and len(chain) > 1:
        raise UnsupportedModel(
            f"branches {', '.join(repr(b.name) for b in chain)}: each hangs from the soma, and taps"
            " are one line; give the compartments of one line in order from the soma"
        )
    if not chain:
        raise UsageError("cable: empty; needs at least one Compartment")
    passive = []
    for b in chain:
        if not isinstance(b, Compartment):
            name = getattr(b, "name", "?")
            raise UnsupportedModel(f"branch {name!r}: {type(b).__name__}: taps are passive")
        if b.v_plateau is not None:
            raise UnsupportedModel(
                f"branch {b.name!r}: a plateau at {b.v_plateau}: taps are passive; v_plateau=None"
                " leaves it out"
            )
        passive.append(b)
    return tuple(passive)


def _check(chain: tuple[Compartment, ...], soma: LIF) -> None:
    if type(soma) is not LIF:
        raise UnsupportedModel(f"soma: {type(soma).__name__}: SANA-FE has the plain LIF only")
    if soma.receptors:
        raise UnsupportedModel(
            f"soma: receptor {soma.receptors[0].name!r}: a soma with taps receives the first tap"
            " only; move it to the first compartment"
        )
    if np.ndim(soma.i_offset):
        raise UnsupportedModel("soma: i_offset of each neuron: one for all is written")
    names = [b.name for b in chain]
    if len(set(names)) < len(names):
        raise UsageError(f"cable: names {names}: must differ")
    for b in chain:
        if float(b.g_c / siemens) == 0:
            raise UnsupportedModel(f"branch {b.name!r}: g_c = {b.g_c}: nothing beyond is coupled")
        if float(b.v_rest / volt) != float(soma.v_rest / volt):
            raise UnsupportedModel(
                f"branch {b.name!r}: v_rest = {b.v_rest}, not {soma.v_rest}: the soma's"
            )
    for a, b in pairwise(chain):
        if float(a.c_b / farad) != float(b.c_b / farad):
            raise UnsupportedModel(
                f"branch {b.name!r}: c_b = {b.c_b}, that of {a.name!r} is {a.c_b}: what a tap gives"
                " its neighbour receives, so all must be equal"
            )


def _lost(chain: tuple[Compartment, ...], soma: LIF, unit: Any, leak: float) -> tuple[str, ...]:
    drift = f"; at most {unit / 64 / (1 - leak)} in all" if leak < 1 else ""
    lost = [
        f"what the soma does to {chain[0].name!r}, spikes and resets too: it counts as at rest",
        f"the potential of the soma below {unit / 64}, cut towards rest in every step{drift}",
        "delays: every synapse has one step",
    ]
    for b in chain:
        for r in b.receptors:
            lost.append(f"the {r.tau} of receptor '{b.name}.{r.name}': its charge comes at once")
    if float(soma.t_ref / second) > 0:
        lost.append(f"the refractory period of {soma.t_ref}")
    return tuple(lost)


def tap_weights(
    taps: Taps, synapses: TapSynapses, sources: int, neurons: int
) -> list[tuple[int, float]]:
    """(tap, jump of y) of each synapse.

    Raises UnsupportedModel for delays other than one step, UsageError for indices or sites that are
    not there.
    """
    s = synapses
    if len({len(s.source), len(s.neuron), len(s.site), len(s.weight), len(s.delay)}) > 1:
        raise UsageError("synapses: source, neuron, site, weight and delay differ in length")
    for what, index, size in (("source", s.source, sources), ("neuron", s.neuron, neurons)):
        wrong = [int(k) for k in index if not 0 <= k < size]
        if wrong:
            raise UsageError(f"synapses: {what} {wrong[0]}: there are {size}, counted from 0")
    if not np.isfinite(s.weight).all():
        raise UsageError("synapses: weight: must be finite")
    late = next((int(d) for d in s.delay if d != 1), None)
    if late is not None:
        raise UnsupportedModel(f"synapses: a delay of {late} steps: taps have one step only")
    for name in s.site:
        if name not in taps.gain:
            raise UsageError(f"synapses: no site {name!r}{nearest(name, taps.gain)}")
    return [
        (taps.gain[name][0], taps.gain[name][1] * float(w))
        for name, w in zip(s.site, s.weight, strict=True)
    ]
