"""Compile the Triton kernels for GPUs that are not there, and read what the compiler made.

    python -m bioplastic.kernels.ahead_of_time [NAME …]    figures of every declared kernel, as JSON

A module `kernels/*/gpu*.py` declares its kernels as `COMPILED: tuple[Compiled, ...]`. No driver and
no GPU is asked: the assembler and the disassembler come with Triton. What is read here is what the
compiler wrote, not how long it takes.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from bioplastic.errors import UsageError, nearest

KERNELS = Path(__file__).parent
INSTRUCTIONS = {
    "POPC": (r"POPC", r"[sv]_bcnt"),
    "IMMA": (r"IG?MMA", r"v_mfma_i32"),
    "RED": (r"REDG?\.", r"(global|flat|buffer)_atomic"),
    "ATOM": (r"ATOMG?\.", r"(global|flat|buffer)_atomic"),
}
"""What a kernel may expect, as opcodes of NVIDIA and of AMD: count bits, multiply int8 matrices,
add into memory without and with an answer (told apart on NVIDIA only)."""


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """A Triton kernel and the arguments it is compiled for.

    name       row of the table, unique in the package
    function   the @triton.jit function
    signature  types of the arguments that are not constants, in order, with blanks between:
               "*i32 *i64 i32" is a pointer to int32, a pointer to int64 and an int32
    constants  constexpr arguments by name
    warps      warps of a program
    most       registers that a thread may have, NVIDIA only; None: as many as the compiler likes
    expected   which of `INSTRUCTIONS` must be found in the code for every target
    """

    name: str
    function: Any
    signature: str
    constants: Mapping[str, int] = field(default_factory=dict)
    warps: int = 4
    most: int | None = None
    expected: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.expected:
            if name not in INSTRUCTIONS:
                raise UsageError(
                    f"{self.name}: expected {name!r}: no such instruction"
                    f"{nearest(name, INSTRUCTIONS)}; known: {', '.join(INSTRUCTIONS)}"
                )

    def types(self) -> dict[str, str]:
        """Argument → type, "constexpr" for constants; UsageError when the numbers differ."""
        given = iter(self.signature.split())
        names = list(self.function.arg_names)
        if len(self.signature.split()) + len(self.constants) != len(names):
            raise UsageError(
                f"{self.name}: {len(self.signature.split())} types and {len(self.constants)} "
                f"constants for the {len(names)} arguments {', '.join(names)}"
            )
        return {n: "constexpr" if n in self.constants else next(given) for n in names}


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What the compiler made of one kernel for one target.

    registers        of a thread (AMD: vector registers)      scalar  scalar registers, AMD only
    spills           NVIDIA: loads and stores of local memory; AMD: spilled vector registers
    scalar_spills    spilled scalar registers, AMD only
    stack, shared    bytes of a thread, bytes of a program
    instructions     without padding
    by_depth         instructions outside of loops, in loops, in loops in loops, …; NVIDIA only.
                     A branch backwards counts as a loop; in large kernels some are none
    found            how often each of `INSTRUCTIONS` occurs
    """

    registers: int
    scalar: int
    spills: int
    scalar_spills: int
    stack: int
    shared: int
    instructions: int
    by_depth: tuple[int, ...]
    found: Mapping[str, int]


@dataclass(frozen=True)
class Target(ABC):
    """A GPU to compile for: Triton's names of maker and architecture, and the lanes of a warp."""

    backend: str
    architecture: int | str
    lanes: int

    def compile(self, kernel: Compiled) -> Figures:
        """Compile and read back; UsageError in Triton's interpreter, which compiles nothing."""
        import triton
        from triton.backends.compiler import GPUTarget
        from triton.compiler import ASTSource

        if os.environ.get("TRITON_INTERPRET") == "1":
            raise UsageError("TRITON_INTERPRET=1: the interpreter compiles nothing; unset it")
        source = ASTSource(
            fn=kernel.function, signature=kernel.types(), constexprs=dict(kernel.constants)
        )
        made = triton.compile(
            source,
            target=GPUTarget(self.backend, self.architecture, self.lanes),
            options=self.options(kernel),
        )
        return self.read(made.asm, int(made.metadata.shared))

    def options(self, kernel: Compiled) -> dict[str, Any]:
        """What the compiler is told beside the arguments."""
        return {"num_warps": kernel.warps}

    @abstractmethod
    def read(self, made: Mapping[str, Any], shared: int) -> Figures:
        """Figures of what Triton made: its stages by name, and the bytes of shared memory."""


