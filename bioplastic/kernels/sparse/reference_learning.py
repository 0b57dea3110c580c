"""Learning rules of the sparse kernel as a specification: numpy, all synapses of an event at once.

A rule sees three moments of a step, in this order: `on_pre`, `on_post`, `jump`. A synapse has at
most one of each kind in a step, so the order of synapses inside a moment cannot matter.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from bioplastic.kernels.sparse.events import Past, arriving_groups, columns, rows
from bioplastic.philox import philox4x32_array
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.integer_network import (
    IntegerNetwork,
    IntegerPairSTDP,
    IntegerPermanence,
    IntegerProjection,
    PlateauChannel,
)

KIND_PRE, KIND_POST = 0, 1


def make_learning(
    network: IntegerNetwork,
    q: IntegerProjection,
    x: dict[str, np.ndarray],
    counters: dict[str, int],
) -> Learning:
    """The rule of `q`, working on the arrays of `x` in place."""
    kinds = {IntegerPairSTDP: PairLearning, IntegerPermanence: PermanenceLearning}
    return kinds.get(type(q.rule), Learning)(network, q, x, counters)


class Learning:
    """No learning; the base of the rules."""

    def __init__(
        self,
        network: IntegerNetwork,
        q: IntegerProjection,
        x: dict[str, np.ndarray],
        counters: dict[str, int],
    ) -> None:
        self.network, self.q, self.x, self.counters = network, q, x, counters
        self.rule: Any = q.rule

    def on_pre(self, step: int, past: Past) -> None:
        """Plasticity that pre causes."""

    def on_post(self, step: int, past: Past) -> None:
        """Plasticity that post causes."""

    def jump(self, step: int, past: Past) -> None:
        """Traces that jump only after they were read."""

    def store(self, name: str, at: np.ndarray, wanted: np.ndarray, low: Any, high: Any) -> None:
        """Write values saturated to [low, high]; count the updates and the saturations."""
        kept = np.clip(wanted, low, high)
        self.counters["weight_updates"] += len(at)
        self.counters["saturations"] += int(np.count_nonzero(kept != wanted))
        array = self.x[f"{self.q.name}/{name}"]
        array[at] = kept.astype(array.dtype)

    def jump_trace(self, which: str, at: np.ndarray, step: int, table: np.ndarray) -> None:
        """Decay the traces `at` to `step`, add one spike, saturate."""
        value = self.x[f"{self.q.name}/{which}_trace"]
        last = self.x[f"{self.q.name}/{which}_step"]
        fresh = fp.decayed(value[at], step - last[at], table) + fp.TRACE_ONE
        value[at], last[at] = np.minimum(fresh, fp.TRACE_MAX), step
        self.counters["saturations"] += int(np.count_nonzero(fresh > fp.TRACE_MAX))

    def trace(self, which: str, at: np.ndarray, step: int, table: np.ndarray) -> np.ndarray:
        """The traces `at`, decayed to `step`, Q20."""
        value = self.x[f"{self.q.name}/{which}_trace"][at]
        return fp.decayed(value, step - self.x[f"{self.q.name}/{which}_step"][at], table)


class PermanenceLearning(Learning):
    """P −= decrement at a pre spike; P += hebbian·x + rate (target − z) at a paired post spike."""

    def on_pre(self, step: int, past: Past) -> None:
        """Depress the synapses of the pre neurons that spike in `step`, then raise their trace."""
        ids, n = past[step][self.q.pre], len(self.q.delays)
        at = rows(self.q, (ids[:, None] * n + np.arange(n)).ravel())
        wanted = self.x[f"{self.q.name}/permanence"][at] - self.rule.decrement
        self.store("permanence", at, wanted, self.rule.floor[at], 1 << fp.PERMANENCE)
        self.jump_trace("pre", ids, step, self.rule.table)

    def on_post(self, step: int, past: Past) -> None:
        """Potentiate the synapses onto the post neurons that spike in `step`, if paired."""
        q, rule = self.q, self.rule
        at = q.col_syn[columns(q, past[step][q.post])]
        pre, which = np.divmod(q.group[at], max(len(q.delays), 1))
        lag = step + q.delays[which] - self.x[f"{q.name}/pre_step"][pre]
        paired = (lag >= rule.first_lag) & (lag <= rule.last_lag)
        at, pre = at[paired], pre[paired]
        change = rule.hebbian * self.trace("pre", pre, step, rule.table)
        if rule.homeostatic:
            change = change + rule.rate * (rule.target - self.plateau_trace(step)[q.post_ids[at]])
        wanted = self.x[f"{q.name}/permanence"][at] + fp.round_shift(change, fp.TRACE)
        self.store("permanence", at, wanted, rule.floor[at], 1 << fp.PERMANENCE)

    def plateau_trace(self, step: int) -> np.ndarray:
        """Trace z of every post neuron at `step`, Q20."""
        post = self.network[self.q.post]
        channel = post.channels[self.q.channel]
        assert isinstance(channel, PlateauChannel)
        key = f"{post.name}.{channel.name}/trace"
        return fp.decayed(self.x[key], step - self.x[f"{key}_step"], channel.table)


class PairLearning(Learning):
    """int8 weights; a step of Q8 is rounded stochastically by an 8-bit dither of Philox4x32-10."""

    def dither(self, place: np.ndarray, step: int, kind: int) -> np.ndarray:
        """Dither of each place: byte place mod 16 of the call (place // 16, step, kind, rule)."""
        number = list(self.network.projections).index(self.q)
        counter = np.stack(
            [place >> 4, *(np.full_like(place, n) for n in (step, kind, number))], axis=-1
        )
        words = philox4x32_array(counter, (self.network.seed, 0))
        word = np.take_along_axis(words, (place[:, None] >> 2) & 3, axis=1)[:, 0]
        return (word.astype(np.int64) >> (8 * (place & 3))) & 255

    def on_pre(self, step: int, past: Past) -> None:
        """Depress the synapses at which a pre spike arrives in `step`."""
        at = rows(self.q, arriving_groups(self.q, past, step))
        w = self.x[f"{self.q.name}/weight"][at].astype(np.int64)
        trace = self.trace("post", self.q.post_ids[at], step, self.rule.minus_table)
        self._learn(at, w, -1, self.rule.depress[w] * trace, self.dither(at, step, KIND_PRE))

    def on_post(self, step: int, past: Past) -> None:
        """Potentiate the synapses onto the post neurons that spike in `step`."""
        place = columns(self.q, past[step][self.q.post])
        at = self.q.col_syn[place]
        w = self.x[f"{self.q.name}/weight"][at].astype(np.int64)
        trace = self.trace("pre", self.q.group[at], step, self.rule.plus_table)
        self._learn(at, w, 1, self.rule.potentiate[w] * trace, self.dither(place, step, KIND_POST))

    def _learn(
        self, at: np.ndarray, w: np.ndarray, sign: int, change: np.ndarray, dither: np.ndarray
    ) -> None:
        size = fp.round_shift(change, 2 * fp.TRACE - fp.DITHER)
        moves = size > 0
        wanted = w + sign * ((size + dither) >> fp.DITHER)
        self.store("weight", at[moves], wanted[moves], 0, fp.WEIGHT_MAX)

    def jump(self, step: int, past: Past) -> None:
        """Raise both traces, after both were read: coincident spikes change nothing."""
        self.jump_trace("pre", arriving_groups(self.q, past, step), step, self.rule.plus_table)
        self.jump_trace("post", past[step][self.q.post], step, self.rule.minus_table)
