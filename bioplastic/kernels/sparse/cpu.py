"""The sparse kernel for one CPU thread: numba, event-driven, equal to `reference` in every bit."""

from __future__ import annotations

from bioplastic.kernels.sparse.cpu_run import (
    General,
    Plain,
    given_spikes,
    recent,
    ring_of,
    run_form,
)
from bioplastic.kernels.sparse.events import Found
from bioplastic.kernels.sparse.layout import lay_populations
from bioplastic.kernels.sparse.layout_plain import is_plain
from bioplastic.kernels.sparse.layout_synapses import lay_projections, lay_state, read_back
from bioplastic.kernels.sparse.state import KernelState
from bioplastic.quantize.integer_network import IntegerNetwork


def run_cpu(
    network: IntegerNetwork, steps: int, state: KernelState
) -> tuple[KernelState, Found, Found, dict[str, int]]:
    """Run `steps` steps from `state`, which is left as it is.

    Returns the new state, the spikes by population, the plateau onsets by "population.branch", and
    the counters.
    """
    pops, channels = lay_populations(network)
    synapses = lay_projections(network, state.arrays)
    flat = lay_state(network, state, pops)
    ring, given = ring_of(network, state), given_spikes(network)
    form: Plain | General
    if is_plain(network, flat.theta):
        form = Plain(network, flat, synapses, state.step)
    else:
        form = General(network, pops, channels, synapses, flat)
    last = state.step + steps
    spikes, onsets, counters = run_form(form, ring, given, state.step, last)
    arrays = read_back(network, state, flat, synapses) | recent(network, ring, last)
    return KernelState(step=last, arrays=arrays), spikes, onsets, counters