class Nvidia(Target):
    """Machine code, taken apart by the `cuobjdump` of the triton wheel."""

    def options(self, kernel: Compiled) -> dict[str, Any]:
        """With a limit of registers, where the kernel has one."""
        limit = {} if kernel.most is None else {"maxnreg": kernel.most}
        return super().options(kernel) | limit

    def read(self, made: Mapping[str, Any], shared: int) -> Figures:
        """Registers and stack from the resource table, the rest from the instructions."""
        with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
            file.write(made["cubin"])
            file.flush()
            usage, code = (_cuobjdump(what, file.name) for what in ("-res-usage", "-sass"))
        used = dict(re.findall(r"\b(REG|STACK|LOCAL):(\d+)", usage))
        listed = [
            (int(at, 16), opcode, rest)
            for at, opcode, rest in re.findall(
                r"^\s+/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)([^;]*);", code, re.M
            )
            if opcode != "NOP"
        ]
        opcodes = [opcode for _, opcode, _ in listed]
        return Figures(
            registers=int(used["REG"]),
            scalar=0,
            spills=sum(opcode.startswith(("LDL", "STL")) for opcode in opcodes),
            scalar_spills=0,
            stack=int(used["STACK"]) + int(used["LOCAL"]),
            shared=shared,
            instructions=len(listed),
            by_depth=_by_depth(listed),
            found=_found(opcodes, 0),
        )


class Amd(Target):
    """Assembly text, which ends with a table of what the kernel uses."""

    def read(self, made: Mapping[str, Any], shared: int) -> Figures:
        """Figures from the table, instructions from the lines of the function."""
        text = made["amdgcn"]
        used = {k: int(n) for k, n in re.findall(r"^\s+-? ?\.(\w+):\s+(\d+)$", text, re.M)}
        body = text.partition(".Lfunc_end0")[0]
        opcodes = re.findall(r"^\t([a-z]+_[a-z0-9_]+)\b", body, re.M)
        opcodes = [opcode for opcode in opcodes if opcode not in ("s_nop", "s_code_end")]
        return Figures(
            registers=used["vgpr_count"],
            scalar=used["sgpr_count"],
            spills=used["vgpr_spill_count"],
            scalar_spills=used["sgpr_spill_count"],
            stack=used["private_segment_fixed_size"],
            shared=shared,
            instructions=len(opcodes),
            by_depth=(),
            found=_found(opcodes, 1),
        )


TARGETS: dict[str, Target] = {
    "sm_80": Nvidia("cuda", 80, 32),
    "sm_90": Nvidia("cuda", 90, 32),
    "gfx942": Amd("hip", "gfx942", 64),
}


def _cuobjdump(what: str, cubin: str) -> str:
    import triton

    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    if not tool.exists():
        raise UsageError(f"triton {triton.__version__} brings no cuobjdump to read its code with")
    return subprocess.run([tool, what, cubin], check=True, capture_output=True, text=True).stdout


def _found(opcodes: Sequence[str], maker: int) -> dict[str, int]:
    return {
        name: sum(re.match(patterns[maker], f"{opcode}.") is not None for opcode in opcodes)
        for name, patterns in INSTRUCTIONS.items()
    }


def _by_depth(listed: Sequence[tuple[int, str, str]]) -> tuple[int, ...]:
    """Instructions by how many loops they stand in; a loop ends with a branch backwards."""
    ends: dict[int, int] = {}  # first address of a loop -> its last, so that `continue` is no loop
    for at, opcode, rest in listed:
        to = re.search(r"0x([0-9a-f]+)\s*$", rest) if opcode.startswith("BRA") else None
        if to is not None and int(to[1], 16) < at:
            ends[int(to[1], 16)] = max(at, ends.get(int(to[1], 16), 0))
    depths = [sum(low <= at <= high for low, high in ends.items()) for at, _, _ in listed]
    return tuple(depths.count(n) for n in range(max(depths, default=0) + 1))


def modules() -> list[str]:
    """Names of the modules that may declare kernels, without importing them."""
    return sorted(
        ".".join(("bioplastic.kernels", file.parent.name, file.stem))
        for file in KERNELS.glob("*/gpu*.py")
    )


def declared(module: str) -> tuple[Compiled, ...]:
    """What a module declares; nothing when it has no COMPILED."""
    return tuple(getattr(import_module(module), "COMPILED", ()))


def measure(wanted: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a row for every kernel of the modules in `wanted` and every target."""
    for module in wanted:
        for kernel in declared(module):
            for name, target in TARGETS.items():
                yield {
                    "module": module,
                    "kernel": kernel.name,
                    "warps": kernel.warps,
                    "constants": dict(kernel.constants),
                    "expected": kernel.expected,
                    "target": name,
                    **asdict(target.compile(kernel)),
                }


def main(names: Sequence[str]) -> int:
    """Print the rows of the named modules, or of all, as JSON."""
    known = modules()
    for name in names:
        if name not in known:
            raise UsageError(f"{name!r}: no such module{nearest(name, known)}")
    json.dump(list(measure(names or known)), sys.stdout, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
