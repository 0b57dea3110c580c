"""SANA-FE: architecture and network as YAML, for its simulator of a Loihi-like chip.

Two files. `architecture.yaml` states a chip of tiles and cores, with the energies and latencies of
events that SANA-FE gives for Loihi after Davies et al. 2018 [davies2018], and one fixed time for
synchronisation. `network.yaml` has the neurons, the synapses and the core of each neuron. SANA-FE
keeps the current u as a float: only du = 4095, no memory of u, is the same arithmetic as ours, and
its delays end at 5 steps.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from bioplastic.errors import UnsupportedModel
from bioplastic.quantize.loihi import LoihiNetwork, LoihiPopulation

ARCHITECTURE, NETWORK = "architecture.yaml", "network.yaml"
TILES, CORES, PER_CORE = 32, 4, 1024
LONGEST = 5

_CHIP = """\
architecture:
  name: loihi_like
  attributes:
    topology: mesh
    width: 8
    height: 4
    link_buffer_size: 16
    sync_model: fixed
    latency_sync: 1.8e-6
  tile:
    - name: tile[0..{tiles}]
      attributes: {{energy_north_hop: 4.2e-12, latency_north_hop: 6.5e-9,
        energy_east_hop: 3.0e-12, latency_east_hop: 4.1e-9,
        energy_south_hop: 4.2e-12, latency_south_hop: 6.5e-9,
        energy_west_hop: 3.0e-12, latency_west_hop: 4.1e-9}}
      core:
        - name: core[0..{cores}]
          attributes: {{buffer_position: dendrite, buffer_inside_unit: true,
            max_neurons_supported: {per_core}}}
          axon_in:
            - name: axon_in
              attributes: {{energy_message_in: 0.0, latency_message_in: 16.0e-9}}
          synapse:
            - name: synapse
              attributes: {{model: current_based, energy_process_spike: 33.6e-12,
                latency_process_spike: 4.7e-9}}
          dendrite:
            - name: {dendrite}
              attributes: {{model: {model}, energy_update: 0.0,
                latency_update: 0.0}}
          soma:
            - name: lif
              attributes: {{model: leaky_integrate_fire, energy_access_neuron: 51.2e-12,
                latency_access_neuron: 6.0e-9, energy_update_neuron: 21.6e-12,
                latency_update_neuron: 3.7e-9, energy_spike_out: 69.3e-12,
                latency_spike_out: 30.0e-9}}
            - name: given[0..{given}]
              attributes: {{model: input, energy_access_neuron: 0.0, latency_access_neuron: 0.0,
                energy_update_neuron: 0.0, latency_update_neuron: 0.0, energy_spike_out: 0.0,
                latency_spike_out: 0.0}}
          axon_out:
            - name: axon_out
              attributes: {{energy_message_out: 111.0e-12, latency_message_out: 5.1e-9}}
