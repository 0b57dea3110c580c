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
from bioplastic.quantize.integer_network import IntegerNetwork, IntegerProjection, PlateauChannel

KIND_PRE, KIND_POST = 0, 1


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
        if q.rule is not None:  # these arrays are made when they are asked for
            self.group, self.post_ids, self.col_syn = q.group, q.post_ids, q.col_syn

    @property
    def fresh(self) -> bool:
        """Whether weights are delivered after `on_pre`, with their new values."""
        return bool(getattr(self.rule, "fresh", False))

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
        at = self.col_syn[columns(q, past[step][q.post])]
        pre, which = np.divmod(self.group[at], max(len(q.delays), 1))
        lag = step + q.delays[which] - self.x[f"{q.name}/pre_step"][pre]
        paired = (lag >= rule.first_lag) & (lag <= rule.last_lag)
        at, pre = at[paired], pre[paired]
        change = rule.hebbian * self.trace("pre", pre, step, rule.table)
        if rule.homeostatic:
            change = change + rule.rate * (
                rule.target - self.plateau_trace(step)[self.post_ids[at]]
            )
        wanted = self.x[f"{q.name}/permanence"][at] + fp.round_shift(change, fp.TRACE)
        self.store("permanence", at, wanted, rule.floor[at], 1 << fp.PERMANENCE)

    def plateau_trace(self, step: int) -> np.ndarray:
        """Trace z of every post neuron at `step`, Q20."""
        post = self.network[self.q.post]
        channel = post.channels[self.q.channel]
        assert isinstance(channel, PlateauChannel)
        key = f"{post.name}.{channel.name}/trace"
        return fp.decayed(self.x[key], step - self.x[f"{key}_step"], channel.table)


class DitheredLearning(Learning):
    """Integer weights; a step of Q8 is rounded by an 8-bit dither of Philox4x32-10."""

    def dither(self, place: np.ndarray, step: int, kind: int) -> np.ndarray:
        """Dither of each place: byte place mod 16 of the call (place // 16, step, kind, rule)."""
        number = list(self.network.projections).index(self.q)
        counter = np.stack(
            [place >> 4, *(np.full_like(place, n) for n in (step, kind, number))], axis=-1
        )
        words = philox4x32_array(counter, (self.network.seed, 0))
        word = np.take_along_axis(words, (place[:, None] >> 2) & 3, axis=1)[:, 0]
        return (word.astype(np.int64) >> (8 * (place & 3))) & 255

    def learn(
        self,
        at: np.ndarray,
        place: np.ndarray,
        change: np.ndarray,
        sign: int,
        moment: tuple[int, int],
        fraction: int,
    ) -> None:
        """Add `sign` times a change to the weights `at`, rounded to Q8, then stochastically.

        change   Q(20 + fraction), weight units       place   where their dithers stand
        moment   step and kind of the dithers
        """
        w = self.x[f"{self.q.name}/weight"][at].astype(np.int64)
        size = fp.round_shift(change, fp.TRACE + fraction - fp.DITHER)
        wanted = w + sign * ((size + self.dither(place, *moment)) >> fp.DITHER)
        moves = size != 0
        self.store("weight", at[moves], wanted[moves], self.rule.low, self.rule.high)

    def entry(self, at: np.ndarray) -> np.ndarray:
        """Which entry of a table over the weights belongs to each weight `at`."""
        w = self.x[f"{self.q.name}/weight"][at].astype(np.int64)
        return (w - self.rule.low) >> self.rule.shift


class PairLearning(DitheredLearning):
    """Pair STDP: depress at arrivals, potentiate at post spikes, then both traces jump."""

    def on_pre(self, step: int, past: Past) -> None:
        """Depress the synapses at which a pre spike arrives in `step`."""
        at, rule = rows(self.q, arriving_groups(self.q, past, step)), self.rule
        trace = self.trace("post", self.post_ids[at], step, rule.minus_table)
        change = rule.depress[self.entry(at)] * trace
        self.learn(at, at, change, -1, (step, KIND_PRE), rule.fraction)

    def on_post(self, step: int, past: Past) -> None:
        """Potentiate the synapses onto the post neurons that spike in `step`."""
        place, rule = columns(self.q, past[step][self.q.post]), self.rule
        at = self.col_syn[place]
        trace = self.trace("pre", self.group[at], step, rule.plus_table)
        change = rule.potentiate[self.entry(at)] * trace
        self.learn(at, place, change, 1, (step, KIND_POST), rule.fraction)

    def jump(self, step: int, past: Past) -> None:
        """Raise both traces, after both were read: coincident spikes change nothing."""
        self.jump_trace("pre", arriving_groups(self.q, past, step), step, self.rule.plus_table)
        self.jump_trace("post", past[step][self.q.post], step, self.rule.minus_table)
