"""The locality audit of the spiking temporal memory."""

from __future__ import annotations

from bioplastic.learning.locality import Use

PERMANENCE_STDP: tuple[Use, ...] = (
    Use(
        quantity="trace of the pre spikes",
        place="pre",
        latency="20 ms",
        local=True,
        why="a trace at the synapse that jumps when its axon spikes",
    ),
    Use(
        quantity="time since the last pre spike (pairing window)",
        place="pre",
        latency="4 to 80 ms",
        local=True,
        why="known where the axon ends",
    ),
    Use(
        quantity="post spike",
        place="post",
        latency="at the spike",
        local=True,
        why="back-propagating spike",
    ),
    Use(
        quantity="trace of the plateaus of the post neuron (homeostasis)",
        place="post",
        latency="the time constant of the trace",
        local=True,
        why="how often this neuron's own distal branch was in a plateau",
    ),
    Use(
        quantity="permanence, its own lower bound, threshold of maturity",
        place="synapse",
        latency="kept",
        local=True,
        why="the synapse's own state; the threshold is a constant",
    ),
    Use(
        quantity="who of the subpopulation was first (inhibition)",
        place="population",
        latency="about 1 ms",
        local=True,
        why="one inhibitory neuron for each subpopulation silences the rest, and they do not learn",
    ),
    Use(
        quantity="which neurons belong to a symbol",
        place="population",
        latency="constant",
        local=True,
        why="wired by hand: one source for each subpopulation",
    ),
)
