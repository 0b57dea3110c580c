"""Networks in the integer arithmetic of Intel's Loihi, as the specification `loihi-1`.

Values are what the chip holds; the step and its order are in `bioplastic.kernels.loihi.reference`.
Limits are checked when an object is made, so that nothing that the chip cannot hold exists.
Source: Davies et al. 2018 [davies2018]; bit widths as in lava-nc's fixed_pt models.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from bioplastic.errors import UsageError

SPECIFICATION = "loihi-1"
WEIGHT_LOW, WEIGHT_HIGH = -256, 254
LONGEST_DELAY = 62
DECAY_MAX = 4095
THRESHOLD_MAX = 131_071
BIAS_MAX, BIAS_SHIFT_MAX = 4095, 7
EXPONENT_LOW, EXPONENT_HIGH = -6, 7
REFRACTORY_MAX = 64
SHIFT = 6
"""A weight of 1 adds 2^6 to the current; thresholds are compared in the same unit."""
STATE_BITS = 24


def _whole(owner: str, name: str, value: int, low: int, high: int, unit: str = "") -> None:
    if not low <= value <= high:
        raise UsageError(f"{owner}: {name} = {value}{unit}: must be {low} to {high}{unit}")


@dataclass(frozen=True, kw_only=True)
class LoihiSource:
    """Addresses that spikes are injected at, 1 to 2²⁰ of them."""

    name: str
    size: int

    def __post_init__(self) -> None:
        """Check the size."""
        _whole(f"source {self.name!r}", "size", self.size, 1, 1 << 20, " addresses")


@dataclass(frozen=True, kw_only=True, eq=False)
class LoihiPopulation:
    """Leaky neurons with a decaying current.

    du           decay of u, 0..4095: u keeps (4095 − du)/4096 of itself a step; 4095 = nothing
    dv           decay of v, 0..4095: v keeps (4096 − dv)/4096 of itself a step
    vth          threshold mantissa, 1..131071: a neuron spikes when v > 64·vth, strictly
    bias (N,)    added to v each step, bias_mantissa·2^bias_exponent: |mantissa| <= 4095, 0..7
    refractory   steps from a spike to the first in which v integrates again, 1..64; 1 = at once
    """

    name: str
    size: int
    du: int
    dv: int
    vth: int
    bias_mantissa: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    bias_exponent: int = 0
    refractory: int = 1

    def __post_init__(self) -> None:
        """Check every value against what the chip holds."""
        owner = f"population {self.name!r}"
        _whole(owner, "size", self.size, 1, 1 << 20, " neurons")
        for name, value in (("du", self.du), ("dv", self.dv)):
            _whole(owner, name, value, 0, DECAY_MAX)
        _whole(owner, "vth", self.vth, 1, THRESHOLD_MAX)
        _whole(owner, "bias_exponent", self.bias_exponent, 0, BIAS_SHIFT_MAX)
        _whole(owner, "refractory", self.refractory, 1, REFRACTORY_MAX, " steps")
        bias = np.asarray(self.bias_mantissa, np.int64)
        if bias.shape not in ((0,), (self.size,)):
            raise UsageError(f"{owner}: bias_mantissa {bias.shape}: one number a neuron, or none")
        if len(bias):
            _whole(owner, "bias_mantissa", int(np.abs(bias).max()), 0, BIAS_MAX)

    @property
    def bias(self) -> np.ndarray:
        """What v gains each step, (N,) int64."""
        if len(self.bias_mantissa) == 0:
            return np.zeros(self.size, np.int64)
        return np.asarray(self.bias_mantissa, np.int64) << self.bias_exponent


@dataclass(frozen=True, kw_only=True, eq=False)
class LoihiProjection:
    """Synapses from pre to post, listed.

    i, j (S,)     pre and post index
    weight (S,)   even, −256..254; it adds weight·2^(6 + exponent) to u
    delay (S,)    steps, 0..62: a spike of step t arrives in step t + 1 + delay
    exponent      −6..7, one for the projection (the chip goes down to −8, where tools differ in
                  how they round a charge that is no whole number)
    """

    name: str
    pre: str
    post: str
    i: np.ndarray
    j: np.ndarray
    weight: np.ndarray
    delay: np.ndarray
    exponent: int = 0

    def __post_init__(self) -> None:
        """Check every value against what the chip holds."""
        owner = f"projection {self.name!r}"
        lengths = {len(np.asarray(a)) for a in (self.i, self.j, self.weight, self.delay)}
        if len(lengths) != 1:
            raise UsageError(f"{owner}: i, j, weight and delay differ in length: {sorted(lengths)}")
        _whole(owner, "exponent", self.exponent, EXPONENT_LOW, EXPONENT_HIGH)
        if len(self.i) == 0:
            return
        w, d = np.asarray(self.weight), np.asarray(self.delay)
        for name, values, low, high in (
            ("weight", w, WEIGHT_LOW, WEIGHT_HIGH),
            ("delay", d, 0, LONGEST_DELAY),
        ):
            if not np.issubdtype(values.dtype, np.integer):
                raise UsageError(f"{owner}: {name}: must be whole numbers, not {values.dtype}")
            bad = np.flatnonzero((values < low) | (values > high))
            if len(bad):
                raise UsageError(
                    f"{owner}: {name}[{bad[0]}] = {values[bad[0]]}: must be {low} to {high}"
                )
        odd = np.flatnonzero(w & 1)
        if len(odd):
            raise UsageError(
                f"{owner}: weight[{odd[0]}] = {w[odd[0]]}: weights of mixed sign must be even"
            )

    @property
    def charge(self) -> np.ndarray:
        """What a spike adds to u, (S,) int64: weight·2^(6 + exponent)."""
        return np.asarray(self.weight, np.int64) << (SHIFT + self.exponent)


@dataclass(frozen=True, kw_only=True, eq=False)
class LoihiNetwork:
    """Sources, populations and projections on a grid of `dt` seconds a step."""

    name: str
    dt: float
    sources: tuple[LoihiSource, ...]
    populations: tuple[LoihiPopulation, ...]
    projections: tuple[LoihiProjection, ...]

    def __post_init__(self) -> None:
        """Check that names are unique and that every synapse ends at neurons that exist."""
        groups: list[LoihiSource | LoihiPopulation] = [*self.sources, *self.populations]
        names = [g.name for g in groups]
        twice = sorted(n for n, count in Counter(names).items() if count > 1)
        if twice:
            raise UsageError(f"network {self.name!r}: two groups are named {twice[0]!r}")
        sizes = {g.name: g.size for g in groups}
        for q in self.projections:
            for end, name, index in (("pre", q.pre, q.i), ("post", q.post, q.j)):
                if name not in sizes:
                    raise UsageError(f"projection {q.name!r}: {end} {name!r} is no group")
                if len(index) and not 0 <= np.min(index) <= np.max(index) < sizes[name]:
                    raise UsageError(
                        f"projection {q.name!r}: {end} index outside 0..{sizes[name] - 1}"
                    )
            if q.post not in {p.name for p in self.populations}:
                raise UsageError(f"projection {q.name!r}: a source cannot be post")
