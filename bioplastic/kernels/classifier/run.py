"""Run a lowered winner-take-all classifier: the fused loop, or a sparse kernel; equal bits."""

from __future__ import annotations

import numpy as np

from bioplastic.errors import UsageError, nearest
from bioplastic.kernels.classifier.circuit import circuit
from bioplastic.kernels.classifier.cpu import advance
from bioplastic.kernels.dispatch import KernelRun, _given, run
from bioplastic.kernels.sparse.state import KernelState, initial_state
from bioplastic.quantize.integer_network import IntegerNetwork
from bioplastic.result import SpikeRecord

BACKENDS = ("fused", "cpu", "reference")
COUNTERS = ("synaptic_events", "weight_updates", "saturations", "spikes")


def run_classifier(
    network: IntegerNetwork,
    steps: int,
    *,
    backend: str = "fused",
    state: KernelState | None = None,
) -> KernelRun:
    """Run `steps` steps from `state` (None: from the start); the given state is left as it is.

    backend   "fused", or one of `kernels.dispatch.run`: "cpu", "reference"; equal in every bit but
              for the counters of neuron updates, as the fused loop skips none

    The "reference" is the specification of the fused loop too. That is one loop in place of an
    event queue: no sorting, no skipping, the arrivals of a step summed before they are scaled.
    Raises UnsupportedModel for networks of another shape, UsageError for steps < 0 or another
    backend, with the nearest name.
    """
    if backend not in BACKENDS:
        raise UsageError(f"backend = {backend!r}: no such backend{nearest(backend, BACKENDS)}")
    if backend != "fused":
        return run(network, steps, backend=backend, state=state)
    if steps < 0:
        raise UsageError(f"steps = {steps}: must be >= 0")
    c = circuit(network)
    start = state or initial_state(network)
    end = start.step + steps
    x = start.copy().arrays
    p, image, clock = c.population.name, c.image, c.clock
    channel = c.population.channels[0].name
    given = [_pending(network, k, start, end) for k in (0, 1)]
    (pixel_steps, pixels), (ticks, _) = given
    size = c.population.winners * (steps // max(c.population.cycle, 1) + 2)
    out_step, out_id = np.zeros(size, np.int64), np.zeros(size, np.int64)
    counters = np.zeros(len(COUNTERS), np.int64)
    weights = [x.get(f"{q.name}/weight", q.weight) for q in (image, clock)]
    learned = image.rule is not None
    none = np.zeros(0, np.int64)
    value = x[f"{image.name}/pre_trace"][0] if learned else none
    last = x[f"{image.name}/pre_step"][0] if learned else none
    advance(
        x[f"{p}/v"], x[f"{p}.{channel}/current"], x[f"{p}/refractory"], x[f"{p}/left"],
        c.neurons(), c.synapses(image, weights[0]), c.synapses(clock, weights[1]),
        value, last, c.jump, c.table,
        pixel_steps, pixels, ticks, start.step, end, network.seed,
        out_step, out_id, counters,
    )  # fmt: skip
    spikes = counters[COUNTERS.index("spikes")]
    found = SpikeRecord(
        population=p, steps=out_step[:spikes], ids=out_id[:spikes],
        size=c.population.size, dt=network.dt, labels=c.population.labels,
    )  # fmt: skip
    x |= _recent(network, found, start, end)
    totals = dict(zip(COUNTERS, counters.tolist(), strict=True))
    totals |= {"neuron_updates": steps * c.population.size, "neuron_updates_skipped": 0}
    return KernelRun(
        spikes=_given(network, start.step, end) | {p: found},
        onsets={},
        state=KernelState(step=end, arrays=x),
        counters=totals,
    )


def _pending(
    network: IntegerNetwork, source: int, start: KernelState, end: int
) -> tuple[np.ndarray, np.ndarray]:
    """Spikes of a source that arrive in the run: those under way, then those given."""
    s = network.sources[source]
    first = sum(one.size for one in network.sources[:source])
    units, steps = start.arrays["recent_unit"], start.arrays["recent_step"]
    here = (units >= first) & (units < first + s.size) & (steps == start.step - 1)
    inside = (s.steps >= start.step) & (s.steps < end)
    return (
        np.concatenate([steps[here], s.steps[inside]]).astype(np.int64),
        np.concatenate([units[here] - first, s.ids[inside]]).astype(np.int64),
    )


def _recent(
    network: IntegerNetwork, found: SpikeRecord, start: KernelState, end: int
) -> dict[str, np.ndarray]:
    """Spikes of the last step, which are still on their way."""
    if end == start.step:
        return {name: start.arrays[name].copy() for name in ("recent_unit", "recent_step")}
    units, first = [np.zeros(0, np.int64)], 0
    for s in network.sources:
        units.append(s.ids[s.steps == end - 1] + first)
        first += s.size
    units.append(found.ids[found.steps == end - 1] + first)
    unit = np.concatenate(units).astype(np.int64)
    return {"recent_unit": unit, "recent_step": np.full(len(unit), end - 1, np.int64)}
