"""Can dendritic plateaus learn which element comes next, from sequences that share their middle?

Question: a recurrent network of spiking neurons sees sets of sequences again and again. Structural
plasticity on the dendrites must make the neurons of the next element depolarised, and only those.
Figure: prediction error and sparseness over episodes of Bouhadjar et al. 2022 [bouhadjar2022].
Expected: set I without error after 20-26 episodes, 17-40 of 150 neurons active in the last element.
Time: set I 2 s on the cpu backend (the first use compiles for 20 s), sets II and III 10 s; minutes
on brian2 and reference.

A metric of several seeds also stands for each as NAME_seed<k>; without suffix it is the mean, but
for the episodes the largest, and −1 (never) if any seed says so.
"""

if __name__ != "bioplastic.experiments.temporal_memory":
    raise ImportError("import bioplastic.experiments.temporal_memory")

import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from brian2 import ms
from brian2.units.fundamentalunits import Quantity as BrianQuantity

from bioplastic.analysis.temporal_memory import active_neurons, plateau_ends, score_predictions
from bioplastic.analysis.temporal_memory_metrics import Run, metrics, table
from bioplastic.config import setting
from bioplastic.description import Network
from bioplastic.networks import temporal_memory as tm
from bioplastic.provenance import stream
from bioplastic.result import Panel, Quantity, Result, SpikeRecord

BACKENDS = ("cpu", "reference", "brian2")
QUICK = {"episodes": 3}
PROBE = 8 * ms  # after the last element but one


@dataclass(frozen=True, kw_only=True)
class Config:
    """What can be set."""

    task: Literal["I", "II", "III", "IV", "V"] = setting("I", help="set of sequences")
    seeds: int = setting(1, low=1, high=100, help="networks, of seed, seed + 1, …")
    episodes: int = setting(86, low=1, help="presentations of the whole set")
    homeostasis: bool = setting(True, help="control of the plateau rate")
    delta_t: BrianQuantity = setting(40 * ms, low=1 * ms, high=1000 * ms, help="between elements")
    dt: BrianQuantity = setting(0.1 * ms, low=0.01 * ms, high=1 * ms, help="time step")


def parameters(config: Config) -> tm.Parameters:
    """Parameters of the network and of its input."""
    return tm.parameters(
        config.task,
        episodes=config.episodes,
        homeostasis=config.homeostasis,
        delta_t=config.delta_t,
    )


def describe(config: Config, *, seed: int) -> Network:
    """The network of one seed."""
    return tm.temporal_memory(parameters(config), stream(seed, "temporal memory"))


def run(config: Config, *, seed: int, backend: str) -> Result:
    """Run every seed, score the predictions, draw the figures."""
    runs = {k: _run_one(config, k, backend) for k in range(seed, seed + config.seeds)}
    first, p = runs[seed], parameters(config)
    zero = [r.score.first_zero for r in runs.values()]
    return Result(
        metrics=metrics(runs),
        headline=(
            f"Set {config.task}: {sum(r.score.error[-1] == 0 for r in runs.values())} of "
            f"{len(runs)} networks end without prediction error; first without error after "
            f"{', '.join('never' if z < 0 else str(z) for z in zero)} episodes."
        ),
        sections=[*_panels(runs, first, p), table(runs)],
        spikes=first.spikes,
        arrays={
            "prediction_error": Quantity(values=np.array([r.score.error for r in runs.values()])),
            "active_neurons": Quantity(values=np.array([r.active for r in runs.values()])),
        },
        network=describe(config, seed=seed).table(),
    )


def _run_one(config: Config, seed: int, backend: str) -> Run:
    p, network = parameters(config), describe(config, seed=seed)
    steps = round(float(p.duration / config.dt))
    spikes, onsets, cpu = _simulate(network, steps, config.dt, seed, backend)
    times, group = network.notes["element_times"], network.notes["group"]
    places = _places(p)
    excitatory = spikes["excitatory"]
    score = score_predictions(
        onsets,
        excitatory,
        times=times,
        last_group=np.array([row[row >= 0][-1] for row in places]),
        group=group,
        duration=float(p.plateau_duration),
        probe=float(PROBE),
        enough=p.winners // 2,
    )
    return Run(
        spikes=spikes,
        onsets=onsets,
        score=score,
        active=active_neurons(excitatory, times, places, group, float(p.delta_t)),
        model_seconds=float(p.duration),
        cpu_seconds=cpu,
    )


def _places(p: tm.Parameters) -> np.ndarray:
    places = np.full((len(p.sequences), max(map(len, p.sequences))), -1)
    for k, sequence in enumerate(p.sequences):
        places[k, : len(sequence)] = [p.symbols.index(c) for c in sequence]
    return places


def _simulate(
    network: Network, steps: int, dt: Any, seed: int, backend: str
) -> tuple[dict[str, SpikeRecord], SpikeRecord, float]:
    """Spikes, plateau onsets, and CPU seconds without compilation and lowering."""
    if backend == "brian2":
        from bioplastic import simulate

        start = time.process_time()
        done = simulate.run(network, steps * dt, dt=dt)
        cpu = time.process_time() - start
        spikes = {name: r for name, r in done.spikes.items() if "." not in name}
        return spikes, done.spikes["excitatory.distal"], cpu
    from bioplastic.kernels import dispatch
    from bioplastic.quantize import lower

    lowered = lower(network, dt, seed=seed)
    dispatch.run(lowered, 1, backend=backend)  # compiles
    start = time.process_time()
    result = dispatch.run(lowered, steps, backend=backend)
    return result.spikes, result.onsets["excitatory.distal"], time.process_time() - start


def _panels(runs: dict[int, Run], first: Run, p: tm.Parameters) -> list[Panel]:
    from bioplastic.plot import temporal_memory as plot

    errors = {f"seed {k}": r.score.error for k, r in runs.items()}

    def error(figure: Any) -> None:
        plot.prediction_error(errors, figure.subplots())

    def active(figure: Any) -> None:
        plot.active_neurons(first.active, p.sequences, figure.subplots(), size=p.neurons)

    def raster(figure: Any) -> None:
        _draw_last(first, p, figure.subplots())

    return [
        Panel(
            key="error",
            title="Prediction error",
            caption="Mean over sequences of sqrt(FP + FN) for the last element, one line a seed.",
            draw=error,
        ),
        Panel(
            key="active",
            title="Sparseness",
            caption="Neurons that answer each place of the sequences (mean and range).",
            draw=active,
        ),
        Panel(
            key="raster",
            title="Last presentation",
            caption="A bar is a plateau: the neuron is predicted. Letters above are the input.",
            draw=raster,
            size=(7.2, 4.6),
        ),
    ]


def _draw_last(r: Run, p: tm.Parameters, ax: Any) -> None:
    """Draw the last presentation of the whole set."""
    from bioplastic.plot import temporal_memory as plot

    spikes = r.spikes["excitatory"]
    times, margin = tm.schedule(p)[1][-1], float(p.delta_t)
    plot.presentation(
        spikes,
        r.onsets,
        plateau_ends(r.onsets, spikes, round(float(p.plateau_duration) / spikes.dt)),
        ax,
        window=(float(np.nanmin(times)) - margin, float(np.nanmax(times)) + margin),
        labels=p.symbols,
        elements=[
            (float(t), symbol)
            for sequence, row in zip(p.sequences, times, strict=True)
            for t, symbol in zip(row, sequence, strict=False)
        ],
    )