"""


def chip(given: int, *, dendrite: str = "dendrite", model: str = "accumulator_with_delay") -> str:
    """The architecture as text: `given` units of input a core, and the dendrites of a core."""
    return _CHIP.format(
        tiles=TILES - 1, cores=CORES - 1, per_core=PER_CORE, given=max(given, 1) - 1,
        dendrite=dendrite, model=model,
    )  # fmt: skip


def check(network: LoihiNetwork) -> None:
    """Raise UnsupportedModel, with the change that helps, for what SANA-FE computes otherwise."""
    for p in network.populations:
        if p.du != 4095:
            raise UnsupportedModel(
                f"population {p.name!r}: du = {p.du}: SANA-FE keeps u as a float; only du = 4095"
                " is the same arithmetic"
            )
        if p.refractory != 1:
            raise UnsupportedModel(
                f"population {p.name!r}: refractory = {p.refractory} steps: its LIF has none"
            )
    for q in network.projections:
        if len(q.delay) and int(np.max(q.delay)) > LONGEST:
            raise UnsupportedModel(
                f"projection {q.name!r}: a delay of {int(np.max(q.delay))} steps: SANA-FE holds"
                f" {LONGEST}; lower with longest_delay={LONGEST}"
            )
    neurons = sum(p.size for p in network.populations)
    if neurons > TILES * CORES * PER_CORE:
        raise UnsupportedModel(f"{neurons} neurons: the chip holds {TILES * CORES * PER_CORE}")


def write(
    network: LoihiNetwork, stimulus: Mapping[str, tuple[np.ndarray, np.ndarray]], steps: int,
    folder: Path,
) -> None:  # fmt: skip
    """Write both files; groups are named g0, g1, …: sources first, then populations.

    Raises UnsupportedModel as `check` does, before anything is written.
    """
    check(network)
    given = sum(s.size for s in network.sources)
    (folder / ARCHITECTURE).write_text(chip(given), encoding="ascii")
    lines = ["network:", "  name: bundle", "  groups:"]
    lines += _sources(network, stimulus, steps)
    first = len(network.sources)
    for k, p in enumerate(network.populations, start=first):
        lines += _population(f"g{k}", p)
    lines += ["  edges:", *_edges(network), "mappings:", *_mappings(network)]
    (folder / NETWORK).write_text("\n".join(lines) + "\n", encoding="ascii")


def _sources(
    network: LoihiNetwork, stimulus: Mapping[str, tuple[np.ndarray, np.ndarray]], steps: int
) -> list[str]:
    lines, hardware = [], 0
    for k, s in enumerate(network.sources):
        lines += [f"    - name: g{k}", "      attributes: [log_spikes: true]", "      neurons:"]
        when, which = stimulus.get(s.name, (np.zeros(0, int), np.zeros(0, int)))
        raster = np.zeros((s.size, steps), np.int8)
        raster[which, when] = 1
        for n, row in enumerate(raster):
            spikes = ", ".join(map(str, row.tolist()))
            lines.append(f"        - {n}: [soma_hw_name: 'given[{hardware}]', spikes: [{spikes}]]")
            hardware += 1
    return lines


def _population(name: str, p: LoihiPopulation) -> list[str]:
    lines = [
        f"    - name: {name}",
        "      attributes: [soma_hw_name: lif, dendrite_hw_name: dendrite,"
        " synapse_hw_name: synapse, log_spikes: true, force_dendrite_update: true]",
        "      neurons:",
    ]
    keep, bias = (4096 - p.dv) / 4096, p.bias / 64
    shared = (
        f"threshold: {p.vth}, reset: 0, leak_decay: {keep!r}, input_decay: 0.0, force_update: true"
    )
    edges = np.flatnonzero(np.diff(bias)) + 1
    for low, high in zip([0, *edges], [*edges, p.size], strict=True):
        span = f"{low}" if high - low == 1 else f"{low}..{high - 1}"
        lines.append(f"        - {span}: [soma: {{{shared}, bias: {float(bias[low])!r}}}]")
    return lines


def _edges(network: LoihiNetwork) -> list[str]:
    number = {
        g: f"g{k}"
        for k, g in enumerate(
            [*(s.name for s in network.sources), *(p.name for p in network.populations)]
        )
    }
    lines = []
    for q in network.projections:
        unit = 2.0**q.exponent
        for i, j, w, d in zip(q.i, q.j, q.weight, q.delay, strict=True):
            lines.append(
                f"    - {number[q.pre]}.{i} -> {number[q.post]}.{j}: "
                f"{{weight: {float(w * unit)!r}, delay: {d}}}"
            )
    return lines


def _mappings(network: LoihiNetwork) -> list[str]:
    """Sources on core 0.0; populations fill one core after the other."""
    lines, hardware = [], 0
    for k, s in enumerate(network.sources):
        for n in range(s.size):
            lines.append(f"  - g{k}.{n}: [core: 0.0, soma: 'given[{hardware}]']")
            hardware += 1
    used = hardware
    for k, p in enumerate(network.populations, start=len(network.sources)):
        at = 0
        while at < p.size:
            core, inside = divmod(used, PER_CORE)
            take = min(PER_CORE - inside, p.size - at)
            span = f"{at}" if take == 1 else f"{at}..{at + take - 1}"
            place = f"{core // CORES}.{core % CORES}"
            lines.append(f"  - g{k}.{span}: [core: {place}, soma: lif, dendrite: dendrite]")
            at, used = at + take, used + take
    return lines
