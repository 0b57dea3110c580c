"""Does the strongest input win, and how much noise may there be?

Question: ten neurons compete; inputs are spikes, a stronger input is an earlier one. How often do
the inputs that lead win, under an ideal competition and under one spiking inhibitory neuron, for
one winner and for several?
Figure: psychometric curves in the manner of Maass 2000 [maass2000]; latency code as in Thorpe,
Delorme & Van Rullen 2001 [thorpe2001]; the spiking form is that of Bouhadjar et al. 2022.
Expected: the share of strong inputs among the winners is the closed form of a race between normal
arrival times (bioplastic.theory.race): within 4 standard errors of 200 trials, for all of them.
Time: 10 s on cpu (200 trials a point; the first use compiles), a minute on brian2 (20 trials).
"""

if __name__ != "bioplastic.experiments.wta_competition":
    raise ImportError("import bioplastic.experiments.wta_competition")

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import ms
from brian2.units.fundamentalunits import Quantity as BrianQuantity

from bioplastic.config import setting
from bioplastic.description import Network, SpikeTrain
from bioplastic.networks.wta import hard_wta, latency_trials, spiking_wta
from bioplastic.provenance import stream
from bioplastic.result import Panel, Quantity, Result, SpikeRecord, Table
from bioplastic.theory.race import share_of_strong

BACKENDS = ("cpu", "reference", "brian2")
QUICK = {"trials": 4, "leads": (0.0, 2.0), "jitters": (1.0,)}


@dataclass(frozen=True, kw_only=True)
class Config:
    """What can be set."""

    size: int = setting(10, low=2, high=1000, help="neurons that compete")
    k: int = setting(3, low=1, help="winners of the k-winner competitions")
    leads: tuple[float, ...] = setting((0.0, 0.5, 1.0, 2.0, 4.0), help="leads of the strong, ms")
    jitters: tuple[float, ...] = setting((0.5, 1.0, 2.0), help="standard deviations, ms")
    trials: int = setting(0, low=0, help="trials a point; 0: 200 on integers, 20 on brian2")
    delay: BrianQuantity = setting(0.1 * ms, low=0 * ms, high=5 * ms, help="of spiking inhibition")
    period: BrianQuantity = setting(20 * ms, low=20 * ms, high=200 * ms, help="one trial")
    dt: BrianQuantity = setting(0.1 * ms, low=0.01 * ms, high=0.2 * ms, help="time step")


@dataclass(frozen=True, kw_only=True, eq=False)
class Competition:
    """One kind of competition over all conditions: shares and counts (J, K)."""

    title: str
    k: int
    share: np.ndarray
    expected: np.ndarray
    count: np.ndarray


def inputs(config: Config, k: int, trials: int, seed: int) -> tuple[SpikeTrain, np.ndarray]:
    """All trials of all conditions one after the other, and their strong channels (J, K, T, k)."""
    ids, times, strong, start = [], [], [], 0
    for jitter in config.jitters:
        for lead in config.leads:
            rng = stream(seed, "wta competition", f"k {k}", f"lead {lead:g}", f"jitter {jitter:g}")
            train, which = latency_trials(
                rng,
                size=config.size,
                k=k,
                trials=trials,
                period=config.period,
                lead=lead * ms,
                jitter=jitter * ms,
                start=start,
            )
            ids.append(train.i)
            times.append(np.asarray(train.t / ms))
            strong.append(which)
            start += trials
    shape = (len(config.jitters), len(config.leads), trials, k)
    train = SpikeTrain(i=np.concatenate(ids), t=np.concatenate(times) * ms)
    return train, np.array(strong).reshape(shape)


def describe(config: Config, *, seed: int) -> Network:
    """The spiking k-winner competition, one trial of each condition."""
    train, _ = inputs(config, config.k, 1, seed)
    return spiking_wta(
        train, size=config.size, k=config.k, period=config.period, delay=config.delay
    )


def run(config: Config, *, seed: int, backend: str) -> Result:
    """Four competitions on the same kind of input: hard and spiking, one winner and k."""
    trials = config.trials or (20 if backend == "brian2" else 200)
    found, spikes = [], {}
    for k in dict.fromkeys((1, min(config.k, config.size))):
        train, strong = inputs(config, k, trials, seed)
        common = {"size": config.size, "k": k, "period": config.period}
        for title, network in (
            (f"hard, {k} of {config.size}", hard_wta(train, **common)),
            (f"spiking, {k} of {config.size}", spiking_wta(train, delay=config.delay, **common)),
        ):
            spikes = _simulate(network, strong[..., 0].size * config.period, config.dt, backend)
            found.append(_measure(title, k, spikes["excitatory"], strong, config))
    error = {c.title: _standard_errors(c, trials) for c in found}
    return Result(
        metrics=_metrics(found, error, config) | {"trials_per_point": trials},
        headline=(
            f"Over {trials} trials a point the inputs that lead win as often as a race of arrival "
            f"times says, at most {max(error.values()):.1f} standard errors away."
        ),
        sections=[
            *(_panel(c, config, trials) for c in found),
            _answering(found, config),
            _table(found),
        ],
        spikes=spikes,
        arrays={
            "share": Quantity(values=np.array([c.share for c in found])),
            "closed_form": Quantity(values=np.array([c.expected for c in found])),
            "leads": Quantity(values=np.array(config.leads), unit="ms"),
            "jitters": Quantity(values=np.array(config.jitters), unit="ms"),
        },
        network=describe(config, seed=seed).table(),
    )


