"""Description to integers, for the sparse kernels."""

from __future__ import annotations

from typing import Any

from brian2 import second

from bioplastic.description import Network
from bioplastic.description._check import magnitude
from bioplastic.errors import UsageError
from bioplastic.quantize import fixed_point as fp
from bioplastic.quantize.bounds import bound_population
from bioplastic.quantize.integer_network import IntegerNetwork
from bioplastic.quantize.lower_population import lower_population, lower_source
from bioplastic.quantize.lower_projection import listed, lower_projection
from bioplastic.quantize.report import LoweringReport, Rounding
from bioplastic.quantize.supported import check_supported


def lower(
    network: Network, dt: Any, *, seed: int = 0, fraction: int = fp.STATE_FRACTION
) -> IntegerNetwork:
    """Turn a description into whole numbers on the grid `dt`.

    dt         step, s
    seed       key of the stochastic rounding of plastic weights, 0..2^32 − 1
    fraction   fraction bits of a potential: LSB = 2^-fraction mV
    Raises UnsupportedModel, naming object and reason, for what the sparse kernel cannot run and
    for states that could overflow. The report of the result has every rounding error and bound.
    """
    step = float(magnitude(dt, second))
    if not step > 0:
        raise UsageError(f"dt = {dt}: must be > 0")
    check_supported(network)
    roundings: list[Rounding] = []
    sources, populations, projections = [], [], []
    for source in network.sources:
        lowered_source, rounding = lower_source(source, step)
        sources.append(lowered_source)
        roundings.append(rounding)
    for population in network.populations:
        lowered, found = lower_population(population, network.rhythm, step, fraction)
        populations.append(lowered)
        roundings += found
    for projection in map(listed, network.projections):
        synapses, found = lower_projection(network, projection, step, fraction)
        projections.append(synapses)
        roundings += found
    named: dict[str, Any] = {x.name: x for x in sources} | {x.name: x for x in populations}
    bounds = []
    for p in populations:
        incoming: dict[int, list[tuple[Any, Any]]] = {}
        for q in projections:
            if q.post == p.name:
                incoming.setdefault(q.channel, []).append((q, named[q.pre]))
        bounds += bound_population(p, incoming)
    return IntegerNetwork(
        name=network.name,
        dt=step,
        seed=seed,
        sources=tuple(sources),
        populations=tuple(populations),
        projections=tuple(projections),
        report=LoweringReport(roundings=tuple(roundings), bounds=tuple(bounds)),
    )
