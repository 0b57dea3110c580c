"""Whole programs of rich neurons and several rules, as `ahead_of_time` compiles them: minutes."""

from __future__ import annotations

from bioplastic.kernels.sparse import gpu_program
from bioplastic.kernels.sparse.gpu_compiled import FULL, Bundled, program_constants

_EVENTS = {"LINEAR_CHANNELS": 4, "LINEAR_EVENTS": 4}
_CONDUCTANCES = {
    "CONDUCTANCE_CHANNELS": 4, "CONDUCTANCE_EXPONENTIAL": True, "CONDUCTANCE_EULER": True,
}  # fmt: skip

COMPILED = tuple(
    Bundled(
        name=f"sparse program, {what}",
        function=gpu_program.program,
        signature="*i64 i32 i32 i32",
        constants=constants,
        warps=8,
        most=gpu_program.most_registers(constants),
        expected=("RED",),
    )
    for what, constants in (
        ("LIF, programs on traces", program_constants("TRACED", **FULL)),
        ("linear neurons with events, programs on traces", program_constants("TRACED", **_EVENTS)),
        (
            "every kind and every rule",
            program_constants("PAIRS OPEN TRACED", **FULL, **_EVENTS, **_CONDUCTANCES),
        ),
    )
)
