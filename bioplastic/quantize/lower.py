"""Description to integers, for the sparse kernels."""

from __future__ import annotations

from typing import Any

from brian2 import second

from bioplastic.description import Network
from bioplastic.description._check import magnitude
from bioplastic.errors import UsageError
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.dead import dead_populations
from bioplastic.quantize.integer_network import IntegerNetwork
from bioplastic.quantize.lower_population import lower_source
from bioplastic.quantize.lower_projection import listed
from bioplastic.quantize.pool import pooled
from bioplastic.quantize.report import LoweringReport, Rounding
from bioplastic.quantize.scales import Draft, fix_scales
from bioplastic.quantize.supported import check_supported


def lower(
    network: Network,
    dt: Any,
    *,
    seed: int = 0,
    fraction: int = fp.STATE_FRACTION,
    plastic_bits: int = 8,
) -> IntegerNetwork:
    """Turn a description into whole numbers on the grid `dt`.

    dt         step, s
    seed       key of the stochastic rounding of plastic weights, 0..2^32 − 1
    plastic_bits   8 or 16: width of the weights of PairSTDP and TraceSTDP
    fraction   fraction bits of a potential: LSB = 2^-fraction mV for LIF neurons, the finest LSB of
               v for conductance neurons; the states of a LinearIF get the finest LSBs that pass
               the overflow proof
    Raises UnsupportedModel, naming object and reason, for what the sparse kernel cannot run and
    for states that could overflow. The report of the result has every rounding error and bound,
    the LSB of every state, and the populations that can never spike.
    """
    step = float(magnitude(dt, second))
    if not step > 0:
        raise UsageError(f"dt = {dt}: must be > 0")
    if plastic_bits not in (8, 16):
        raise UsageError(f"plastic_bits = {plastic_bits}: must be 8 or 16")
    check_supported(network)
    roundings: list[Rounding] = []
    sources = []
    for source in network.sources:
        lowered_source, rounding = lower_source(source, step)
        sources.append(lowered_source)
        roundings.append(rounding)
    projected = [listed(q) for q in network.projections]
    draft = Draft(network, projected, sources, step, fraction, plastic_bits)
    bounds = []
    for population in network.populations:
        bounds += fix_scales(draft, population.name)
    populations = [draft.populations[p.name] for p in network.populations]
    projections = [draft.projections[q.name] for q in network.projections]
    for name in (*(p.name for p in populations), *(q.name for q in projections)):
        roundings += draft.roundings[name]
    incoming = {p.name: draft.incoming(p.name) for p in network.populations}
    return IntegerNetwork(
        name=network.name,
        dt=step,
        seed=seed,
        sources=tuple(sources),
        populations=tuple(populations),
        projections=tuple(pooled(projections)),
        report=LoweringReport(
            roundings=tuple(roundings),
            bounds=tuple(bounds),
            dead=tuple(dead_populations(sources, populations, incoming)),
        ),
    )
