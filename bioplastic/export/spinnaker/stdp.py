"""The STDP parameters of a SpiNNaker core, as sPyNNaker 7.4 lays them out, from a rule.

    word         1 where post spikes are delayed (backprop_delay), else 0
    tables       one per time constant: [length << 0 | shift << 16 as half words], then half words
                 ⌊2048 exp(−k 2^shift dt/tau)⌋ while the exponential is above 1/2048
    per receptor w_min, w_max, A_plus, A_minus in S16.15
AdditiveWeightDependence takes amplitudes in the unit of the weight; the triplet's, in units of
w_max, is multiplied by the tool. (Its comment says that it multiplies both; it does not.)
"""

from __future__ import annotations

import math

import numpy as np

from bioplastic.export.pynn.network import PynnRule

STDP_ONE = 2048
"""One in the fixed point of sPyNNaker's traces."""
TABLES = {
    "SpikePairRule": (("tau_plus", 0), ("tau_minus", 0)),
    "extra_models.SpikeNearestPairRule": (("tau_plus", 0), ("tau_minus", 0)),
    "extra_models.PfisterSpikeTriplet": (
        ("tau_plus", 0), ("tau_minus", 0), ("tau_x", 2), ("tau_y", 2),
    ),
    "extra_models.Vogels2011Rule": (("tau", 0),),
}  # fmt: skip
"""Time constants of a timing rule in the order of their tables, each with its shift."""


def table(tau: float, timestep: float, shift: int = 0) -> np.ndarray:
    """The words of one table of exponentials, tau and timestep in ms."""
    rate = timestep / tau
    pairs, rest = divmod(math.log(STDP_ONE) / rate / (1 << shift), 2)
    size = (int(pairs) + (rest > 0)) * 2
    values = np.floor(STDP_ONE * np.exp(-rate * (np.arange(size) << shift)))
    halves = np.concatenate([[size, shift], values]).astype("<u2")
    return halves.view("<u4")


def s1615(value: float) -> int:
    """A number in S16.15 as an unsigned word, rounded to nearest."""
    return round(value * 2**15) & 0xFFFF_FFFF


def parameters(rule: PynnRule, timestep: float, receptors: int) -> dict[str, np.ndarray]:
    """Part of the region → its words, in order."""
    found = {"backprop_delay": np.array([0], "<u4")}
    if rule.timing == "extra_models.Vogels2011Rule":
        found["alpha"] = np.array([round(rule.timing_args["alpha"] * STDP_ONE)], "<u4")
    for name, shift in TABLES[rule.timing]:
        found[f"table of {name}"] = table(rule.timing_args[name], timestep, shift)
    plus, minus = rule.timing_args["A_plus"], rule.timing_args["A_minus"]
    bounds = rule.weight_args
    row = [bounds["w_min"], bounds["w_max"], plus, minus]
    if rule.weight == "extra_models.WeightDependenceAdditiveTriplet":
        high = bounds["w_max"]
        row[2:] = [plus * high, minus * high]
        row += [bounds["A3_plus"] * high, bounds["A3_minus"] * high]
    found["bounds and amplitudes"] = np.array([s1615(x) for x in row] * receptors, "<u4")
    return found


def difference(rule: PynnRule, found: np.ndarray, timestep: float, receptors: int) -> str | None:
    """The first word of the region that is not the rule's, in words, or None."""
    at = 0
    for name, expected in parameters(rule, timestep, receptors).items():
        part = found[at : at + len(expected)]
        if not np.array_equal(part, expected):
            k = next(
                (k for k, w in enumerate(expected.tolist()) if k >= len(part) or part[k] != w), 0
            )
            theirs = int(part[k]) if k < len(part) else None
            return f"STDP, {name}, word {k}: ours {int(expected[k])}, in memory {theirs}"
        at += len(expected)
    return None if at == len(found) else f"STDP: {len(found) - at} words more than the rule has"
