"""Is the STDP that runs the STDP that is written down?

Question: how does a synapse change with the lag between its two spikes, and over whole trains?
Figure: the exponential window of Song, Miller & Abbott 2000, figure 1 [song2000].
Expected: equal to the closed form within 1e-12 of w_max on brian2; on the integer backends, where a
weight has 7 bits and is rounded stochastically, the mean of 400 synapses within 3e-3 of w_max.
Time: below 10 s on brian2 with its import; about 1 s on cpu once compiled. One run, many synapses.

Each lag has its own synapse; so has each pair of drawn trains. Post neurons are forced to spike.
"""

if __name__ != "bioplastic.experiments.stdp_window":
    raise ImportError("import bioplastic.experiments.stdp_window")

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import ms, pA, second
from brian2.units.fundamentalunits import Quantity as BrianQuantity

from bioplastic.config import setting
from bioplastic.description import Network, PairSTDP, SpikeTrain
from bioplastic.learned import Learned
from bioplastic.networks.stdp_pair import stdp_pair
from bioplastic.provenance import stream
from bioplastic.result import Panel, Quantity, Result, Table
from bioplastic.theory import stdp

BACKENDS = ("brian2", "cpu", "reference")
QUICK = {"lags": 5, "trains": 4}
W_0 = 0.5


@dataclass(frozen=True, kw_only=True)
class Config:
    """What can be set."""

    tau_plus: BrianQuantity = setting(17 * ms, low=0.5 * ms, high=100 * ms, help="pre before post")
    tau_minus: BrianQuantity = setting(34 * ms, low=0.5 * ms, high=100 * ms, help="post before pre")
    a_plus: float = setting(0.04, low=0.0, high=0.1, help="largest potentiation, of w_max")
    a_minus: float = setting(0.02, low=0.0, high=0.1, help="largest depression, of w_max")
    longest: BrianQuantity = setting(80 * ms, low=5 * ms, high=500 * ms, help="longest lag")
    lags: int = setting(40, low=1, high=400, help="lags on each side of 0")
    trains: int = setting(40, low=1, high=1000, help="pairs of drawn trains")
    repeats: int = setting(0, low=0, help="synapses of each kind; 0: 1 on brian2, 400 on integers")
    dt: BrianQuantity = setting(0.1 * ms, low=0.01 * ms, high=1 * ms, help="time step")


def rule(config: Config) -> PairSTDP:
    """The rule under test."""
    return PairSTDP(
        w_max=1 * pA,
        tau_plus=config.tau_plus,
        tau_minus=config.tau_minus,
        a_plus=config.a_plus,
        a_minus=config.a_minus,
    )


