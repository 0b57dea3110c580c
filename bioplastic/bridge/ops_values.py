"""Numbers that a state may hold: a file or a stranger may have changed them.

The kernels take ages and weights as indices, so a number out of its range would read outside of a
table. A run never leaves one; these checks are for states that come from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.kernels.feedforward.layer import pack
from bioplastic.quantize.circuit_program import GAIN_FRACTION, Program
from bioplastic.quantize.fixed_point import STATE_LIMIT
from bioplastic.quantize.integer_network import IntegerNetwork, IntegerPermanence

LAST_STEP = 1 << 62
P_MAX = 1 << 24


def _inside(name: str, array: np.ndarray, low: int, high: int) -> None:
    if array.size and not low <= int(array.min()) <= int(array.max()) <= high:
        raise UsageError(
            f"state {name!r}: holds {int(array.min())} to {int(array.max())}, allowed is "
            f"{low} to {high}"
        )


def masks(sizes: Sequence[int]) -> np.ndarray:
    """The bits that are neurons in a row of packed groups, (W,) int32."""
    ones = [pack(np.ones(size)) for size in sizes]
    return np.concatenate([np.zeros(0, np.int32), *ones])


def check_padding(packed: np.ndarray, sizes: Sequence[int]) -> None:
    """Raise UsageError when packed rows have bits beyond the last neuron of a group."""
    if (packed & ~masks(sizes)).any():
        raise UsageError("state 'recent': bits beyond the last neuron of a group are set")


def check_sparse(network: IntegerNetwork, state: Mapping[str, np.ndarray]) -> None:
    """Raise UsageError for numbers that no run of `network` leaves; arrays are those of members.

    Steps of traces are not ahead of the state, weights and permanences within the bounds of their
    rules, everything else within the format.
    """
    _inside("step", state["step"], 0, LAST_STEP)
    _inside("seed", state["seed"], 0, (1 << 32) - 1)
    rules = {q.name: q.rule for q in network.projections if q.rule is not None}
    winners = {p.name: getattr(p, "winners", 0) for p in network.populations}
    for name, array in state.items():
        owner, _, what = name.rpartition("/")
        if what in ("weight", "permanence") and owner in rules:
            rule = rules[owner]
            low, high = (0, P_MAX) if isinstance(rule, IntegerPermanence) else (rule.low, rule.high)
            _inside(name, array, low, high)
        elif what in ("pre_step", "post_step", "trace_step"):
            ahead = array > state["step"].reshape(-1, *[1] * (array.ndim - 1))
            if ahead.any():
                raise UsageError(f"state {name!r}: a step lies ahead of the state's own")
        elif what == "left":
            _inside(name, array, 0, winners[owner])
        elif what in ("refractory", "hold"):
            _inside(name, array, 0, STATE_LIMIT)
        elif array.dtype == np.int32 and what != "recent":
            _inside(name, array, -STATE_LIMIT, STATE_LIMIT)
        elif what.endswith("_trace") or what == "trace":
            _inside(name, array, 0, 1 << 31)


def check_layers(state: Mapping[str, np.ndarray]) -> None:
    """Raise UsageError for numbers that no run of layers leaves; arrays are those of members."""
    _inside("step", state["step"], 0, LAST_STEP)
    for name, array in state.items():
        if name.endswith("/refractory"):
            _inside(name, array, 0, STATE_LIMIT)
        elif name != "step" and not name.endswith("/recent"):
            _inside(name, array, -STATE_LIMIT, STATE_LIMIT)


def check_circuit(program: Program, state: Mapping[str, np.ndarray]) -> None:
    """Raise UsageError for numbers that no run of `program` leaves: indices lie in their arrays."""
    keys, symbols = int(program.first[-1]), program.symbols
    rows, branches = int(program.branch_first[-1]), len(program.branch_pool)
    pools, edges = len(program.first) - 1, len(program.prime_pre)
    delays, width = state["queue"].shape[1:3]
    ranges = {
        "step": (0, LAST_STEP), "seed": (0, (1 << 32) - 1), "ref": (0, STATE_LIMIT),
        "parent": (-1, keys - 1), "symbol": (-1, symbols - 1), "spikes": (0, 1 << 30),
        "prime_key": (-1, keys - 1), "arrivals": (0, 1 << 30),
        "w": (-program.w_max, program.w_max), "f": (0, max(program.fast_levels - 1, 0)),
        "gain": (0, max(program.gain_max, 1 << GAIN_FRACTION)), "held_row": (-1, rows - 1),
        "held_n": (0, 1 << 30), "held_w": (-program.w_max, program.w_max),
        "held_f": (0, max(program.fast_levels - 1, 0)), "race": (0, 1), "forced": (0, 1),
        "queued": (0, width),
    }  # fmt: skip
    for name, (low, high) in ranges.items():
        _inside(name, state[name], low, high)
    for name in ("v", "i", "fast", "held_u", "noise"):
        _inside(name, state[name], -STATE_LIMIT, STATE_LIMIT)
    for p in range(pools):
        _inside("mature", state["mature"][:, p], 0, int(program.first[p + 1] - program.first[p]))
    _inside("candidate", state["candidate"][..., 0], -1, keys - 1)
    _inside("candidate", state["candidate"][..., 1], -1, symbols - 1)
    queue, queued = state["queue"], state["queued"]
    lives = np.arange(width) < queued[..., None]
    kind, index, what = (queue[..., k] for k in range(3))
    most = np.array([edges, pools, pools, branches, 1])
    beyond = np.array([keys, symbols, symbols, keys, symbols])
    known = (kind >= 0) & (kind < 5)
    at = np.where(known, kind, 0)
    fits = known & (index >= 0) & (index < most[at]) & (what >= 0) & (what < beyond[at])
    if (lives & ~fits).any() or delays < 1:
        raise UsageError("state 'queue': an arrival names no projection, key or symbol")
