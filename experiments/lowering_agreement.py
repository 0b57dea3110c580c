"""How long do integers compute, spike for spike, what Brian2 computes in float64?

Question: the same network on the same graph, in Brian2 and on the integer kernel: when do they
part, how many spikes are equal before, and do rates and irregularity agree after?
Figure: Vogels & Abbott's balanced network as benchmark 2 of Brette et al. 2007 [brette2007].
Expected: CUBA equal to 10 ms, 99.9 % to 20 ms; chaos after some 50 ms, same rate and CV.
Time: half a minute for 10 000 neurons on the numpy target.
"""

if __name__ != "bioplastic.experiments.lowering_agreement":
    raise ImportError("import bioplastic.experiments.lowering_agreement")

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from brian2 import ms, mV, second

from bioplastic.analysis.horizon import window_agreement
from bioplastic.bridge.agreement import Paired, paired_run
from bioplastic.bridge.door import lower
from bioplastic.config import setting
from bioplastic.description import Network
from bioplastic.networks.balanced import coba, cuba
from bioplastic.result import Panel, Quantity, Result

QUICK = {"size": 400, "probability": 0.1, "duration": 60 * ms}
BACKENDS = ("cpu", "reference")
WINDOW = 5e-3


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which network, and for how long."""

    network: Literal["cuba", "coba"] = setting("cuba", help="currents or conductances")
    size: int = setting(10_000, low=10, high=1_000_000, help="neurons")
    probability: float = setting(0.01, low=0.0, high=1.0, help="of a synapse")
    e_l: Any = setting(-43.5 * mV, low=-80 * mV, high=0 * mV, help="leak reversal of cuba")
    delay: Any = setting(1.5 * ms, low=0.1 * ms, high=100 * ms, help="of every synapse")
    dt: Any = setting(0.1 * ms, low=0.01 * ms, high=1 * ms, help="grid")
    fraction: int = setting(16, low=8, high=24, help="conductances: LSB of v is 2^-fraction mV")
    duration: Any = setting(1 * second, low=1 * ms, high=100 * second, help="of both runs")
    target: Literal["numpy", "cython"] = setting("numpy", help="of Brian2")


def describe(config: Config, *, seed: int) -> Network:
    """The chosen network."""
    kind = {"size": config.size, "probability": config.probability, "delay": config.delay}
    if config.network == "cuba":
        return cuba(**kind, e_l=config.e_l, seed=seed)
    return coba(**kind, seed=seed)


def run(config: Config, *, seed: int, backend: str) -> Result:
    """Both runs, compared."""
    network = describe(config, seed=seed)
    lowered = lower(network, config.dt, seed=seed, fraction=config.fraction)
    found = paired_run(network, lowered, config.duration, target=config.target, backend=backend)
    p, tables = found.horizon.populations[0], lowered.report.tables()
    parts = found.horizon.first
    metrics = {
        **({"first_difference_ms": 1e3 * parts} if np.isfinite(parts) else {}),
        **{f"share_equal_to_{1e3 * h:g}ms": share for h, share in p.equal.items()},
        "rate_brian2_hz": p.rate[0],
        "rate_kernel_hz": p.rate[1],
        "cv_brian2": p.cv[0],
        "cv_kernel": p.cv[1],
        "spikes_brian2": p.spikes[0],
        "spikes_kernel": p.spikes[1],
        "synapses": int(sum(len(q.connectivity) for q in network.projections)),
    }
    when = "never part" if not np.isfinite(parts) else f"part after {1e3 * parts:.1f} ms"
    return Result(
        metrics=metrics,
        headline=(
            f"{network.name}, {config.size:,} neurons: integers and Brian2 {when}; equal to"
            f" 10, 20 and 50 ms: {', '.join(f'{100 * s:.2f} %' for s in p.equal.values())}."
        ),
        sections=[*found.horizon.tables(), _panel(found, float(config.duration)), *tables],
        spikes=found.kernel,
        arrays={"rate": Quantity(values=np.array(p.rate), unit="Hz")},
        network=network.table(),
    )


def _panel(found: Paired, duration: float) -> Panel:
    name = next(iter(found.brian2))
    ends, shared = window_agreement(
        found.brian2[name], found.kernel[name], width=WINDOW, stop=duration
    )

    def draw(figure: Any) -> None:
        from bioplastic.plot import horizon as plot

        plot.horizon(1e3 * ends, shared, figure.subplots())

    return Panel(
        key="parting",
        title="Parting",
        caption="Share of equal spikes in windows of 5 ms. A balanced network is chaotic: one"
        " spike that comes a step later changes all that follow, whatever the precision.",
        draw=draw,
    )
