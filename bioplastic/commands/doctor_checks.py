"""The self-tests of `bioplastic doctor`: tiny networks whose bits are known.

Every executor of ours runs all of them. What it found is hashed and compared with the hash of the
specification as it was recorded; a change here is a line under Numerics in the changelog.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Check = Callable[[str], list[np.ndarray]]


@dataclass(frozen=True)
class Golden:
    """A self-test: what it is called, what runs, the hash that must come out, on what it runs."""

    name: str
    run: Check
    digest: str
    backends: tuple[str, ...] = ("reference", "cpu")


def digest(arrays: list[np.ndarray]) -> str:
    """First 16 hexadecimal digits of sha256 over the arrays as little-endian int64."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array, "<i8").tobytes())
    return found.hexdigest()[:16]


def sparse(backend: str) -> list[np.ndarray]:
    """Eight synapses under pair STDP, 8 pairings from −4 to 3 ms: spikes and weights."""
    from brian2 import ms, pA

    from bioplastic.description import PairSTDP, SpikeTrain
    from bioplastic.kernels import dispatch
    from bioplastic.networks.stdp_pair import stdp_pair
    from bioplastic.quantize import lower

    k = np.arange(64)
    first, lag = k // 8 * 10 + 5, k % 8 - 4
    pre, post = SpikeTrain(i=k % 8, t=first * ms), SpikeTrain(i=k % 8, t=(first + lag) * ms)
    rule = PairSTDP(w_max=1 * pA, a_plus=0.05, a_minus=0.05)
    network = stdp_pair(pre, post, size=8, rule=rule, weight=0.5 * pA, dt=0.1 * ms)
    found = dispatch.run(lower(network, 0.1 * ms, seed=1), 850, backend=backend)
    spikes = found.spikes["post"]
    return [spikes.steps, spikes.ids, found.state.arrays["plastic/weight"]]


def circuit(backend: str) -> list[np.ndarray]:
    """Dendritic attention over 40 symbols: potentials, winners, weights."""
    from brian2 import ms

    from bioplastic.description import SymbolSchedule
    from bioplastic.learning.sequence import run_sequence
    from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention

    schedule = SymbolSchedule(symbols=np.array([0, 1, 2, 1] * 10), size=3)
    network = dendritic_attention(schedule, Parameters(order=2, pool=20, delimiter=None))
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


EVERYWHERE = ("reference", "cpu", "gpu")
GOLDEN = (
    Golden("sparse", sparse, "1a20b865a195b444"),
    Golden("circuit", circuit, "8774ccd673a5ddc9"),
    Golden("spikecode", spike_codes, "93bfec470313981a", EVERYWHERE),
    Golden("hypervector", hypervectors, "53cc8102ceeaeffc", EVERYWHERE),
)
