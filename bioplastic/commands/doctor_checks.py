"""The self-tests of `bioplastic doctor`: tiny networks whose bits are known.

Every executor runs those of its kernel. What it found is hashed and compared with the hash of the
specification as it was recorded; a change here is a line under Numerics in the changelog. Brian2 is
asked for spikes only, of neurons that pass their threshold far from a grid point.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Check = Callable[[str], list[np.ndarray]]


@dataclass(frozen=True)
class Golden:
    """A self-test: what it is called, what runs, the hash that must come out, on what it runs."""

    name: str
    run: Check
    digest: str
    backends: tuple[str, ...]


def digest(arrays: list[np.ndarray]) -> str:
    """First 16 hexadecimal digits of sha256 over the arrays as little-endian int64."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array, "<i8").tobytes())
    return found.hexdigest()[:16]


def _pairs() -> Any:
    """Eight synapses under pair STDP, 8 pairings from −4 to 3 ms."""
    from brian2 import ms, pA

    from bioplastic.description import PairSTDP, SpikeTrain
    from bioplastic.networks.stdp_pair import stdp_pair

    k = np.arange(64)
    first, lag = k // 8 * 10 + 5, k % 8 - 4
    pre, post = SpikeTrain(i=k % 8, t=first * ms), SpikeTrain(i=k % 8, t=(first + lag) * ms)
    rule = PairSTDP(w_max=1 * pA, a_plus=0.05, a_minus=0.05)
    return stdp_pair(pre, post, size=8, rule=rule, weight=0.5 * pA, dt=0.1 * ms)


def sparse(backend: str) -> list[np.ndarray]:
    """Spikes and weights of eight synapses under pair STDP."""
    from brian2 import ms

    from bioplastic.kernels import dispatch
    from bioplastic.quantize import lower

    network = lower(_pairs(), 0.1 * ms, seed=1)
    if backend == "torch":
        from bioplastic.commands.doctor_ops import sparse_op

        return sparse_op(network, 850)
    found = dispatch.run(network, 850, backend=backend)
    spikes = found.spikes["post"]
    return [spikes.steps, spikes.ids, found.state.arrays["plastic/weight"]]


