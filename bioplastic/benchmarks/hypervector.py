"""Hypervectors of 100 000 bits: packed words beside torchhd, one thread.

torchhd stores a component per byte (BSC) or per float (MAP); each operation is compared with the
faster of the two that torchhd has for it, on tensors made before.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np

from bioplastic.benchmarks.measured import Measured, cpu_seconds, ratio
from bioplastic.kernels.hypervector import cpu
from bioplastic.kernels.hypervector.operations import bind, bundle, similarity
from bioplastic.kernels.hypervector.vector import pack
from bioplastic.provenance import stream
from bioplastic.result import Table

FULL = {"dimension": 100_000, "memory": 1000, "together": 101, "repeats": 20}
QUICK = {"dimension": 1000, "memory": 10, "together": 5, "repeats": 2}


def measure(*, dimension: int, memory: int, together: int, repeats: int) -> Measured:
    """similarity of 1 × memory, bind, and the bundle of `together` vectors."""
    rng = stream(1, "benchmark", "hypervector")
    bits = rng.integers(0, 2, (memory, dimension), dtype=np.uint8)
    ours = _ours(bits, together)
    theirs = _theirs(bits, together) if find_spec("torchhd") else {}
    figures, rows = {}, []
    for name, work in ours.items():
        mine = _repeated(work, repeats)
        key = name.replace(" ", "_").replace(",", "")
        figures[f"hypervector_{key}_seconds"] = mine
        seconds = [
            _repeated(other, max(repeats // 4, 1)) for other in theirs.get(name, {}).values()
        ]
        shown = ["", ""]
        if seconds:
            best = min(seconds)
            figures[f"hypervector_{key}_ratio_to_torchhd"] = ratio(best, mine)
            shown = [f"{1e6 * best:.1f}", f"{ratio(best, mine):.0f}"]
        rows.append((name, f"{1e6 * mine:.2f}", *shown))
    absent = {} if theirs else {"torchhd": "is not installed (pip install torch-hd)"}
    return Measured(
        figures=figures,
        absent=absent,
        table=Table(
            key="hypervector",
            title=f"Hypervectors of {dimension:,} bits",
            caption=f"Microseconds of CPU time; similarity of one to {memory}, bundle of {together}"
            " vectors, on each side the call that a user writes. torchhd: the faster of its BSC and"
            " MAP models. Into a given vector: torch.logical_xor or torch.mul with out=, which"
            " torchhd wraps. The kernels are ours alone, without checks.",
            columns=("operation", "packed, µs", "torchhd, µs", "ratio"),
            rows=rows,
        ),
    )


def _repeated(work: Callable[[], Any], repeats: int) -> float:
    """CPU seconds of one call, over enough calls to fill 20 ms."""
    work()
    loops = max(1, int(2e-2 / max(cpu_seconds(work, 3), 1e-7)))

    def many() -> None:
        for _ in range(loops):
            work()

    return cpu_seconds(many, repeats) / loops


def _ours(bits: np.ndarray, together: int) -> dict[str, Callable[[], Any]]:
    every, one, other = pack(bits), pack(bits[0]), pack(bits[1])
    few, made, size = pack(bits[:together]), pack(bits[0]), bits.shape[1]
    tie = np.zeros_like(one.words)
    return {
        "similarity": lambda: similarity(one, every),
        "bind": lambda: bind(one, other),
        "bind, into a given vector": lambda: bind(one, other, out=made),
        "bundle": lambda: bundle(few),
        "similarity kernel": lambda: cpu.distance(one.words, every.words, size),
        "bind kernel": lambda: cpu.bind(one.words, other.words, size, made.words),
        "bundle kernel": lambda: cpu.bundle(few.words, tie, size),
    }


def _theirs(bits: np.ndarray, together: int) -> dict[str, dict[str, Callable[[], Any]]]:
    import torch
    import torchhd

    torch.set_num_threads(1)
    ones, signs = torch.from_numpy(bits.astype(bool)), torch.from_numpy(2 * bits.astype("f4") - 1)
    b = [torchhd.BSCTensor(t) for t in (ones, ones[0], ones[1], ones[:together])]
    m = [torchhd.MAPTensor(t) for t in (signs, signs[0], signs[1], signs[:together])]
    bit, number = torch.empty_like(ones[0]), torch.empty_like(signs[0])
    return {
        "similarity": {
            "BSC": lambda: torchhd.hamming_similarity(b[1], b[0]),
            "MAP": lambda: torchhd.dot_similarity(m[1], m[0]),
        },
        "bind": {
            "BSC": lambda: torchhd.bind(b[1], b[2]),
            "MAP": lambda: torchhd.bind(m[1], m[2]),
        },
        "bind, into a given vector": {
            "BSC": lambda: torch.logical_xor(ones[0], ones[1], out=bit),
            "MAP": lambda: torch.mul(signs[0], signs[1], out=number),
        },
        "bundle": {
            "BSC": lambda: torchhd.multibundle(b[3]),
            "MAP": lambda: torchhd.multibundle(m[3]),
        },
    }
