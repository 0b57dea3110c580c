"""Hypervectors of 100 000 bits: packed words beside torchhd, one thread.

torchhd stores a component per byte (BSC) or per float (MAP); each operation is compared with the
faster of the two that torchhd has for it.
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
            " vectors. torchhd: the faster of its BSC and MAP models. A checked call validates its"
            " arguments in Python; the others are calls of the kernel, as torchhd's are.",
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
    few, size = pack(bits[:together]), bits.shape[1]
    a, b, tie = one.words[None], other.words[None], np.zeros_like(one.words)
    return {
        "similarity": lambda: size - 2 * cpu.distance(one.words, every.words, size),
        "bind": lambda: cpu.bind(a, b, size),
        "bundle": lambda: cpu.bundle(few.words, tie, size),
        "similarity, checked call": lambda: similarity(one, every),
        "bind, checked call": lambda: bind(one, other),
        "bundle, checked call": lambda: bundle(few),
    }


def _theirs(bits: np.ndarray, together: int) -> dict[str, dict[str, Callable[[], Any]]]:
    import torch
    import torchhd

    torch.set_num_threads(1)
    binary = torchhd.BSCTensor(torch.from_numpy(bits.astype(bool)))
    signed = torchhd.MAPTensor(torch.from_numpy(2.0 * bits.astype(np.float32) - 1))
    found: dict[str, dict[str, Callable[[], Any]]] = {
        "similarity": {
            "BSC": lambda: torchhd.hamming_similarity(binary[0], binary),
            "MAP": lambda: torchhd.dot_similarity(signed[0], signed),
        },
        "bind": {
            "BSC": lambda: torchhd.bind(binary[0], binary[1]),
            "MAP": lambda: torchhd.bind(signed[0], signed[1]),
        },
        "bundle": {
            "BSC": lambda: torchhd.multibundle(binary[:together]),
            "MAP": lambda: torchhd.multibundle(signed[:together]),
        },
    }
    return found | {f"{name}, checked call": calls for name, calls in found.items()}
