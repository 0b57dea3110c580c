"""Circuits drawn by hypothesis: every part on and off, alphabets and pools of any size."""

from __future__ import annotations

from typing import Any

from brian2 import ms
from hypothesis import strategies as st

from bioplastic.description import (
    BranchGain,
    EscapeRace,
    FastState,
    Recruitment,
    Rhythm,
    ThetaSTDP,
)

SHORT: dict[str, Any] = {
    "rhythm": Rhythm(period=40 * ms, encoding=16 * ms, gamma=2), "winners": 2,
    "race": EscapeRace(start=12.0), "hold": 36 * ms, "t_ref": 4 * ms, "prime_window": 25 * ms,
}  # fmt: skip
"""A cycle of 40 steps of 1 ms, where the default has 150."""


@st.composite
def circuits(draw: st.DrawFn, *, longest: int = 10) -> tuple[list[int], int, dict[str, Any]]:
    """(symbols, size of the alphabet, changes), as the fixture `circuit` takes them."""
    size = draw(st.one_of(st.sampled_from([2, 3, 31, 33]), st.integers(2, 40)))
    symbols = draw(st.lists(st.integers(0, size - 1), min_size=2, max_size=longest))
    winners = draw(st.integers(1, 4))
    fast = draw(st.sampled_from([None, FastState(), FastState(initial=(0.1, 0.2, 0.3), keep=2)]))
    changes = {
        "rhythm": Rhythm(period=40 * ms, encoding=16 * ms, gamma=winners), "winners": winners,
        "order": draw(st.integers(0, 4)), "pool": draw(st.integers(2, 40)),
        "stdp": ThetaSTDP(fast=fast, spare=draw(st.integers(0, 2)), winners=winners),
        "gain": BranchGain(bins=draw(st.sampled_from([1, 16])), rate=0.05),
        "race": EscapeRace(start=draw(st.floats(0, 30))),
        "recruitment": Recruitment(min_activations=draw(st.integers(1, 2))),
        "shuffle": draw(st.none() | st.integers(0, 5)), "seed": draw(st.integers(0, 2**32 - 1)),
        "t_ref": draw(st.integers(0, 20)) * ms,
    }  # fmt: skip
    return symbols, size, SHORT | changes
