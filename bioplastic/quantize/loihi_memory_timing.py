"""When things happen in a temporal memory, in closed form: what the steps of the chip must keep.

A drive lifts every neuron of a subpopulation; a plateau lets the predicted ones cross their
threshold earlier, and inhibition stops the rest if there are enough. On the chip a spike comes back
as inhibition two steps later, so the rest must cross two steps after the predicted: three samples
of the drive's potential are placed so that they do.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from bioplastic.errors import UnsupportedModel


@dataclass(frozen=True, kw_only=True)
class Psp:
    """Potential after one spike through an exponential current into a LIF membrane.

    V(t) = w (tau_m/c_m) tau_s/(tau_s − tau_m) (e^(−t/tau_s) − e^(−t/tau_m))

    weight A; tau_m, tau_s s, different from each other; c_m F
    """

    weight: float
    tau_m: float
    tau_s: float
    c_m: float

    def at(self, t: float) -> float:
        """V, t seconds after the arrival."""
        unit = self.tau_m / self.c_m * self.tau_s / (self.tau_s - self.tau_m)
        return float(self.weight * unit * (np.exp(-t / self.tau_s) - np.exp(-t / self.tau_m)))

    @property
    def peak_time(self) -> float:
        """s after the arrival."""
        m, s = self.tau_m, self.tau_s
        return float(m * s / (m - s) * np.log(m / s))

    @property
    def peak(self) -> float:
        """V, the largest in magnitude."""
        return self.at(self.peak_time)

    @property
    def jump(self) -> float:
        """V: the whole charge at once, w tau_s / c_m."""
        return self.weight * self.tau_s / self.c_m

    def crossing(self, level: float) -> float:
        """Time at which a rising potential passes `level`, s; inf if it never does."""
        if level <= 0:
            return 0.0
        if self.peak <= level:
            return float("inf")
        return float(brentq(lambda t: self.at(t) - level, 0.0, self.peak_time, xtol=1e-9))


@dataclass(frozen=True, kw_only=True)
class Samples:
    """Charges that one drive brings in three steps.

    taps (3,)  V, added to v in the first, second and third step after the spike
    lifted     V, the least plateau that makes a neuron cross in the first
    """

    taps: tuple[float, float, float]
    lifted: float


def samples(
    psp: Psp, threshold: float, plateau: float, step: float, keep: float, owner: str
) -> Samples:
    """Place three samples: a predicted neuron crosses in the first, no other before the third.

    threshold  V above rest     plateau  V, what a plateau that lasts lifts the soma by
    step       s                keep     what v keeps of itself in a step
    Raises UnsupportedModel when the rest never crosses, or too soon after the predicted.
    """
    late = psp.crossing(threshold)
    if late == float("inf"):
        raise UnsupportedModel(
            f"{owner}: its largest potential, {psp.peak * 1e3:.3g} mV, never passes the threshold"
            f" of {threshold * 1e3:.3g} mV: a neuron that is not predicted could not spike"
        )
    early = psp.crossing(threshold - plateau)
    low, high = max(early, late - 2 * step), late - step
    if low >= high:
        raise UnsupportedModel(
            f"{owner}: predicted neurons spike {(late - early) * 1e3:.3g} ms before the others;"
            f" the chip tells them apart in steps shorter than that, not of {step * 1e3:g} ms"
        )
    first = (low + high) / 2
    v = [psp.at(first + k * step) for k in range(3)]
    return Samples(
        taps=(v[0], v[1] - keep * v[0], v[2] - keep * v[1]), lifted=threshold - v[0]
    )  # fmt: skip


def fewest(weight: float, threshold: float) -> int:
    """How many coincident inputs pass a threshold, strictly."""
    return int(np.floor(threshold / weight)) + 1


def rise(weight: float, threshold: float, tau: float) -> float:
    """Time in which the fewest coincident alpha currents rise to the threshold, s.

    n w x e^(1−x) = threshold, x = t/tau < 1
    """
    most = fewest(weight, threshold) * weight / threshold
    return float(tau * brentq(lambda x: most * x * np.exp(1 - x) - 1, 0.0, 1.0))


def window(weight: float, threshold: float, tau: float) -> float:
    """How far apart two halves of the fewest inputs may come and still pass together, s.

    Two equal alpha currents that come g·tau apart peak at (1 + e^g)/2 · exp(−g e^g/(1 + e^g)) of
    what they would at once.
    """
    most = fewest(weight, threshold) * weight / threshold

    def above(g: float) -> float:
        e = np.exp(g)
        return float(most * (1 + e) / 2 * np.exp(-g * e / (1 + e)) - 1)

    high = 1.0
    while above(high) > 0 and high < 64:
        high *= 2
    return float(tau * (brentq(above, 0.0, high) if above(high) < 0 else high))
