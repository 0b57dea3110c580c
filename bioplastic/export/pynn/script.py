"""A PyNN script, in the dialect of sPyNNaker 7, that builds a network from the arrays beside it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from bioplastic.export.pynn import network as pynn_network
from bioplastic.export.pynn.network import PynnNetwork, PynnPopulation, PynnRule
from bioplastic.export.pynn.rows import per_core

SCRIPT = "network_pynn.py"

_HEAD = '''\
"""{title}, for sPyNNaker 7 (PyNN 0.13).

Run it with: python {script}. It needs a SpiNNaker board, named in spynnaker.cfg, and writes the
spikes of every population to spikes.npz. Weights, delays and stimulus are in {arrays}.
"""

from pathlib import Path

import numpy as np

HERE = Path(__file__).parent
TIMESTEP = {timestep!r}  # ms
STEPS = {steps}


def build(sim):
    """Build populations and projections with `sim`, after sim.setup; return them by name."""
    with np.load(HERE / {arrays!r}, allow_pickle=False) as stored:
        arrays = {{name: stored[name] for name in stored.files}}
    groups, links = {{}}, {{}}

    def source(name, k, size):
        steps, ids = arrays[f"source/{{k}}/steps"], arrays[f"source/{{k}}/ids"]
        times = [[] for _ in range(size)]
        for step, number in zip(steps.tolist(), ids.tolist()):
            times[number].append(step * TIMESTEP)
        groups[name] = sim.Population(size, sim.SpikeSourceArray(spike_times=times), label=name)

    def connect(name, k, pre, post, receptor, synapse):
        part = [arrays[f"projection/{{k}}/{{x}}"] for x in ("i", "j", "weight", "delay")]
        rows = np.column_stack([*part[:3], part[3] * TIMESTEP])
        # sPyNNaker 7.4.1 drops synapses of a list that is not sorted by source and target
        rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
        links[name] = sim.Projection(
            groups[pre], groups[post], sim.FromListConnector(rows), synapse_type=synapse,
            receptor_type=receptor, label=name,
        )

'''
_TAIL = '''\
    return groups, links


def main():
    """Run the stimulus and store what came out."""
    import pyNN.spiNNaker as sim

    sim.setup(timestep=TIMESTEP)
    groups, _ = build(sim)
    for name in {recorded!r}:
        groups[name].record("spikes")
    sim.run(STEPS * TIMESTEP)
    found = {{}}
    for name in {recorded!r}:
        trains = groups[name].get_data("spikes").segments[0].spiketrains
        found[name] = np.array(
            [(round(float(t) / TIMESTEP), n) for n, train in enumerate(trains) for t in train]
        ).reshape(-1, 2)
    np.savez("spikes.npz", **found)
    sim.end()


if __name__ == "__main__":
    main()
'''


def write(network: PynnNetwork, folder: Path) -> None:
    """Write the script and its arrays into a folder that exists."""
    pynn_network.write(network, folder)
    (folder / SCRIPT).write_text(text(network), encoding="utf-8")


def text(network: PynnNetwork) -> str:
    """The script."""
    title = network.name.replace('"', "'").replace("\\", "/")
    lines = [
        _HEAD.format(
            title=title, script=SCRIPT, arrays=pynn_network.ARRAYS, steps=network.steps,
            timestep=float(network.timestep),
        )
    ]  # fmt: skip
    lines += [f"    source({s.name!r}, {k}, {s.size})\n" for k, s in enumerate(network.sources)]
    lines += [_population(k, p, per_core(network, p)) for k, p in enumerate(network.populations)]
    for k, q in enumerate(network.projections):
        synapse = "None" if q.rule is None else _mechanism(q.rule)
        lines.append(
            f"    connect({q.name!r}, {k}, {q.pre!r}, {q.post!r}, {q.receptor!r}, {synapse})\n"
        )
    lines.append(_TAIL.format(recorded=[p.name for p in network.populations]))
    return "".join(lines)


def _population(k: int, p: PynnPopulation, most: int) -> str:
    given = ", ".join(
        f"{name}={float(value)!r}" if np.ndim(value) == 0
        else f'{name}=arrays["population/{k}/{name}"]'
        for name, value in sorted(p.parameters.items())
    )  # fmt: skip
    more = ""
    if p.most is not None:
        more = (
            f"\n        additional_parameters={{'max_expected_summed_weight': {list(p.most)!r}}},"
        )
    return (
        f"    groups[{p.name!r}] = sim.Population(\n"
        f"        {p.size}, sim.{p.model}({given}),\n"
        f"        label={p.name!r},{more}\n    )\n"
        f"    groups[{p.name!r}].set_max_atoms_per_core({most})\n"
        f"    groups[{p.name!r}].initialize(v={float(p.parameters['v_rest'])!r})\n"
    )


def _mechanism(rule: PynnRule) -> str:
    def call(name: str, arguments: dict[str, float]) -> str:
        inside = ", ".join(f"{k}={v!r}" for k, v in sorted(arguments.items()))
        return f"sim.{name}({inside})"

    return (
        f"sim.STDPMechanism(timing_dependence={call(rule.timing, dict(rule.timing_args))},"
        f" weight_dependence={call(rule.weight, dict(rule.weight_args))}, backprop_delay=False)"
    )
