"""Where the chip rounds and NIR does not: how far potentials come apart, and whether a spike moves.

The chip rounds u and v towards zero in every step, by less than 1. A reader of NIR that counts in
float32 rounds too: at most 8 times a step, each by at most half a unit of the last of 24 bits, that
is by 4 in all where numbers have 24 bits. What v keeps of an error is 1 − dv/4096 of it, so that

    |v' − v| <= apart = (5 + e) 4096/dv        e = 5·4096/(du + 1) where u decays, else 0

for as long as all spikes before were the same. Where every potential of a trace stays farther than
that from its threshold, the spikes are the same to its end, by induction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bioplastic.export.nir.nodes import UNIT, memoryless, rounded, unlike
from bioplastic.kernels.loihi.layout import State
from bioplastic.kernels.loihi.run import run_loihi
from bioplastic.quantize.loihi import DECAY_MAX, SHIFT, STATE_BITS, LoihiNetwork, LoihiPopulation

PER_STEP = 5
CHUNK = 250
Spikes = tuple[np.ndarray, np.ndarray]


def apart(network: LoihiNetwork, p: LoihiPopulation) -> float:
    """How far v of a reader may be from that of the chip, LSB; inf where nothing bounds it.

    0 for integrators, and where v keeps nothing that could move a spike.
    """
    if memoryless(network, p) or (p.du == DECAY_MAX and p.dv == 0):
        return 0.0
    if p.dv == 0:
        return float("inf")
    slow = 0.0 if p.du == DECAY_MAX else PER_STEP * UNIT / (p.du + 1)
    return (PER_STEP + slow) * UNIT / p.dv


def clear(network: LoihiNetwork, stimulus: Mapping[str, Spikes], steps: int) -> dict[str, int]:
    """How near any potential of a trace comes to the other side of its threshold, by population.

    v − threshold where v is above it, threshold − v where it is not; neurons without a refractory
    period only. The width of v where there are no steps.
    """
    begin: dict[str, np.ndarray] = {p.name: np.zeros(p.size, np.int64) for p in network.populations}
    nearest = {p.name: 1 << STATE_BITS for p in network.populations}
    state: State | None = None
    for first in range(0, steps, CHUNK):
        count = min(CHUNK, steps - first)
        part = {
            name: (when[inside] - first, which[inside])
            for name, (when, which) in stimulus.items()
            for inside in [(when >= first) & (when < first + count)]
        }
        run = run_loihi(network, part, count, state=state, trace=True)
        state = run.state
        for p in network.populations:
            after = run.v[p.name]
            before = np.concatenate([begin[p.name][None], after[:-1]])
            v = _toward_zero(before * (UNIT - p.dv)) + run.u[p.name] + p.bias
            away = v - (p.vth << SHIFT)
            nearest[p.name] = min(
                nearest[p.name], int(np.where(away > 0, away, -away).min(initial=1 << STATE_BITS))
            )
            begin[p.name] = after[-1]
    return nearest


def _toward_zero(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.sign(values) * (np.abs(values) // UNIT))


@dataclass(frozen=True, kw_only=True)
class Rounding:
    """Whether a population spikes in a trace as on the chip.

    reason    what the chip does otherwise            decided   whether the spikes are the same
    """

    reason: str
    decided: bool


def judged(
    network: LoihiNetwork, stimulus: Mapping[str, Spikes], steps: int
) -> dict[str, Rounding]:
    """Every population whose node does not do all that the chip does, and what it means in a trace.

    A trace without differing spikes says nothing of another one.
    """
    found = {}
    reach = clear(network, stimulus, steps)
    for p in network.populations:
        reason, away = unlike(network, p), rounded(network, p)
        if reason:
            found[p.name] = Rounding(reason=reason, decided=False)
        elif away:
            bound, near = apart(network, p), reach[p.name]
            by = f"{away}, by up to {bound:.0f}; in the trace v stays {near:,} from its threshold"
            found[p.name] = Rounding(reason=by, decided=bound < near)
    return found
