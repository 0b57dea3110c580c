"""Competition: hard winner-take-all, its period, and group inhibition by a shunt.

A winner-take-all made of spiking inhibitory neurons needs no class of its own: it is a population
and two projections (`spiking_wta` builds them). The classes below are the idealised limits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from brian2 import second

from bioplastic.description import _check


@dataclass(frozen=True, kw_only=True)
class HardWTA:
    """At most `k` neurons of the population spike in each competition; inhibition is instantaneous.

    Of the neurons above threshold in a step, those with the largest v − v_th win, the lower index
    at equality. Once k have spiked the others are silenced until the next competition starts; their
    potential goes on as it would.

    k        winners per competition
    period   length of a competition, s (the first starts at 0); None: each encoding phase and each
             gamma cycle of the network's rhythm, or, without a rhythm, the whole run
    Source: Maass 2000 [maass2000].
    """

    k: int = 1
    period: Any = None

    def __post_init__(self) -> None:
        _check.integer(self, "k", low=1)
        _check.quantity(self, "period", second, low=0, open_low=True, optional=True)


@dataclass(frozen=True, kw_only=True)
class GroupShunt:
    """One spike at a time: it shunts the whole population to rest at once.

    Of the members above threshold in a step the one with the largest v spikes, the lower index at
    equality; in the same step v and the synaptic currents of every member (itself included) go to
    rest. Members can spike again at later input.

    Source: perisomatic shunting inhibition, Mann & Paulsen 2007 [mann2007], in its fast limit.
    """


Inhibition = HardWTA | GroupShunt
