"""Run a description in Brian2: build, record, simulate, hand back."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import brian2
from brian2 import ms, second
from tqdm import tqdm

from bioplastic.description import Network
from bioplastic.errors import UsageError
from bioplastic.result import SpikeRecord
from bioplastic.simulate.build import build
from bioplastic.simulate.checkpoint import State, capture, restore
from bioplastic.simulate.grid import whole
from bioplastic.simulate.record import Record, Recorder, Samples
from bioplastic.simulate.target import Target, engine, stepping


@dataclass(frozen=True, kw_only=True)
class Run:
    """What a run found.

    spikes            population, source or ``population.branch`` (plateau onsets) -> SpikeRecord
    weights           projection (``projection.permanence``) -> Samples (T, S)
    voltages          population -> Samples, one (T, N) array per variable
    final             state after the last step; give it to the next run as `state`
    sample_bytes      bound of the samples that was checked before the run
    build_seconds, run_seconds   wall time
    """

    spikes: dict[str, SpikeRecord]
    weights: dict[str, Samples]
    voltages: dict[str, Samples]
    final: State
    sample_bytes: int
    build_seconds: float
    run_seconds: float


def run(
    network: Network,
    duration: Any,
    *,
    dt: Any = 0.1 * ms,
    target: Target = "numpy",
    record: Record | None = None,
    progress: bool = True,
    state: State | None = None,
    plasticity: bool = True,
) -> Run:
    """Simulate `network` for `duration` in Brian2.

    duration     s, a multiple of dt; with a state: how much longer
    dt           time step, s
    target       "numpy" (no compiler), "cython" (compiles once, cached), "cpp_standalone"
    record       None: all spikes, no samples
    progress     bar on a terminal, silence elsewhere
    state        result of an earlier run (`Run.final`) to go on from
    plasticity   False freezes weights, permanences and their traces
    Order in a step: integrate → threshold → deliver arrivals → plasticity on pre → on post → reset.
    A refractory time of n steps holds the potential in the n − 1 steps after the spike.
    Raises UsageError for times off the grid, samples over the limit or a state of another network;
    UnsupportedModel for a description, or a target, that has no builder.
    """
    record = record or Record()
    step_seconds = float(dt / second)
    if not step_seconds > 0:
        raise UsageError(f"dt = {dt}: must be > 0")
    steps = whole("duration", duration, step_seconds)
    record.check(network, duration)
    start = state.step if state else 0
    runtime = target != "cpp_standalone"
    if state and not runtime:
        raise UsageError("state: C++ standalone starts at 0; resume on 'numpy' or 'cython'")
    began = time.perf_counter()
    with engine(target):
        built = build(
            network,
            step_seconds,
            start=start,
            stop=start + steps,
            plasticity=plasticity,
            python=runtime,
        )
        recorder = Recorder(record, network, built, step_seconds)
        if state:
            restore(state, network, built, step_seconds)
        ready = time.perf_counter()
        shown = progress and sys.stderr.isatty()
        with stepping(target), _Bar(network.name, shown and runtime, steps * step_seconds) as bar:
            built.network.run(
                steps * step_seconds * second,
                report=bar.report if runtime and shown else None,
                report_period=0.2 * second,
                namespace={},
            )
        done = time.perf_counter()
        weights, voltages = recorder.samples()
        return Run(
            spikes=recorder.spike_records(),
            weights=weights,
            voltages=voltages,
            final=capture(network, built, start + steps, step_seconds, flight=runtime),
            sample_bytes=record.bytes(network, duration),
            build_seconds=ready - began,
            run_seconds=done - ready,
        )


class _Bar:
    """Progress in model time by tqdm."""

    def __init__(self, name: str, shown: bool, seconds: float) -> None:
        form = "{desc}: {percentage:3.0f}%|{bar}| {n:.2f}/{total:.2f} s [{elapsed}<{remaining}]"
        self._bar = tqdm(total=seconds, desc=name, disable=not shown, bar_format=form)
        self.report: Callable[..., None] = self._report

    def _report(
        self, elapsed: brian2.Quantity, completed: float, start: Any, duration: Any
    ) -> None:
        self._bar.update(completed * self._bar.total - self._bar.n)

    def __enter__(self) -> _Bar:
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.close()
