"""What does a dendritic branch see that a point neuron does not?

Question: two inputs onto one branch, onto two branches, or onto a point: is the response more than
the sum? In which time window? And does the order matter in which inputs along a branch come?
Figure: within- and between-branch summation of Polsky, Mel & Schiller 2004, figure 3 [polsky2004];
order as in Branco, Clark & Häusser 2010 [branco2010].
Expected: between branches, passively and in the point neuron the response is the sum (to rounding);
within a branch it is more than twice the sum once two inputs pass the threshold that one does not;
inputs from the tip inwards start the plateau and the reverse order does not (potentials 3.1 to 1),
while the point neuron answers both orders with the same potential.
Time: 4 s on brian2 and its import. Every stimulus is a copy of the neurons; one run holds them all.
"""

if __name__ != "bioplastic.experiments.branch_coincidence":
    raise ImportError("import bioplastic.experiments.branch_coincidence")

from dataclasses import dataclass
from typing import Any

import numpy as np
from brian2 import ms, mV, pA
from brian2.units.fundamentalunits import Quantity as BrianQuantity

from bioplastic.config import setting
from bioplastic.description import Network
from bioplastic.networks.branches import PLACES, Stimulus, branch_circuit
from bioplastic.result import Panel, Quantity, Result, SpikeRecord, Table

BACKENDS = ("brian2",)
QUICK = {"strengths": 5, "intervals": 4}
KINDS = ("active", "passive", "point")
START = 5.0  # ms, first input


@dataclass(frozen=True, kw_only=True)
class Config:
    """What can be set."""

    strongest: BrianQuantity = setting(240 * pA, low=10 * pA, high=2000 * pA, help="of one input")
    strengths: int = setting(16, low=2, high=200, help="input strengths")
    paired: BrianQuantity = setting(200 * pA, low=10 * pA, high=2000 * pA, help="for the window")
    longest: BrianQuantity = setting(30 * ms, low=1 * ms, high=100 * ms, help="longest interval")
    intervals: int = setting(15, low=1, high=200, help="intervals on each side of 0")
    stepwise: BrianQuantity = setting(4 * ms, low=0 * ms, high=20 * ms, help="between places")
    sequence: BrianQuantity = setting(52 * pA, low=1 * pA, high=2000 * pA, help="for the order")
    v_plateau: BrianQuantity = setting(12 * mV, low=1 * mV, high=100 * mV, help="event threshold")
    dt: BrianQuantity = setting(0.1 * ms, low=0.01 * ms, high=0.2 * ms, help="time step")


def grids(config: Config) -> tuple[np.ndarray, np.ndarray]:
    """Strengths in pA, and intervals in ms on the grid dt."""
    top, steps = float(config.strongest / pA), round(float(config.longest / config.dt))
    lag = np.rint(np.linspace(-steps, steps, 2 * config.intervals + 1))
    return np.linspace(top / config.strengths, top, config.strengths), lag * float(config.dt / ms)


def stimuli(config: Config) -> tuple[list[Stimulus], dict[str, np.ndarray]]:
    """All rows, and which copies hold which stimulus: alone, within, between, pairs, inward …"""
    rows: list[Stimulus] = []
    copies: dict[str, list[int]] = {}

    def add(name: str, *inputs: tuple[str, float, float]) -> None:
        n = sum(map(len, copies.values()))
        copies.setdefault(name, []).append(n)
        rows.extend(Stimulus(n, site, START + time, weight) for site, time, weight in inputs)

    strengths, intervals = grids(config)
    for w in strengths:
        add("alone", ("left.near", 0, w))
        add("within", ("left.near", 0, w), ("left.near", 0, w))
        add("between", ("left.near", 0, w), ("right.near", 0, w))
    w, latest = float(config.paired / pA), float(config.longest / ms)
    for lag in intervals:
        add("first", ("left.near", latest, w))
        add("second", ("left.near", latest + lag, w))
        add("pair", ("left.near", latest, w), ("left.near", latest + lag, w))
    w, gap = float(config.sequence / pA), float(config.stepwise / ms)
    for name, order in (("outward", list(PLACES)), ("inward", list(PLACES)[::-1])):
        add(name, *((f"left.{place}", k * gap, w) for k, place in enumerate(order)))
    return rows, {name: np.array(ids) for name, ids in copies.items()}


def describe(config: Config, *, seed: int) -> Network:
    """All stimuli as copies of the three neurons; nothing is drawn."""
    rows, _ = stimuli(config)
    size = 1 + max(r.neuron for r in rows)
    return branch_circuit(rows, size=size, v_plateau=config.v_plateau)