def _simulate(network: Network, duration: Any, dt: Any, backend: str) -> dict[str, SpikeRecord]:
    if backend == "brian2":
        from bioplastic import simulate

        return simulate.run(network, duration, dt=dt).spikes
    from bioplastic.kernels import dispatch
    from bioplastic.quantize import lower

    return dispatch.run(lower(network, dt), round(float(duration / dt)), backend=backend).spikes


def _measure(
    title: str, k: int, spikes: SpikeRecord, strong: np.ndarray, config: Config
) -> Competition:
    """First k neurons of each trial against the strong ones; the rest only counts as answering."""
    shape = strong.shape[:2]
    trial = spikes.steps // round(float(config.period / config.dt))
    edges = np.searchsorted(trial, np.arange(strong[..., 0].size + 1))
    right, count = np.zeros(strong[..., 0].size), np.zeros(strong[..., 0].size)
    for n, which in enumerate(strong.reshape(-1, k)):
        ids = spikes.ids[edges[n] : edges[n + 1]]
        first = np.array(list(dict.fromkeys(ids.tolist())))
        right[n], count[n] = np.isin(first[:k], which).sum() / k, len(first)
    expected = [
        [share_of_strong(config.size, k, a, j) for a in config.leads] for j in config.jitters
    ]
    return Competition(
        title=title,
        k=k,
        share=right.reshape(*shape, -1).mean(-1),
        expected=np.array(expected),
        count=count.reshape(*shape, -1).mean(-1),
    )


def _standard_errors(c: Competition, trials: int) -> float:
    """Largest |measured − expected| in standard errors of `trials` independent trials."""
    deviation = np.sqrt(np.maximum(c.expected * (1 - c.expected), 1 / trials) / trials)
    return float(np.max(np.abs(c.share - c.expected) / deviation))


def _metrics(
    found: list[Competition], error: dict[str, float], config: Config
) -> dict[str, float | int]:
    metrics: dict[str, float | int] = {}
    for c in found:
        name = f"{c.title.split(',')[0]}_k{c.k}"
        metrics[f"{name}_largest_deviation_standard_errors"] = error[c.title]
        metrics[f"{name}_mean_abs_deviation"] = float(np.abs(c.share - c.expected).mean())
        metrics[f"{name}_share_at_largest_lead"] = float(c.share[0, -1])
        metrics[f"{name}_neurons_per_trial"] = float(c.count.mean())
    return metrics | {"chance_k1": 1 / config.size}


def _panel(c: Competition, config: Config, trials: int) -> Panel:
    from bioplastic.plot import competition

    measured = dict(zip(config.jitters, c.share, strict=True))
    fine = np.linspace(min(config.leads), max(config.leads), 41)
    expected = {
        j: (fine, np.array([share_of_strong(config.size, c.k, x, j) for x in fine]))
        for j in config.jitters
    }
    leads, chance = np.array(config.leads), c.k / config.size

    def draw(figure: Any) -> None:
        ax = figure.subplots()
        competition.selection(leads, measured, expected, ax, chance=chance, trials=trials)

    return Panel(
        key=c.title.replace(", ", "-").replace(" ", "-"),
        title=f"Competition: {c.title}",
        caption="Dots: trials, with their standard error. Lines: closed form. Dashed: chance.",
        draw=draw,
        size=(5.0, 2.9),
    )


def _answering(found: list[Competition], config: Config) -> Panel:
    from bioplastic.plot import competition

    counts = {c.title: c.count.mean(axis=1) for c in found}

    def draw(figure: Any) -> None:
        competition.answering(np.array(config.jitters), counts, figure.subplots())

    return Panel(
        key="answering",
        title="Neurons that slip through",
        caption="Spiking inhibition comes late for inputs that are almost as early as the winners.",
        draw=draw,
        size=(7.2, 2.6),
    )


def _table(found: list[Competition]) -> Table:
    return Table(
        key="competitions",
        title="Competitions",
        caption="Means over all leads and jitters.",
        columns=("competition", "strong among winners", "closed form", "neurons per trial"),
        rows=[
            (c.title, *(round(float(x.mean()), 3) for x in (c.share, c.expected, c.count)))
            for c in found
        ],
    )
