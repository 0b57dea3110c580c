"""The circuit kernel as it is compiled ahead of time: two sizes of tiles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bioplastic.kernels.ahead_of_time import Compiled
from bioplastic.kernels.circuit.gpu_program import CHUNK, Derived, Rule, Tables, Tiles, warps
from bioplastic.kernels.circuit.gpu_step import circuit_kernel
from bioplastic.quantize.circuit_program import State, Trace

LONG = ("step", "prime_until", "held_until", "p_vv", "p_vi", "p_ii", "branch_first", "key_step",
        "out_step", "counts")  # fmt: skip
SHORT = ("w", "f", "held_w", "held_f", "forced", "source_wired", "out_forced")


def _pointers(kind: Any) -> Any:
    """A tuple of pointer types for the fields of `kind`."""
    types = dict.fromkeys(LONG, "*i64") | dict.fromkeys(SHORT, "*i8")
    return kind(*(types.get(name, "*i32") for name in kind._fields))


@dataclass(frozen=True, kw_only=True)
class CompiledCircuit(Compiled):
    """A circuit kernel for tiles of one size; its first arguments are tuples of pointers."""

    signature: str = ""
    constants: Mapping[str, Any]

    def types(self) -> dict[str, Any]:
        """Argument → type, tuples of types for tuples."""
        given = dict.fromkeys(Rule._fields, "i32") | {"tile": "constexpr"}
        given |= dict.fromkeys(("all_steps", "seeds"), "*i64")
        given |= dict.fromkeys(("written", "all_symbols", "all_following"), "*i32")
        given |= {
            "pr": _pointers(Tables), "states": _pointers(State),
            "dvs": _pointers(Derived), "traces": _pointers(Trace),
        }  # fmt: skip
        return {name: given[name] for name in self.function.arg_names}


SMALL = Tiles(V=32, P=8, E=8, K=64, B=8, Q=32, M=32, C=256, A=32)
"""32 symbols, eight pools, one cycle of 125 ms in steps of 0.5 ms."""
LARGE = SMALL._replace(V=CHUNK)
"""More symbols than that are worked through in chunks."""

COMPILED = (
    CompiledCircuit(
        name="circuit, 32 symbols",
        function=circuit_kernel,
        constants={"tile": SMALL},
        warps=warps(SMALL),
    ),
    CompiledCircuit(
        name="circuit, many symbols",
        function=circuit_kernel,
        constants={"tile": LARGE},
        warps=warps(LARGE),
    ),
)
