"""The four attention networks share their parts; what they describe is pinned, to the last bit."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from brian2 import ms

from bioplastic import serialise, strict_json
from bioplastic.description import Network, Recruitment, Rhythm, SymbolSchedule
from bioplastic.networks import (
    dendritic_attention,
    hebbian_attention,
    polyphony,
    tapped_attention,
)

SYMBOLS = np.array([0, 2, 1, 4, 3, 0, 2])


def schedule() -> SymbolSchedule:
    return SymbolSchedule(symbols=SYMBOLS, size=5)


def dendritic(**changes: object) -> Network:
    made = dendritic_attention.Parameters(**changes)  # type: ignore[arg-type]
    return dendritic_attention.dendritic_attention(schedule(), made)


def tapped(*contexts: tuple[int, ...], **changes: object) -> Network:
    each = tuple(tapped_attention.Context(lags=lags, copies=2) for lags in contexts)
    made = tapped_attention.Parameters(contexts=each, **changes)  # type: ignore[arg-type]
    return tapped_attention.tapped_attention(schedule(), made, labels=tuple("abcde"))


def voices(*contexts: polyphony.Context, **changes: object) -> Network:
    made = polyphony.Parameters(contexts=contexts, **changes)  # type: ignore[arg-type]
    return polyphony.polyphony(schedule(), made)


def hebbian(code: hebbian_attention.Code, **changes: object) -> Network:
    made = hebbian_attention.Parameters(code=code, **changes)  # type: ignore[arg-type]
    return hebbian_attention.hebbian_attention(schedule(), made)


NETWORKS = {
    "orders": lambda: dendritic(order=3),
    "orders, skips, words": lambda: dendritic(
        order=4, skips=2, delimiter=(0, 3), pool=40, rhythm=Rhythm(gamma=2),
        recruitment=Recruitment(min_activations=2), value_delay=6 * ms,
    ),
    "orders without words": lambda: dendritic(order=2, delimiter=None, t_ref=10 * ms),
    "taps": lambda: tapped((), (0,), (0, 2, 3)),
    "taps ahead": lambda: tapped((0, 4), ahead=4, prime_lead=12 * ms),
    "voices": lambda: voices(
        polyphony.Context(lags=(0, 2)), polyphony.Context(lags=(1,), anchor=3), delimiter=4, pool=30
    ),
    "voices, never always": lambda: voices(
        polyphony.Context(lags=(), anchor=1), delimiter=0, always=False, drive_delay=4 * ms
    ),
    "one key a symbol": lambda: hebbian(hebbian_attention.Recruited(pool=7)),
    "one key, addressed": lambda: hebbian(hebbian_attention.Recruited(pool=3), addressed=2),
    "k of n": lambda: hebbian(hebbian_attention.KOfN(units=6, active=2, seed=3), efficacy=4.0),
}  # fmt: skip
"""Name → network, each with settings that reach another part of the builders."""

PINNED = {
    "orders": "55ebd9be4ad40dce945cb840",
    "orders, skips, words": "f6f5bcbcce1730cde2b28978",
    "orders without words": "10e977d5caf9aac96b52fc27",
    "taps": "deb7d7b65d08ac30267822ca",
    "taps ahead": "19da74adbd86c711394a627f",
    "voices": "ee081130b42506a04d6cd3e3",
    "voices, never always": "fd7090de4d2fd5deb809b235",
    "one key a symbol": "033d1325784f046366559648",
    "one key, addressed": "e578cc6077e3943d4a94687e",
    "k of n": "dd018f0d8a35288b200e2043",
}
"""SHA-256 of each network as `bioplastic.serialise` writes it, first 24 digits."""


def digest(network: Network) -> str:
    """Of the description and every drawn array: name, type, shape and bytes."""
    tree, arrays = serialise.dump(network)
    made = hashlib.sha256(strict_json.canonical(tree).encode())
    for name in sorted(arrays):
        a = serialise.little_endian(arrays[name])
        made.update(f"{name} {a.dtype.str} {a.shape}".encode() + a.tobytes())
    return made.hexdigest()[:24]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_is_the_one_that_was_pinned(name):
    assert digest(NETWORKS[name]()) == PINNED[name]
