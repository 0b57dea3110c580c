"""Networks in the integer arithmetic of SynSense's Xylo, as the specification `xylo-1`.

Values are what the chip holds; the step and its order are in `bioplastic.kernels.xylo.reference`.
Limits are checked when an object is made, so that nothing that the chip cannot hold exists.
Source: rockpool.ai, "Overview of the Xylo family" (inputs, neurons, fan-out, spikes a step, 8-bit
weights); word lengths as in xylosim 0.1.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bioplastic.errors import UsageError

SPECIFICATION = "xylo-1"
INPUTS, HIDDEN, OUTPUTS = 16, 1000, 8
"""Channels, hidden and readout neurons of Xylo Audio 2: rockpool.ai, table of the family."""
FAN_OUT, SYNAPSES = 64, 32_000
"""Synapses of one hidden neuron, and of all of them (32 on average): the same table."""
EVENTS_IN, EVENTS_HIDDEN, EVENTS_OUT = 15, 31, 1
"""Events of a channel and spikes of a neuron in one step, at most: the same page."""
WEIGHT_LOW, WEIGHT_HIGH = -128, 127
DASH_MAX, SHIFT_MAX, THRESHOLD_MAX = 15, 7, 32_767
SYNAPTIC = 2
"""Currents of a hidden neuron; a readout neuron has one."""
LISTS = ("i", "j", "synapse", "weight")


def _rows(owner: str, name: str, values: np.ndarray, shape: tuple[int, ...], most: int) -> None:
    if values.shape != shape or not np.issubdtype(values.dtype, np.integer):
        raise UsageError(
            f"{owner}: {name}: {values.dtype} {values.shape}: must be {shape} integers"
        )
    low = 1 if name.startswith("threshold") else 0
    if values.size and not low <= values.min() <= values.max() <= most:
        raise UsageError(f"{owner}: {name} {values.min()}..{values.max()}: must be {low} to {most}")


@dataclass(frozen=True, kw_only=True, eq=False)
class XyloSynapses:
    """Synapses of one of the three matrices, listed.

    i, j (S,)      pre and post index
    synapse (S,)   which current of the post neuron: 0 or 1 of a hidden one, 0 of a readout one
    weight (S,)    −128..127; an event adds weight·2^shift to the current
    shift          0..7, one for the matrix
    """

    i: np.ndarray
    j: np.ndarray
    synapse: np.ndarray
    weight: np.ndarray
    shift: int = 0

    def __post_init__(self) -> None:
        """Check lengths, weights and shift; the network checks the indices."""
        lengths = {np.shape(getattr(self, name)) for name in LISTS}
        if len(lengths) != 1 or len(next(iter(lengths))) != 1:
            raise UsageError(f"XyloSynapses: i, j, synapse and weight differ: {sorted(lengths)}")
        for name in LISTS:
            if not np.issubdtype(np.asarray(getattr(self, name)).dtype, np.integer):
                raise UsageError(f"XyloSynapses: {name}: must be whole numbers")
        w = np.asarray(self.weight)
        bad = np.flatnonzero((w < WEIGHT_LOW) | (w > WEIGHT_HIGH))
        if len(bad):
            raise UsageError(
                f"XyloSynapses: weight[{bad[0]}] = {w[bad[0]]}: must be {WEIGHT_LOW} to"
                f" {WEIGHT_HIGH}"
            )
        if not 0 <= self.shift <= SHIFT_MAX:
            raise UsageError(f"XyloSynapses: shift = {self.shift}: must be 0 to {SHIFT_MAX}")


@dataclass(frozen=True, kw_only=True, eq=False)
class XyloNetwork:
    """Channels, H hidden and O readout neurons on a grid of `dt` seconds a step.

    w_in, w_rec, w_out              channel → hidden, hidden → hidden, hidden → readout
    dash_mem (H,), dash_syn (H, 2)  decays of potential and currents, 0..15: x loses x >> dash a
                                    step, at least 1 towards zero
    threshold (H,)                  1..32767: a neuron spikes where v >= threshold
    dash_mem_out (O,), dash_syn_out (O,), threshold_out (O,)   the same of the readout
    labels                          what each group of hidden neurons is: name → (first, size)
    """

    name: str
    dt: float
    inputs: int
    w_in: XyloSynapses
    w_rec: XyloSynapses
    w_out: XyloSynapses
    dash_mem: np.ndarray
    dash_syn: np.ndarray
    threshold: np.ndarray
    dash_mem_out: np.ndarray
    dash_syn_out: np.ndarray
    threshold_out: np.ndarray
    labels: Mapping[str, tuple[int, int]]

    def __post_init__(self) -> None:
        """Check shapes, ranges and indices, then every limit of the chip at once."""
        owner, hidden, outputs = f"network {self.name!r}", self.hidden, self.outputs
        for name, shape, most in (
            ("dash_mem", (hidden,), DASH_MAX),
            ("dash_syn", (hidden, SYNAPTIC), DASH_MAX),
            ("threshold", (hidden,), THRESHOLD_MAX),
            ("dash_mem_out", (outputs,), DASH_MAX),
            ("dash_syn_out", (outputs,), DASH_MAX),
            ("threshold_out", (outputs,), THRESHOLD_MAX),
        ):
            _rows(owner, name, np.asarray(getattr(self, name)), shape, most)
        for name, pre, post, synapses in (
            ("w_in", self.inputs, hidden, SYNAPTIC),
            ("w_rec", hidden, hidden, SYNAPTIC),
            ("w_out", hidden, outputs, 1),
        ):
            matrix = getattr(self, name)
            for end, most in (("i", pre), ("j", post), ("synapse", synapses)):
                index = np.asarray(getattr(matrix, end))
                if len(index) and not 0 <= index.min() <= index.max() < most:
                    raise UsageError(f"{owner}: {name}: {end} outside 0..{most - 1}")
        for name, (first, size) in self.labels.items():
            if not 0 <= first <= first + size <= hidden:
                raise UsageError(f"{owner}: label {name!r} outside 0..{hidden - 1}")
        over = [r for r in resources(self) if r[1] > r[2]]
        if over:
            words = "; ".join(f"{name} {used:,} of {most:,}" for name, used, most in over)
            raise UsageError(f"{owner} does not fit Xylo: {words}")
        for name in ("w_in", "w_rec", "w_out"):
            matrix = getattr(self, name)
            rows = np.stack([matrix.i, matrix.j, matrix.synapse])
            if len(np.unique(rows, axis=1).T) != len(matrix.i):
                raise UsageError(f"{owner}: {name}: two synapses of one pair onto one current")

    @property
    def hidden(self) -> int:
        """Number of hidden neurons."""
        return len(self.threshold)

    @property
    def outputs(self) -> int:
        """Number of readout neurons."""
        return len(self.threshold_out)


def resources(network: XyloNetwork) -> list[tuple[str, int, int]]:
    """Name, use and limit of everything the chip bounds."""
    fan = np.bincount(np.asarray(network.w_rec.i), minlength=network.hidden)
    fan += np.bincount(np.asarray(network.w_out.i), minlength=network.hidden)
    return counted(
        network.inputs, network.hidden, network.outputs, int(fan.max(initial=0)), int(fan.sum())
    )


def counted(
    inputs: int, hidden: int, outputs: int, fan_out: int = 0, synapses: int = 0
) -> list[tuple[str, int, int]]:
    """The same from bare numbers, before there is a network."""
    return [
        ("input channels", inputs, INPUTS),
        ("hidden neurons", hidden, HIDDEN),
        ("readout neurons", outputs, OUTPUTS),
        ("fan-out", fan_out, FAN_OUT),
        ("synapses", synapses, SYNAPSES),
    ]
