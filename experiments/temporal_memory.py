"""Can dendritic plateaus learn which element comes next, from sequences that share their middle?

Question: a recurrent network of spiking neurons sees sets of sequences again and again. Structural
plasticity on the dendrites must make the neurons of the next element depolarised, and only those.
Figure: prediction error and sparseness over episodes of Bouhadjar et al. 2022 [bouhadjar2022].
Expected: set I without error after 20-26 episodes, 17-40 of 150 neurons active in the last element.
Time: set I 2 s on the cpu backend (the first use compiles for 20 s), sets II and III 10 s; minutes
on brian2 and reference. Brian2's first run with target=cython compiles for minutes more (cached);
target=numpy needs no compiler.

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

from bioplastic import simulate
from bioplastic.analysis.temporal_memory import active_neurons, plateau_ends, score_predictions
from bioplastic.analysis.temporal_memory_metrics import Run, metrics, table
from bioplastic.config import setting
from bioplastic.description import Network
from bioplastic.kernels import dispatch
from bioplastic.learned import Learned
from bioplastic.learning import handover
from bioplastic.networks import temporal_memory as tm
from bioplastic.provenance import stream
from bioplastic.quantize import lower
from bioplastic.result import Panel, Quantity, Result, SpikeRecord

BACKENDS = ("cpu", "reference", "brian2")
QUICK = {"episodes": 3, "target": "numpy"}
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
    target: Literal["numpy", "cython"] = setting(
        "cython", help="of the brian2 backend; cython compiles for minutes once, numpy never"
    )


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
    p, runs = parameters(config), {}
    runs[seed], learned = _run_one(config, seed, backend)
    for k in range(seed + 1, seed + config.seeds):
        runs[k], _ = _run_one(config, k, backend)
    first = runs[seed]
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
        network=learned.description.table(),
        learned=learned,
    )


def _run_one(config: Config, seed: int, backend: str) -> tuple[Run, Learned]:
    p, network = parameters(config), describe(config, seed=seed)
    spikes, onsets, cpu, learned = _simulate(config, network, seed, backend)
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
    active = active_neurons(excitatory, times, places, group, float(p.delta_t))
    cost = {"model_seconds": float(p.duration), "cpu_seconds": cpu}
    return Run(spikes=spikes, onsets=onsets, score=score, active=active, **cost), learned


def _places(p: tm.Parameters) -> np.ndarray:
    places = np.full((len(p.sequences), max(map(len, p.sequences))), -1)
    for k, sequence in enumerate(p.sequences):
        places[k, : len(sequence)] = [p.symbols.index(c) for c in sequence]
    return places


def _simulate(
    config: Config, network: Network, seed: int, backend: str
) -> tuple[dict[str, SpikeRecord], SpikeRecord, float, Learned]:
    """Spikes, plateau onsets, CPU seconds, and what was learned.

    On integers the seconds are without compilation and lowering; on brian2 they hold everything.
    """
    origin = {
        "experiment": "temporal-memory", "seed": seed, "backend": backend,
        "dt_seconds": float(config.dt),
    }  # fmt: skip
    dt, steps = config.dt, round(float(parameters(config).duration / config.dt))
    if backend == "brian2":
        start = time.process_time()
        done = simulate.run(network, steps * dt, dt=dt, target=config.target)
        cpu = time.process_time() - start
        spikes = {name: r for name, r in done.spikes.items() if "." not in name}
        learned = handover.from_brian2(network, done.final, origin)
        return spikes, done.spikes["excitatory.distal"], cpu, learned
    lowered = lower(network, dt, seed=seed)
    dispatch.run(lowered, 1, backend=backend)  # compiles
    start = time.process_time()
    result = dispatch.run(lowered, steps, backend=backend)
    cpu = time.process_time() - start
    learned = handover.from_kernel(network, lowered, result.state, origin)
    return result.spikes, result.onsets["excitatory.distal"], cpu, learned


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
