"""Does the integer kernel do what Brian2 does, and where do they part?

Dendritic attention on a text, in Brian2 (float64) and on the `cpu` circuit kernel (int8 weights,
potentials in Q17): same network, same Philox noise, same dithers. A difference is never bad luck,
it has a cause that can be measured, and the report says which.
Expected: at the default settings equal in every key, winner, weight and spike; with a rate that is
no whole number of LSB (rate=0.0078), or weights off the grid (continuous=on), first differences.
Time: 500 symbols 1 to 2 minutes on the numpy target, nearly all of it Brian2.
"""

if __name__ != "bioplastic.experiments.attention_agreement":
    raise ImportError("import bioplastic.experiments.attention_agreement")

import time
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from brian2 import ms

from bioplastic import provenance
from bioplastic.config import setting
from bioplastic.description import FastState, Network, SymbolSchedule
from bioplastic.learning import corpus
from bioplastic.learning.agreement import kernel_run, potential_bound
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention
from bioplastic.result import Note, Panel, Quantity, Result, Table
from bioplastic.simulate import attention
from bioplastic.simulate.attention_compare import Agreement, compare
from bioplastic.simulate.attention_learning import GRID
from bioplastic.simulate.attention_result import AttentionRun

BACKENDS = ("brian2",)
QUICK = {"symbols": 24, "order": 2}
DT = 0.5 * ms
CYCLES = 4  # shown in the rasters


@dataclass(frozen=True, kw_only=True)
class Config:
    """What both executors run."""

    corpus: str = setting("kjv", help="kjv, alice29, or the path of a file")
    symbols: int = setting(500, low=4, high=5000, help="how many symbols of it, one a cycle")
    order: int = setting(7, low=0, high=12, help="longest context in symbols")
    rate: float = setting(1 / 128, low=0.0, high=0.1, help="of the fast states' worth, nats/spike")
    continuous: bool = setting(False, help="weights in Brian2 off the grid of 1/64 nat")
    shuffled: bool = setting(False, help="each symbol at a random time of its own cycle")
    target: Literal["numpy", "cython"] = setting(
        "numpy", help="of Brian2; the first use of cython compiles for minutes"
    )


def describe(config: Config, *, seed: int) -> Network:
    """The network of sequence-prediction, with a pool as large as the text is long."""
    stream = corpus.load(config.corpus, symbols=config.symbols)
    schedule = SymbolSchedule(symbols=stream.symbols, size=stream.alphabet_size)
    if config.shuffled:
        schedule = schedule.shuffled(provenance.stream(seed, "shuffle"), DT)
    base = Parameters()
    stdp = replace(base.stdp, fast=FastState(rate=config.rate))
    parameters = replace(base, order=config.order, pool=len(stream), stdp=stdp)
    return dendritic_attention(schedule, parameters, labels=stream.glyphs)


def run(config: Config, *, seed: int, backend: str) -> Result:
    """Both runs, then what they share."""
    network = describe(config, seed=seed)
    key = int(provenance.seed_tree(seed).child("circuit").key()) & 0xFFFFFFFF
    grid, start = None if config.continuous else GRID, time.process_time()
    ours = attention.run(network, dt=DT, seed=key, grid=grid, target=config.target)
    seconds = time.process_time() - start
    theirs = kernel_run(network, dt=DT, seed=key)
    found = compare(ours, theirs)
    apart = np.abs(ours.potentials - theirs.potentials).max(axis=1)
    bound = potential_bound(network, len(apart))
    return Result(
        metrics=_metrics(found, seconds),
        headline=_headline(found),
        sections=[
            Note(
                key="parting", title="Where they part, and why", text=_cause(found, config, bound)
            ),
            _table(found, ours, theirs),
            _difference(found, apart, bound),
            _rasters(network, ours, theirs),
        ],
        spikes=ours.spikes,
        arrays={
            "potential_difference": Quantity(values=apart, unit="nat"),
            "potential_bound": Quantity(values=bound, unit="nat"),
        },
        network=network.table(),
    )