def feedforward(backend: str) -> list[np.ndarray]:
    """Two layers of 33 and 5 leaky neurons, 60 steps of every third source neuron."""
    from brian2 import ms, nA, second

    from bioplastic.description import (
        LIF,
        Connectivity,
        ExponentialCurrent,
        Network,
        Population,
        Projection,
        Source,
        SpikeTrain,
    )
    from bioplastic.kernels.feedforward.layer import layers
    from bioplastic.kernels.feedforward.run import run
    from bioplastic.quantize import lower

    sizes, names = (7, 33, 5), ("in", "p1", "p2")
    at = np.flatnonzero(np.arange(420) ** 2 % 3 == 0)
    train = SpikeTrain(i=at % 7, t=(at // 7) * 1e-4 * second)
    projections = []
    for k in (0, 1):
        i, j = (a.ravel() for a in np.indices(sizes[k : k + 2]))
        weight = 0.2 * ((7 * i + 3 * j) % 11 - 3) * nA
        projections.append(
            Projection(
                name=f"q{k}", pre=names[k], post=names[k + 1], target="fast",
                connectivity=Connectivity(i=i, j=j, weight=weight, delay=(i + j) % 3 * 0.1 * ms),
            )
        )  # fmt: skip
    neuron = LIF(receptors=(ExponentialCurrent(name="fast", tau=5 * ms),))
    chain = Network(
        name="chain",
        sources=[Source(name="in", size=7, train=train)],
        populations=[
            Population(name=name, size=size, neuron=neuron)
            for name, size in zip(names[1:], sizes[1:], strict=True)
        ],
        projections=projections,
    )
    made = layers(lower(chain, 0.1 * ms, fraction=8))
    given = made.given(0, 60)
    if backend == "torch":
        from bioplastic.commands.doctor_ops import feedforward_op

        return feedforward_op(made, given)
    found = run(made, given, backend=backend)
    return [np.concatenate(list(found.spikes.values()), axis=2), found.state.arrays["p2/v"]]


def classifier(backend: str) -> list[np.ndarray]:
    """Four images of 7 pixels, five prototypes: spikes and learned weights."""
    from bioplastic.kernels.classifier.run import run_classifier
    from bioplastic.networks.wta_classifier import DT, Bursts, Parameters, wta_classifier
    from bioplastic.quantize import lower

    parameters = Parameters(inputs=7, neurons=5, period=28, bursts=Bursts(energy=3.0))
    counts = (np.arange(28).reshape(4, 7) ** 2 % 5).astype(np.uint8)
    weights = np.arange(35).reshape(7, 5) % 8 / 8
    network = wta_classifier(counts, parameters=parameters, weights=weights, eta=0.5, gamma=1.0)
    lowered = lower(network, DT, seed=1, fraction=18, plastic_bits=16)
    found = run_classifier(lowered, 112, backend="fused" if backend == "cpu" else backend)
    spikes = found.spikes[lowered.populations[0].name]
    learned = [found.state.arrays[f"{q.name}/weight"] for q in lowered.projections]
    return [spikes.steps, spikes.ids, *learned]


def loihi(backend: str) -> list[np.ndarray]:
    """Six neurons behind three addresses under the arithmetic of the chip: current, potential."""
    from bioplastic.kernels.loihi.run import run_loihi
    from bioplastic.quantize.loihi import (
        LoihiNetwork,
        LoihiPopulation,
        LoihiProjection,
        LoihiSource,
    )

    i, j = (a.ravel() for a in np.indices((3, 6)))
    network = LoihiNetwork(
        name="six",
        dt=1e-3,
        sources=(LoihiSource(name="in", size=3),),
        populations=(LoihiPopulation(name="n", size=6, du=1024, dv=163, vth=60, refractory=2),),
        projections=(
            LoihiProjection(
                name="q", pre="in", post="n", i=i, j=j, weight=2 * ((5 * i + 7 * j) % 40) - 20,
                delay=(i + j) % 3, exponent=0,
            ),
        ),
    )  # fmt: skip
    raster = np.arange(240).reshape(80, 3) ** 2 % 7 < 2
    when, who = np.nonzero(raster)
    run = run_loihi(network, {"in": (when, who)}, 80, backend=backend, trace=True)
    return [run.spikes["n"].steps, run.spikes["n"].ids, run.u["n"], run.v["n"]]


def xylo(backend: str) -> list[np.ndarray]:
    """Five hidden and two readout neurons in the arithmetic of Xylo: spikes and potentials."""
    from bioplastic.kernels.xylo.run import run_xylo
    from bioplastic.quantize.xylo import XyloNetwork, XyloSynapses

    def full(pre: int, post: int, synapses: int) -> XyloSynapses:
        i, j, s = (a.ravel() for a in np.indices((pre, post, synapses)))
        return XyloSynapses(i=i, j=j, synapse=s, weight=(37 * i + 11 * j + 5 * s) % 90 - 40)

    network = XyloNetwork(
        name="seven", dt=1e-3, inputs=3, w_in=full(3, 5, 2), w_rec=full(5, 5, 2),
        w_out=full(5, 2, 1), dash_mem=np.arange(1, 6), dash_syn=np.arange(10).reshape(5, 2) % 4 + 1,
        threshold=np.arange(60, 110, 10), dash_mem_out=np.array([2, 3]),
        dash_syn_out=np.array([1, 2]), threshold_out=np.array([50, 70]), labels={},
    )  # fmt: skip
    return list(run_xylo(network, np.arange(240).reshape(80, 3) ** 2 % 7 % 4))


def brian2(target: str) -> list[np.ndarray]:
    """Spikes of nine leaky neurons under constant drives, 50 ms in float64: steps and ids."""
    from brian2 import ms, nA

    from bioplastic import simulate
    from bioplastic.description import LIF, Network, Population

    drive = np.linspace(0.4, 1.2, 9) * nA
    cells = Population(name="cells", size=9, neuron=LIF(i_offset=drive))
    target_: Any = target
    run = simulate.run(
        Network(name="drive", populations=[cells]), 50 * ms, target=target_, progress=False
    )
    return [run.spikes["cells"].steps, run.spikes["cells"].ids]


def circuit(backend: str) -> list[np.ndarray]:
    """Dendritic attention over 40 symbols: potentials, winners, weights."""
    from brian2 import ms

    from bioplastic.description import SymbolSchedule
    from bioplastic.learning.sequence import run_sequence
    from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention

    schedule = SymbolSchedule(symbols=np.array([0, 1, 2, 1] * 10), size=3)
    network = dendritic_attention(schedule, Parameters(order=2, pool=20, delimiter=None))
    if backend == "torch":
        from bioplastic.commands.doctor_ops import circuit_op

        return circuit_op(network)
    run = run_sequence(network, dt=0.5 * ms, seed=1, backend=backend, progress=False).run
    return [run.potential, run.winners, run.state.w, run.state.gain]


def spike_codes(backend: str) -> list[np.ndarray]:
    """All five codes of 0 … 30, there and back."""
    from bioplastic.kernels.spikecode.codes import CODES

    made = [(code(), code().encode(np.arange(31), backend=backend).spikes) for code in CODES]
    return [array for code, s in made for array in (s, code.decode(s, backend=backend))]


def hypervectors(backend: str) -> list[np.ndarray]:
    """Bind, bundle, permute and distance of 5 vectors of 1000 bits."""
    from bioplastic.kernels.hypervector import operations as hv
    from bioplastic.kernels.hypervector.vector import Hypervectors, pack

    bits = np.arange(5)[:, None] * 7919 + np.arange(1000) ** 2
    vectors = pack(bits // 3 % 2)
    one = Hypervectors(words=vectors.words[0], dimension=1000)
    made = [hv.bind(vectors, one, backend=backend), hv.permute(vectors, 77, backend=backend),
            hv.bundle(vectors, backend=backend)]  # fmt: skip
    return [*(v.bits() for v in made), hv.distance(one, vectors, backend=backend)]


HERE, EVERYWHERE = ("reference", "cpu"), ("reference", "cpu", "gpu")
GOLDEN = (
    Golden("sparse", sparse, "1a20b865a195b444", (*EVERYWHERE, "torch")),
    Golden("circuit", circuit, "8774ccd673a5ddc9", (*EVERYWHERE, "torch")),
    Golden("feedforward", feedforward, "bde699d402ba300c", (*EVERYWHERE, "torch")),
    Golden("classifier", classifier, "3dcd74ab29d8beee", HERE),
    Golden("loihi", loihi, "87f4cb1c01ab7a42", HERE),
    Golden("xylo", xylo, "760cc374f8fe01b6", ("reference",)),
    Golden("spikecode", spike_codes, "93bfec470313981a", EVERYWHERE),
    Golden("hypervector", hypervectors, "53cc8102ceeaeffc", EVERYWHERE),
    Golden("brian2", brian2, "4eec351c3cf97912", ("numpy", "cython", "cpp_standalone")),
)