def steps(config: Config, seed: int) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Arrivals and post spikes of every synapse, in steps: lags from −longest on, then trains.

    Coincidence is the lag 0, and happens inside the trains too.
    """
    longest = round(float(config.longest / config.dt))
    lag = np.rint(np.linspace(-longest, longest, 2 * config.lags + 1)).astype(int)
    centre, rng = longest + 10, stream(seed, "stdp window", "trains")
    pre = [np.array([centre - d // 2]) for d in lag]
    post = [p + d for p, d in zip(pre, lag, strict=True)]
    for _ in range(config.trains):
        ends = [np.sort(rng.choice(np.arange(10, 2 * centre), 6, replace=False)) for _ in range(2)]
        ends[1][3] = ends[0][3] if ends[0][3] not in ends[1] else ends[1][3]
        pre.append(ends[0])
        post.append(np.unique(ends[1]))
    return pre, post


def describe(config: Config, *, seed: int, repeats: int = 1) -> Network:
    """All synapses in one network."""
    pre, post = steps(config, seed)
    return stdp_pair(
        _train([p - 1 for p in pre] * repeats, config.dt),
        _train(post * repeats, config.dt),
        size=len(pre) * repeats,
        rule=rule(config),
        weight=W_0 * pA,
        dt=config.dt,
    )


def run(config: Config, *, seed: int, backend: str) -> Result:
    """One run, then measured changes beside the closed form."""
    pre, post = steps(config, seed)
    repeats = config.repeats or (1 if backend == "brian2" else 400)
    network = describe(config, seed=seed, repeats=repeats)
    duration = (2 * round(float(config.longest / config.dt)) + 40) * config.dt
    changes = _changes(network, duration, config.dt, backend, seed)
    change = changes.reshape(repeats, -1).mean(0)
    law, n = rule(config), 2 * config.lags + 1
    lag = np.array([b[0] - a[0] for a, b in zip(pre[:n], post[:n], strict=True)])
    sums = zip(pre, post, strict=True)
    want = np.array([stdp.pair_sum(law, a * config.dt, b * config.dt) for a, b in sums])
    error = np.abs(change - want)
    ms_lag = lag * float(config.dt / ms)
    return Result(
        metrics={
            "max_abs_error_of_w_max": float(error.max()),
            "max_abs_error_window_of_w_max": float(error[:n].max()),
            "max_abs_error_trains_of_w_max": float(error[n:].max()),
            "change_at_coincidence_of_w_max": float(change[config.lags]),
            "synapses": len(change) * repeats,
            "spike_pairs": int(sum(len(a) * len(b) for a, b in zip(pre, post, strict=True))),
        },
        headline=(
            f"{n} lags and {config.trains} trains follow the closed form; "
            f"the largest difference is {error.max():.1e} of w_max."
        ),
        sections=[
            *_panels(ms_lag, 100 * change, 100 * want),
            _table(law),
        ],
        arrays={
            "lag": Quantity(values=ms_lag, unit="ms"),
            "change": Quantity(values=change),
            "closed_form": Quantity(values=want),
        },
        network=network.table(),
        learned=Learned(
            network,
            {"plastic/weight": (W_0 + changes) * pA},
            {"experiment": "stdp-window", "seed": seed, "dt_seconds": float(config.dt / second)},
        ),
    )


def _changes(network: Network, duration: Any, dt: Any, backend: str, seed: int) -> np.ndarray:
    """Change of every synapse in units of w_max."""
    if backend == "brian2":
        from bioplastic import simulate

        weight = simulate.run(network, duration, dt=dt).final.weight("plastic")
        return weight / float(1 * pA) - W_0
    from bioplastic.kernels import dispatch
    from bioplastic.quantize import lower

    lowered = lower(network, dt, seed=seed)
    projection = next(q for q in lowered.projections if q.name == "plastic")
    before = projection.weight.astype(int)
    after = dispatch.run(lowered, round(float(duration / dt)), backend=backend).state.arrays
    change = np.empty(len(before))
    change[projection.order] = (after["plastic/weight"].astype(int) - before) / 127
    return change


def _train(rows: list[np.ndarray], dt: Any) -> SpikeTrain:
    ids = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    return SpikeTrain(i=ids, t=np.concatenate(rows) * dt)


def _panels(lags: np.ndarray, change: np.ndarray, want: np.ndarray) -> list[Panel]:
    from bioplastic.plot import stdp_window as plot

    n = len(lags)

    def window(figure: Any) -> None:
        plot.stdp_window(lags, change[:n], want[:n], figure.subplots())

    def trains(figure: Any) -> None:
        plot.train_changes(change[n:], want[n:], figure.subplots())

    return [
        Panel(
            key="window",
            title="STDP window",
            caption="A dot is one lag: two spikes, one synapse. The line is the closed form.",
            draw=window,
        ),
        Panel(
            key="trains",
            title="Whole trains",
            caption="A dot is a pair of trains of six spikes, every pair of spikes counted.",
            draw=trains,
            size=(3.6, 3.2),
        ),
    ]


def _table(law: PairSTDP) -> Table:
    rows = [
        ("pre before post", f"{law.tau_plus / ms:g}", law.a_plus),
        ("post before pre", f"{law.tau_minus / ms:g}", -law.a_minus),
        ("same step", "", 0.0),
    ]
    return Table(
        key="rule",
        title="The rule",
        caption="Amplitudes in units of w_max; an arrival and a post spike in one step do nothing.",
        columns=("order", "time constant, ms", "amplitude"),
        rows=rows,
    )
