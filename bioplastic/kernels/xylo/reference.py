"""`xylo-1`, the specification in numpy.

One step t, in this order, all whole numbers; every sum saturates to −32768 … 32767:
    1. currents += events·weight·2^shift of what arrives: from the channels in step t, then what
       the hidden neurons spiked in step t − 1 (to hidden and readout neurons alike); one pre after
       the other in the order of their numbers, each sum saturating before the next
    2. currents −= decay(current, dash_syn)
    3. v += (its currents + leak), this sum saturating too; leak = −decay(v, dash_mem), but −32768
       has itself as its negative in 16 bits, so with dash_mem 0 a v of −32768 does not leak
    4. spikes = ⌊v / threshold⌋ where v >= threshold, at most 31 of a hidden neuron and 1 of a
       readout neuron; v −= spikes·threshold
decay(x, d) = x >> d (arithmetic), but where that is 0 the sign of x: what decays reaches zero.
So a readout neuron answers a hidden spike one step later, and a channel at once.
Source: the numbers are those of xylosim 0.1.3, SynSense's simulator, with which the tests compare.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bioplastic.quantize.xylo import (
    EVENTS_HIDDEN,
    EVENTS_IN,
    EVENTS_OUT,
    SYNAPTIC,
    XyloNetwork,
    XyloSynapses,
)

LOW, HIGH = -32_768, 32_767


class Trace(NamedTuple):
    """hidden (T, H), out (T, O): spikes of each step; v, v_out: potentials after them; int64."""

    hidden: np.ndarray
    out: np.ndarray
    v: np.ndarray
    v_out: np.ndarray


def decay(x: np.ndarray, dash: np.ndarray) -> np.ndarray:
    """What x loses in a step."""
    lost = x >> dash
    return np.where(lost == 0, np.sign(x), lost)


def leak(v: np.ndarray, dash: np.ndarray) -> np.ndarray:
    """What a potential gains by leaking in a step, in 16 bits: 32768 is −32768."""
    gained = -decay(v, dash)
    return np.where(gained > HIGH, LOW, gained)


def saturated(x: np.ndarray) -> np.ndarray:
    """Return x held within 16 bits."""
    return np.clip(x, LOW, HIGH)


def added(current: np.ndarray, events: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Currents, flat, after the events of every pre in turn; weights (pre, currents)."""
    for pre in np.flatnonzero(events):
        current = saturated(current + events[pre] * weights[pre])
    return current


def dense(matrix: XyloSynapses, pre: int, post: int) -> np.ndarray:
    """What one event adds to each current, (pre, post·2) int64."""
    found = np.zeros((pre, post, SYNAPTIC), np.int64)
    np.add.at(
        found, (matrix.i, matrix.j, matrix.synapse),
        np.asarray(matrix.weight, np.int64) << matrix.shift,
    )  # fmt: skip
    return found.reshape(pre, post * SYNAPTIC)


def advance(network: XyloNetwork, events: np.ndarray) -> Trace:
    """Run len(events) steps from rest; events (T, channels), 0..15 each."""
    hidden, outputs = network.hidden, network.outputs
    w_in, w_rec = dense(network.w_in, network.inputs, hidden), dense(network.w_rec, hidden, hidden)
    w_out = dense(network.w_out, hidden, outputs)[:, ::SYNAPTIC]
    current, v = np.zeros(hidden * SYNAPTIC, np.int64), np.zeros(hidden, np.int64)
    dash_syn = np.asarray(network.dash_syn, np.int64).ravel()
    current_out, v_out = np.zeros(outputs, np.int64), np.zeros(outputs, np.int64)
    spikes = np.zeros(hidden, np.int64)
    steps = len(events)
    trace = Trace(*(np.zeros((steps, n), np.int64) for n in (hidden, outputs, hidden, outputs)))
    for t, given in enumerate(np.minimum(events, EVENTS_IN)):
        current = added(added(current, given, w_in), spikes, w_rec)
        current = current - decay(current, dash_syn)
        charge = current.reshape(hidden, SYNAPTIC).sum(axis=1)
        v = saturated(v + saturated(charge + leak(v, network.dash_mem)))
        current_out = added(current_out, spikes, w_out)
        current_out = current_out - decay(current_out, network.dash_syn_out)
        v_out = saturated(v_out + saturated(current_out + leak(v_out, network.dash_mem_out)))
        spikes = np.minimum(np.maximum(v, 0) // network.threshold, EVENTS_HIDDEN)
        v = v - spikes * network.threshold
        out = np.minimum(np.maximum(v_out, 0) // network.threshold_out, EVENTS_OUT)
        v_out = v_out - out * network.threshold_out
        trace.hidden[t], trace.out[t], trace.v[t], trace.v_out[t] = spikes, out, v, v_out
    return trace
