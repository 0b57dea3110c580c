"""Competition inside a population: one registered function per inhibition description."""

from __future__ import annotations

from collections.abc import Callable
from functools import singledispatch
from typing import Any

import numpy as np

from bioplastic.description import LIF, HardWTA, Rhythm
from bioplastic.errors import UnsupportedModel
from bioplastic.simulate.equations import Parts, unsupported
from bioplastic.simulate.grid import whole


@singledispatch
def add_inhibition(inhibition: Any, parts: Parts, rhythm: Rhythm | None) -> None:
    """Add competition to a population; UnsupportedModel for a class without a builder."""
    raise unsupported(f"{parts.owner}.inhibition", inhibition)


@add_inhibition.register
def _hard(inhibition: HardWTA, parts: Parts, rhythm: Rhythm | None) -> None:
    """Ranking in Python before the threshold is tested; `left` winners remain in a competition."""
    if not isinstance(parts.population.neuron, LIF):
        raise UnsupportedModel(f"{parts.owner}.inhibition: HardWTA needs an LIF soma")
    starts = competition(inhibition, parts, rhythm)
    parts.lines += ["may_spike : boolean", "left : integer (shared)"]
    parts.initial |= {"may_spike": False, "left": inhibition.k}
    above, parts.threshold = parts.threshold, f"{parts.threshold} and may_spike"
    adaptive = "theta" in above
    v_th = float(parts.constants["v_th"])

    def prepare(group: Any) -> Callable[[], None]:
        v, open_, left, step, free, theta = (
            _view(group, name)
            for name in ("v", "may_spike", "left", "t_in_timesteps", "not_refractory", "theta")
        )

        def compete() -> None:
            if starts(int(step()[0])):
                left()[0] = inhibition.k
            distance = v() - v_th
            if adaptive:
                distance = distance - theta()
            able = np.flatnonzero((distance > 0) & free() if parts.refractory else distance > 0)
            open_()[:] = False
            if len(able) and left()[0] > 0:
                winners = able[np.argsort(-distance[able], kind="stable")][: left()[0]]
                open_()[winners] = True
                left()[0] -= len(winners)

        return compete

    parts.operations.append(("before_thresholds", prepare))


def _view(group: Any, name: str) -> Callable[[], np.ndarray]:
    """The live array of a variable (Brian2 may give it away only after the group is built)."""
    if name not in group.variables:
        return lambda: np.zeros(1)
    return group.variables[name].get_value


def competition(inhibition: HardWTA, parts: Parts, rhythm: Rhythm | None) -> Callable[[int], bool]:
    """Function of the step that is true when a competition starts.

    Every `period`; without one, at each gamma cycle and each encoding phase of the rhythm; without
    a rhythm the whole run is one competition.
    """
    if inhibition.period is not None:
        period = whole(f"{parts.owner}.inhibition.period", inhibition.period, parts.dt)
        return lambda step: step % period == 0
    if rhythm is None:
        return lambda step: False
    period = whole("rhythm.period", rhythm.period, parts.dt)
    encoding = whole("rhythm.encoding", rhythm.encoding, parts.dt)
    gamma = whole("rhythm gamma cycle", (rhythm.period - rhythm.encoding) / rhythm.gamma, parts.dt)
    starts = {0, *(encoding + k * gamma for k in range(rhythm.gamma))}
    return lambda step: step % period in starts
