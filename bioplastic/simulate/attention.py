"""Dendritic attention in Brian2, float64, with the noise and dithers of the integer kernel.

Neurons, plateaus, synapses and delays are Brian2's (`attention_groups`), on an explicit
brian2.Network. What Brian2 has no primitive for runs as brian2.NetworkOperation in the slot of the
step where it belongs: one spike per pool and recruitment (`attention_keys`), one winner and Philox
noise (`attention_race`), plateau heights and theta-phase STDP (`attention_learning`).
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import brian2
import numpy as np
from brian2 import second

from bioplastic.description import Network
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.simulate.attention_groups import make_groups
from bioplastic.simulate.attention_keys import KeyRules
from bioplastic.simulate.attention_layout import Layout, read_layout
from bioplastic.simulate.attention_learning import GRID, Learning
from bioplastic.simulate.attention_race import Race
from bioplastic.simulate.attention_result import AttentionRun as AttentionRun
from bioplastic.simulate.attention_result import Log, spike_records
from bioplastic.simulate.run import _Bar
from bioplastic.simulate.target import Target, engine, stepping


def run(
    network: Network,
    *,
    dt: Any,
    seed: int,
    cycles: int | None = None,
    grid: float | None = GRID,
    target: Target = "numpy",
    progress: bool = True,
) -> AttentionRun:
    """Simulate a dendritic-attention network in Brian2.

    dt       grid, s; every delay and duration must be a whole number of steps
    seed     key of the noise and dither streams, 0..2³²−1, as of the integer kernel
    cycles   theta cycles to run; None: up to the cycle of the last symbol
    grid     distance of the discrete synaptic states, nats; None: weights are continuous
    target   "numpy" or "cython"
    Order in a step: noise of a new race → integrate → one winner per pool and race → threshold →
    arrivals (prime, gates, drive, direct, value, teacher) → plasticity of the output spike →
    activation counts, recruitment, shunt. v of a key stands still for t_ref − 1 steps after its
    spike.
    Raises UnsupportedModel for another kind of network or C++ standalone, UsageError for a value
    out of range or a time off the grid.
    """
    if target == "cpp_standalone":
        raise UnsupportedModel(
            "attention: one winner a step and recruitment run Python inside a step, which C++ "
            "standalone cannot; use target='numpy' or 'cython'"
        )
    if not 0 <= seed < 2**32:
        raise UsageError(f"seed = {seed}: must lie in 0..2**32 - 1")
    if grid is not None and not grid > 0:
        raise UsageError(f"grid = {grid}: must be > 0 nats, or None")
    layout = read_layout(network, float(dt / second))
    symbols = _symbols(layout, cycles)
    began = time.perf_counter()
    with engine(target), _latches():
        groups = make_groups(layout)
        keys, race = KeyRules(layout, groups), Race(layout, groups, seed, len(symbols))
        rule = Learning(layout, groups, seed, grid)
        log = Log(layout, groups.clock, rule, len(symbols))
        monitors = {
            name: brian2.SpikeMonitor(group, name=f"spikes_{name}")
            for name, group in (
                ("source", groups.source), ("keys", groups.keys), ("outputs", groups.outputs),
            )
        }  # fmt: skip
        net = brian2.Network(*groups.all(), *monitors.values(), name="attention")
        net.add(*_operations(groups.clock, keys, race, rule, log))
        seconds = len(symbols) * layout.period * layout.dt
        shown = progress and sys.stderr.isatty()
        with stepping(target), _Bar(network.name, shown, seconds) as bar:
            net.run(
                seconds * second,
                report=bar.report if shown else None,
                report_period=0.2 * second,
                namespace={},
            )
        recruited = np.full((len(symbols), len(layout.pools)), -1)
        for step, pool, key in keys.recruited:
            recruited[step // layout.period, pool] = key - layout.first[pool]
        return AttentionRun(
            symbols=symbols,
            potentials=log.potentials,
            winners=race.winners,
            steps=race.steps,
            recruited=recruited,
            weights=rule.w.copy(),
            changed=np.concatenate(log.changed),
            changed_to=np.concatenate(log.changed_to),
            efficacy=log.efficacy,
            spikes=spike_records(layout, monitors),
            ramp=(layout.ramp.start, float(layout.ramp.slope * second) * layout.dt),
            noise=race.drawn,
            contests=race.contests,
            seconds=time.perf_counter() - began,
        )


@contextmanager
def _latches() -> Iterator[None]:
    """Without Brian2's warning that "the outcome may depend on the order of execution".

    A latch takes what arrives; a pool spikes at most once a step, so one arrival is all there is.
    """
    logger = logging.getLogger("brian2.codegen.generators.base")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)


def _operations(
    clock: brian2.Clock, keys: KeyRules, race: Race, rule: Learning, log: Log
) -> list[brian2.NetworkOperation]:
    slots: list[tuple[Callable[[], None], str, int]] = [
        (race.start, "before_groups", 0),
        (race.choose, "before_thresholds", 0),
        (keys.compete, "before_thresholds", 1),
        (race.forget, "after_thresholds", 0),
        (keys.gate, "synapses", 1),
        (rule.raise_plateaus, "synapses", 5),
        (rule.learn, "after_synapses", 0),
        (keys.finish, "resets", 1),
        (log.write, "end", 0),
    ]
    return [
        brian2.NetworkOperation(f, clock=clock, when=when, order=order, name=f"operation_{k}")
        for k, (f, when, order) in enumerate(slots)
    ]


def _symbols(layout: Layout, cycles: int | None) -> np.ndarray:
    """Symbol of each cycle; UsageError when two share a cycle."""
    steps = layout.source.train.steps(layout.dt * second)
    where = steps // layout.period
    if cycles is None:
        cycles = int(where.max()) + 1
    if cycles < 1:
        raise UsageError(f"cycles = {cycles}: must be at least 1")
    twice = np.flatnonzero(np.diff(np.sort(where)) == 0)
    if len(twice):
        raise UsageError(
            f"{layout.source.name}: two symbols in cycle {np.sort(where)[twice[0]]}; one a cycle "
            "is what the network reads"
        )
    symbols = np.full(cycles, -1)
    inside = where < cycles
    symbols[where[inside]] = layout.source.train.i[inside]
    return symbols
