"""The kernels of the sparse kernel as `ahead_of_time` compiles them; nothing here runs them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bioplastic.kernels.ahead_of_time import Compiled
from bioplastic.kernels.sparse import gpu_program, gpu_windows, gpu_windows_states
from bioplastic.kernels.sparse.gpu_tables import State, Topology

TOPOLOGY = Topology(
    population="*i64", channel="*i64", projection="*i64", offset="*i64", start="*i64",
    table="*i32", delay="*i32", row_ptr="*i64", post="*i32", late="*i32", weight="*i16",
    floor="*i32", col_ptr="*i64", col_syn="*i64", col_trace="*i64", col_late="*i32",
    step_up="*i32", step_down="*i32", number="*i64", each="*i64", statement="*i64",
    change="*i64", term="*i64", trace="*i64", step="*i32",
)  # fmt: skip
STATE = State(
    first="*i64", seed="*i64", v="*i32", refractory="*i32", theta="*i32", left="*i32",
    current="*i32", rise="*i32", hold="*i32", trace="*i64", trace_step="*i64", ring="*i32",
    weight="*i16", permanence="*i32", pre_trace="*i64", pre_step="*i64", post_trace="*i64",
    post_step="*i64", spikes="*i32", onsets="*i32", counters="*i64",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Bundled(Compiled):
    """A kernel whose first arguments are `net` and `x`; `signature` begins behind them."""

    def types(self) -> dict[str, Any]:
        """Argument → type; a tuple has the types of its fields."""
        given = iter((TOPOLOGY, STATE, *self.signature.split()))
        names = list(self.function.arg_names)
        return {n: "constexpr" if n in self.constants else next(given) for n in names}


def _neurons(block: int, channels: int, **flags: bool) -> Mapping[str, int]:
    known = {"RISE": False, "ADAPTIVE": False, "BRANCHES": False, "COMPETE": False} | flags
    return {"BLOCK": block, "CHANNELS": channels, **known}


_PLAIN = _neurons(128, 2)
_CURRENTS = _neurons(128, 4, RISE=True, ADAPTIVE=True)
FULL = _neurons(128, 4, RISE=True, ADAPTIVE=True, BRANCHES=True, COMPETE=True)
_NO_COMPETITION = {name: n for name, n in FULL.items() if name != "COMPETE"}
_LANES, _ROWS = {"LANES": gpu_windows.LANES}, {"ROWS": gpu_windows.LANES // 16}
_LINEAR = {"BLOCK": 128, "CHANNELS": 4, "EVENTS": 0}
_EVENTS = {"BLOCK": 128, "CHANNELS": 4, "EVENTS": 4}
_MANY = {"BLOCK": 128, "CHANNELS": 16, "EVENTS": 0}
_EXPONENTIAL = {"BLOCK": 128, "CHANNELS": 4, "EXPONENTIAL": True, "EULER": False}
_EULER = {"BLOCK": 128, "CHANNELS": 4, "EXPONENTIAL": False, "EULER": True}


def program_constants(rules: str, **known: int) -> Mapping[str, int]:
    """Constants of the whole program: neurons as `_neurons` has them and others by prefix."""
    names = ("LINEAR_CHANNELS", "LINEAR_EVENTS", "CONDUCTANCE_CHANNELS")
    others = dict.fromkeys((*names, "CONDUCTANCE_EXPONENTIAL", "CONDUCTANCE_EULER"), 0)
    learn = {name: name in rules.split() for name in ("PAIRS", "OPEN", "TRACED")}
    return {**_neurons(128, 0), **others, **known, **learn, "LANES": gpu_program.LANES}


COMPILED = (
    Bundled(
        name="sparse advance, exponential currents",
        function=gpu_windows.advance,
        signature="*i64 i32 i32 i32",
        constants=_PLAIN,
    ),
    Bundled(
        name="sparse advance, alpha currents and adaptation",
        function=gpu_windows.advance,
        signature="*i64 i32 i32 i32",
        constants=_CURRENTS,
        warps=8,
    ),
    Bundled(
        name="sparse advance, plateaus and competition",
        function=gpu_windows.advance,
        signature="*i64 i32 i32 i32",
        constants=FULL,
        warps=8,
    ),
    Bundled(
        name="sparse deliver",
        function=gpu_windows.deliver,
        signature="*i64 i32 i32 i32",
        constants=_LANES,
        expected=("RED",),
    ),
    Bundled(
        name="sparse begin step",
        function=gpu_windows.begin_step,
        signature="*i64 i32 i32",
        constants=FULL,
        warps=8,
    ),
    Bundled(
        name="sparse end step",
        function=gpu_windows.end_step,
        signature="*i64 i32 i32",
        constants=_NO_COMPETITION,
        warps=8,
    ),
    Bundled(
        name="sparse pair STDP, arrivals",
        function=gpu_windows.arrive_pair,
        signature="*i64 i32 i32 i32 i32",
        constants=_ROWS,
        expected=("RED",),
    ),
    Bundled(
        name="sparse pair STDP, post spikes",
        function=gpu_windows.post_pair,
        signature="*i64 i32 i32 i32",
        constants=_ROWS,
    ),
    Bundled(
        name="sparse pair STDP, traces",
        function=gpu_windows.jump_pair,
        signature="*i64 i32 i32 i32 i32",
        warps=1,
    ),
    Bundled(
        name="sparse permanences, arrivals",
        function=gpu_windows.arrive_open,
        signature="*i64 i32 i32 i32 i32",
        constants=_LANES,
        expected=("RED",),
    ),
    Bundled(
        name="sparse permanences, pre spikes",
        function=gpu_windows.pre_open,
        signature="*i64 i32 i32 i32",
        constants=_LANES,
    ),
    Bundled(
        name="sparse permanences, post spikes",
        function=gpu_windows.post_open,
        signature="*i64 i32 i32 i32",
        constants=_LANES,
    ),
    *(
        Bundled(
            name=f"sparse {half}, {what}",
            function=getattr(gpu_windows_states, f"{half.split()[0]}_linear"),
            signature="*i64 i32 i32 i32" if half == "advance" else "*i64 i32 i32",
            constants=constants,
            warps=count,
        )
        for half in ("advance", "begin step", "end step")
        for what, constants, count in (
            ("linear neurons", _LINEAR, 8),
            ("linear neurons with events", _EVENTS, 4),
            ("linear neurons of 16 states", _MANY, 8),
        )
    ),
    *(
        Bundled(
            name=f"sparse {half}, conductances, {what}",
            function=getattr(gpu_windows_states, f"{half.split()[0]}_conductance"),
            signature="*i64 i32 i32 i32" if half == "advance" else "*i64 i32 i32",
            constants=constants,
            warps=4,
        )
        for half in ("advance", "begin step")
        for what, constants in (("exponential Euler", _EXPONENTIAL), ("Euler", _EULER))
    ),
    Bundled(
        name="sparse end step, conductances",
        function=gpu_windows_states.end_conductance,
        signature="*i64 i32 i32",
        constants={"BLOCK": 128, "CHANNELS": 4},
    ),
    Bundled(
        name="sparse programs on traces, arrivals",
        function=gpu_windows.arrive_traces,
        signature="*i64 i32 i32 i32 i32",
        constants=_ROWS,
        warps=2,
        expected=("RED",),
    ),
    Bundled(
        name="sparse programs on traces, post spikes",
        function=gpu_windows.post_traces,
        signature="*i64 i32 i32 i32",
        constants=_ROWS,
        warps=2,
    ),
    *(
        Bundled(
            name=f"sparse program, {what}",
            function=gpu_program.program,
            signature="*i64 i32 i32 i32",
            constants=constants,
            warps=count,
            expected=("RED",),
        )
        for what, constants, count in (
            ("static synapses", program_constants("", **_PLAIN), 4),
            ("LIF and its rules", program_constants("PAIRS OPEN", **FULL), 8),
            (
                "linear neurons, programs on traces",
                program_constants("TRACED", LINEAR_CHANNELS=4),
                8,
            ),
            (
                "conductances, programs on traces",
                program_constants("TRACED", CONDUCTANCE_CHANNELS=4, CONDUCTANCE_EULER=True),
                8,
            ),
        )
    ),
)
