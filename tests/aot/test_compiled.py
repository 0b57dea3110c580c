"""Every declared Triton kernel compiles for three GPUs that are not there, and what comes out."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from bioplastic.errors import UsageError
from bioplastic.kernels.ahead_of_time import (
    TARGETS,
    Compiled,
    Nvidia,
    _by_depth,
    declared,
    main,
    modules,
)

pytest.importorskip("triton")


@functools.cache
def rows(module: str) -> list[dict]:
    """Figures of a module's kernels, from a process without Triton's interpreter and any GPU."""
    kept = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    done = subprocess.run(
        [sys.executable, "-m", "bioplastic.kernels.ahead_of_time", module],
        env=kept | {"CUDA_VISIBLE_DEVICES": ""}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


LONG = {  # minutes, the first time
    "bioplastic.kernels.circuit.gpu_compiled",
    "bioplastic.kernels.sparse.gpu_compiled_mixed",
}


def declaring() -> list:
    """The modules that declare kernels, those that compile for minutes marked as a study."""
    found = [m for m in modules() if declared(m)]
    return [pytest.param(m, marks=pytest.mark.study) if m in LONG else m for m in found]


@pytest.mark.slow
@pytest.mark.parametrize("module", declaring())
def test_declared_kernels_compile_without_a_spill(module):
    found = rows(module)
    kernels = {row["kernel"] for row in found}
    assert len(found) == len(kernels) * len(TARGETS)
    for row in found:
        what = f"{row['kernel']}, {row['target']}"
        assert row["instructions"] > 0, what
        if row["target"] != "gfx942":
            assert row["spills"] == 0, what
            assert row["stack"] == 0, what
        for name in row["expected"]:
            assert row["found"][name] > 0, f"{what}: no {name}"


def test_every_folder_with_triton_kernels_declares_them():
    declarers = {m.split(".")[2] for m in modules() if declared(m)}
    assert declarers == {m.split(".")[2] for m in modules()}
    counts = {"feedforward": 5, "spikecode": 3, "hypervector": 4}
    for folder, number in counts.items():
        assert len(declared(f"bioplastic.kernels.{folder}.gpu")) == number


def test_names_are_unique():
    names = [kernel.name for module in modules() for kernel in declared(module)]
    assert len(names) == len(set(names))


LISTING = [
    (0x00, "MOV", " R1, 0x1"),
    (0x10, "IADD", " R1, R2"),  # outer loop starts
    (0x20, "IADD", " R1, R2"),  # inner loop
    (0x30, "BRA", " 0x20"),
    (0x40, "BRA", " `(.L_x) 0x60"),  # forward: no loop
    (0x50, "BRA", " 0x10"),
    (0x60, "EXIT", ""),
    (0x70, "BRA", " 0x70"),  # padding that branches to itself is no loop
]


def test_loops_are_told_apart_by_their_backward_branches():
    assert _by_depth(LISTING) == (3, 3, 2)


def test_instructions_are_counted_where_they_stand(monkeypatch):
    """A listing as the disassembler writes it: guards, padding, reductions that are no REDUX."""
    code = """
        /*0000*/                   POPC R1, R2 ;      /* 0x0 */
        /*0010*/              @!P0 RED.E.ADD.STRONG.GPU [R2.64], R5 ; /* 0x0 */
        /*0020*/                   REDUX.SUM UR4, R2 ;   /* 0x0 */
        /*0030*/                   ATOMG.E.ADD R1, [R2.64], R5 ; /* 0x0 */
        /*0040*/               @P1 STL.64 [R1], R26 ;  /* 0x0 */
        /*0050*/                   NOP ;  /* 0x0 */
        /*0060*/                   IMMA.16832.S8.S8 R4, R2, R3, R4 ; /* 0x0 */
    """
    usage = "REG:32 STACK:8 SHARED:0 LOCAL:4 CONSTANT[0]:576"
    monkeypatch.setattr(
        "bioplastic.kernels.ahead_of_time._cuobjdump",
        lambda what, file: code if what == "-sass" else usage,
    )
    found = Nvidia("cuda", 90, 32).read({"cubin": b""}, 16)
    assert found.found == {"POPC": 1, "IMMA": 1, "RED": 1, "ATOM": 1}
    assert (found.registers, found.stack, found.spills, found.instructions) == (32, 12, 1, 6)


def test_a_declaration_that_does_not_fit_is_refused():
    function = SimpleNamespace(arg_names=("x", "size", "BLOCK"))
    right = Compiled(name="k", function=function, signature="*i32 i32", constants={"BLOCK": 32})
    assert right.types() == {"x": "*i32", "size": "i32", "BLOCK": "constexpr"}
    with pytest.raises(UsageError, match="k: 1 types and 1 constants for the 3 arguments x, size"):
        Compiled(name="k", function=function, signature="*i32", constants={"BLOCK": 1}).types()
    with pytest.raises(UsageError, match="did you mean 'POPC'"):
        Compiled(name="k", function=function, signature="", expected=("POPCT",))


def test_the_interpreter_is_asked_in_vain(monkeypatch):
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    with pytest.raises(UsageError, match="compiles nothing"):
        TARGETS["sm_90"].compile(Compiled(name="k", function=None, signature=""))


def test_unknown_modules_are_refused():
    with pytest.raises(UsageError, match="no such module"):
        main(["bioplastic.kernels.feedforward.gpus"])
