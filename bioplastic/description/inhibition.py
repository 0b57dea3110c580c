"""Competition: hard winner-take-all, its period, and group inhibition by a shunt.

A winner-take-all made of spiking inhibitory neurons needs no class of its own: it is a population
and two projections (`spiking_wta` builds them). The classes below are the idealised limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from brian2 import ms, second

from bioplastic.description import _check


@dataclass(frozen=True, kw_only=True)
class HardWTA:
    """At most `k` neurons of the population spike in each competition; inhibition is instantaneous.

    Of the neurons above threshold in a step, those with the largest v − v_th win, the lower index
    at equality. Once k have spiked the others are silenced until the next competition starts.

    k        winners per competition
    Source: Maass 2000 [maass2000].
    """

    k: int = 1

    def __post_init__(self) -> None:
        _check.integer(self, "k", low=1)


@dataclass(frozen=True, kw_only=True)
class GroupShunt:
    """Any spike of the population shunts its other members: v and synaptic currents go to rest.

    delay   from the spike to the shunt, s; the shunt acts on state after integration of that step
    Members that spike before the shunt arrives keep their spike.
    """

    delay: Any = _check.default(1 * ms)

    def __post_init__(self) -> None:
        _check.quantity(self, "delay", second, low=0, open_low=True)


Inhibition = HardWTA | GroupShunt