def run(config: Config, *, seed: int, backend: str) -> Result:
    """One run; peaks of the somatic potential beside sums of single responses."""
    from bioplastic import simulate

    network, (_, copies) = describe(config, seed=seed), stimuli(config)
    samples = tuple(simulate.Voltages(population=kind, every=config.dt) for kind in KINDS)
    duration = 2 * config.longest + 80 * ms
    done = simulate.run(network, duration, dt=config.dt, record=simulate.Record(voltages=samples))
    v = {kind: 1e3 * done.voltages[kind]["v"] for kind in KINDS}  # (T, N) mV
    times = 1e3 * done.voltages["point"].times
    sums = {kind: _summation(v[kind], copies) for kind in KINDS}
    gain = {kind: _gain(v[kind], copies) for kind in KINDS}
    order = {
        kind: np.stack([x[:, copies["inward"][0]], x[:, copies["outward"][0]]])
        for kind, x in v.items()
    }
    metrics = _metrics(sums, gain, order, config) | _plateaus(done.spikes["active.left"], copies)
    return Result(
        metrics=metrics,
        headline=(
            f"Within one branch two inputs give up to {metrics['largest_gain_within']:.1f} times "
            f"their sum, between branches {metrics['gain_between_before_single_event']:.2f}; the "
            "order from the tip inwards gives "
            f"{metrics['order_ratio_active']:.1f} times the potential of the reverse, "
            f"in the point neuron {metrics['order_ratio_point']:.2f}."
        ),
        sections=[*_panels(sums, gain, order, times, config), _table(metrics)],
        spikes={name: r for name, r in done.spikes.items() if name in ("stimuli", "active.left")},
        arrays={
            "summation_expected": Quantity(values=sums["active"]["within"][0], unit="mV"),
            "summation_within": Quantity(values=sums["active"]["within"][1], unit="mV"),
            "summation_between": Quantity(values=sums["active"]["between"][1], unit="mV"),
            "interval": Quantity(values=grids(config)[1], unit="ms"),
            "window_gain": Quantity(values=gain["active"]),
        },
        network=network.table(),
    )


def _summation(v: np.ndarray, copies: dict[str, np.ndarray]) -> dict[str, Any]:
    """For "within" and "between": (twice the peak of one input, measured peak), each (K,) mV."""
    expected = 2 * v[:, copies["alone"]].max(axis=0)
    return {name: (expected, v[:, copies[name]].max(axis=0)) for name in ("within", "between")}


def _gain(v: np.ndarray, copies: dict[str, np.ndarray]) -> np.ndarray:
    """Peak of the pair over the peak of the summed single traces, for each interval."""
    expected = (v[:, copies["first"]] + v[:, copies["second"]]).max(axis=0)
    gain: np.ndarray = v[:, copies["pair"]].max(axis=0) / expected
    return gain


def _metrics(
    sums: dict[str, Any], gain: dict[str, np.ndarray], order: dict[str, np.ndarray], config: Config
) -> dict[str, float | int]:
    expected, within = sums["active"]["within"]
    between = sums["active"]["between"][1]
    passive = sums["passive"]["within"][0]
    single = expected > passive * (1 + 1e-9)  # one input alone passes the threshold
    quiet = ~single
    _, intervals = grids(config)
    open_ = intervals[gain["active"] > 1.05]
    ratio = {kind: float(x[0].max() / x[1].max()) for kind, x in order.items()}
    linear = [sums[k][s][1] / sums[k][s][0] - 1 for k in KINDS[1:] for s in ("within", "between")]
    return {
        "largest_gain_within": float((within / expected).max()),
        "gain_between_before_single_event": float((between / expected)[quiet].max()),
        "largest_deviation_from_sum_passive_and_point": float(np.abs(np.array(linear)).max()),
        "threshold_sum_mv": float(expected[within > expected * 1.05].min(initial=np.inf)),
        "coincidence_window_ms": float(np.ptp(open_)) if len(open_) else 0.0,
        **{f"order_ratio_{kind}": value for kind, value in ratio.items()},
    }


def _plateaus(events: SpikeRecord, copies: dict[str, np.ndarray]) -> dict[str, int]:
    count = np.bincount(events.ids, minlength=events.size)
    return {f"plateaus_{name}": int(count[copies[name]].sum()) for name in ("inward", "outward")}


def _panels(
    sums: dict[str, Any],
    gain: dict[str, np.ndarray],
    order: dict[str, np.ndarray],
    times: np.ndarray,
    config: Config,
) -> list[Panel]:
    from bioplastic.plot import coincidence as plot

    point = sums["point"]["within"]  # without a branch on the way it is larger: shown in part
    curves = {
        "one branch": sums["active"]["within"],
        "two branches": sums["active"]["between"],
        "point neuron": tuple(x[x <= np.max(sums["active"]["within"])] for x in point),
    }
    early = times < 100
    traces = {kind: x[:, early] for kind, x in order.items()}

    def summation(figure: Any) -> None:
        plot.summation(curves, figure.subplots())

    def window(figure: Any) -> None:
        plot.window(grids(config)[1], gain, figure.subplots())

    def sequences(figure: Any) -> None:
        plot.sequences(times[early], traces, figure.subplots())

    return [
        Panel(
            key="summation",
            title="Summation",
            caption="Two inputs together against the sum of each alone. Dashed: the sum itself.",
            draw=summation,
            size=(5.4, 3.4),
        ),
        Panel(
            key="window",
            title="Coincidence window",
            caption="Two inputs to the same place at a growing interval; 1 is the linear sum.",
            draw=window,
            size=(7.2, 2.8),
        ),
        Panel(
            key="order",
            title="Order",
            caption="The same four inputs: from the tip inwards (solid), and outwards (dashed).",
            draw=sequences,
            size=(7.2, 2.8),
        ),
    ]


def _table(metrics: dict[str, float | int]) -> Table:
    return Table(
        key="found",
        title="What was found",
        caption="Peaks of the somatic potential; each order has the same inputs.",
        columns=("neuron", "inward / outward"),
        rows=[(kind, round(metrics[f"order_ratio_{kind}"], 3)) for kind in KINDS],
    )