def _metrics(found: Agreement, seconds: float) -> dict[str, float | int]:
    return {
        "winners_equal_fraction": found.winners,
        "recruited_equal_fraction": found.recruited,
        "steps_equal_fraction": found.steps,
        "weights_equal_fraction": found.weights,
        "bits_per_symbol_brian2": found.bits[0],
        "bits_per_symbol_cpu": found.bits[1],
        "largest_potential_difference_nats": found.potentials,
        "potential_difference_before_parting_nats": found.before,
        "first_difference_cycle": -1 if found.first is None else found.first.cycle,
        "cpu_seconds_brian2": seconds,
    }


def _cause(found: Agreement, config: Config, bound: np.ndarray) -> str:
    """The first difference with its margin, and what makes the executors differ at all."""
    if config.continuous:
        why = "Brian2's weights are continuous here, the kernel's are states 1/64 nat apart."
    elif np.ptp(bound) == 0:
        why = "Left are the roundings of potentials, half an LSB (2⁻¹⁸ nat) a branch; none adds up."
    else:
        why = (
            f"The kernel rounds the step {config.rate:g} of the worth of fast states to whole LSB"
            " (2⁻¹⁷ nat), so that worths drift apart, and potentials with them."
        )
    return f"{found}. {why}"


def _headline(found: Agreement) -> str:
    costs = f"{found.bits[0]:.4f} and {found.bits[1]:.4f} bits/symbol"
    if found.first is None:
        return (
            f"Brian2 and the integer kernel agree in every key, winner and weight of {found.cycles}"
            f" cycles ({costs}); potentials differ by at most {found.potentials:.1e} nats."
        )
    return (
        f"Brian2 and the integer kernel share {found.winners:.2%} of the winners and"
        f" {found.recruited:.2%} of the keys ({costs}); they part in cycle {found.first.cycle},"
        f" at a {found.first.kind}."
    )


def _table(found: Agreement, ours: AttentionRun, theirs: AttentionRun) -> Table:
    rows: list[tuple[str, Any, Any, str]] = [
        (
            "recruited keys",
            int((ours.recruited >= 0).sum()),
            int((theirs.recruited >= 0).sum()),
            f"{found.recruited:.3%}",
        ),
        (
            "winners of races",
            int((ours.winners >= 0).sum()),
            int((theirs.winners >= 0).sum()),
            f"{found.winners:.3%}",
        ),
        ("steps of the winners", "", "", f"{found.steps:.3%}"),
        (
            "weights that are not zero",
            int(np.count_nonzero(ours.weights)),
            int(np.count_nonzero(theirs.weights)),
            f"{found.weights:.4%}",
        ),
        ("bits/symbol", round(found.bits[0], 5), round(found.bits[1], 5), ""),
    ]
    return Table(
        key="agreement",
        title="Agreement",
        caption="Equal: entries with the same value in both, of all pools and cycles, races, or"
        " synapses.",
        columns=("what", "Brian2", "cpu", "equal"),
        rows=rows,
    )


def _difference(found: Agreement, apart: np.ndarray, bound: np.ndarray) -> Panel:
    from bioplastic.plot import agreement as plot

    def draw(figure: Any) -> None:
        first = None if found.first is None else found.first.cycle
        plot.potential_difference(apart, bound, figure.subplots(), parting=first)

    return Panel(
        key="difference",
        title="Difference of the potentials",
        caption="A dot is the largest difference over outputs at the end of a theta cycle. The"
        " bound counts half an LSB for every rounding and holds until the first difference.",
        draw=draw,
    )


def _rasters(network: Network, ours: AttentionRun, theirs: AttentionRun) -> Panel:
    from bioplastic.plot import agreement as plot

    rhythm = network.rhythm
    assert rhythm is not None

    def draw(figure: Any) -> None:
        runs = {"Brian2": ours.spikes, "cpu": theirs.spikes}
        shown = min(CYCLES, len(ours.symbols))
        plot.rasters(runs, figure, window=(0.0, shown * float(rhythm.period)), rhythm=rhythm)

    return Panel(
        key="raster",
        title="The first cycles in both",
        caption="Above Brian2, below the kernel. Dots are winners of races.",
        draw=draw,
        size=(7.2, 7.6),
    )
