"""Every executor that `bioplastic doctor` knows: is it here, in which version, or why not."""

from __future__ import annotations

import os
import shlex
import shutil
import sysconfig
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

KERNELS: dict[str, tuple[str, ...]] = {
    "sparse": ("cpu", "gpu"), "circuit": ("cpu", "gpu"), "feedforward": ("cpu", "gpu"),
    "classifier": ("cpu",), "loihi": ("cpu",), "xylo": (),
    "spikecode": ("cpu", "gpu"), "hypervector": ("cpu", "gpu"),
}  # fmt: skip
"""Kernel -> the executors it has beside `reference`."""
OPS = ("sparse", "feedforward", "circuit")
"""Kernels that are also torch operators, torch.ops.bioplastic.NAME."""
BRIAN2 = ("numpy", "cython", "cpp_standalone")


@dataclass(frozen=True, kw_only=True)
class Executor:
    """One way to run a network: is it here, in which version, with what, or why not."""

    name: str
    here: bool
    version: str
    note: str


def found_executors() -> list[Executor]:
    """Every executor, ours first; none of them runs."""
    rows = [e for kernel in KERNELS for e in _kernel(kernel)]
    rows += [_op(kernel) for kernel in OPS]
    return [*rows, *_brian2(), *_devices()]


def why_no_gpu() -> str:
    """The reason that no Triton kernel can run here; '' when they can."""
    import torch

    if find_spec("triton") is None:
        return "triton is not installed: pip install 'bioplastic[triton]'"
    if torch.cuda.is_available():
        return ""
    if not (torch.version.cuda or getattr(torch.version, "hip", None)):
        return "no GPU: torch was built for the CPU only"
    return "no GPU: no CUDA or HIP device answers"


def _kernel(kernel: str) -> list[Executor]:
    numba = version("numba")
    absent = why_no_gpu() if "gpu" in KERNELS[kernel] else "has no Triton kernel"
    compiled = "cpu" in KERNELS[kernel]
    why = "numba" if numba else "numba is not installed"
    specified = "of the sparse kernel" if kernel == "classifier" else "numpy, the specification"
    return [
        Executor(name=f"{kernel} reference", here=True, version=version("numpy"), note=specified),
        Executor(name=f"{kernel} cpu", here=compiled and bool(numba), version=numba,
                 note=why if compiled else "has no compiled kernel"),
        Executor(name=f"{kernel} gpu", here=not absent, version=version("triton"),
                 note=absent or "Triton"),
    ]  # fmt: skip


def _op(kernel: str) -> Executor:
    where = "CPU" if why_no_gpu() else "CPU and GPU"
    return Executor(
        name=f"torch {kernel}", here=True, version=version("torch"), note=f"custom op, {where}"
    )


def _brian2() -> list[Executor]:
    brian2, cython, compiler = version("brian2"), version("cython"), cpp_compiler()
    headers = (Path(sysconfig.get_path("include")) / "Python.h").exists()
    built = "compiler: " + compiler if compiler else "no C++ compiler found"
    why = "Cython is not installed" if not cython else built if headers else "no Python.h"
    found = (
        (bool(brian2), brian2, "float64" if brian2 else "brian2 is not installed"),
        (bool(brian2 and cython and compiler and headers), cython, why),
        (bool(brian2 and compiler), brian2, built),
    )
    return [
        Executor(name=f"brian2 {target}", here=here, version=which, note=note)
        for target, (here, which, note) in zip(BRIAN2, found, strict=True)
    ]


def _devices() -> list[Executor]:
    import torch

    cuda, hip = torch.version.cuda, getattr(torch.version, "hip", None)
    device, triton = torch.cuda.is_available(), version("triton")
    missing = "torch was built for the CPU only" if not (cuda or hip) else "no device answers"
    name = torch.cuda.get_device_name() if device else missing
    rows = (
        ("torch", True, version("torch"), "float"),
        ("triton", bool(triton), triton, "" if triton else "pip install 'bioplastic[triton]'"),
        ("CUDA device", device and bool(cuda), cuda or "", name if not hip else "torch is for HIP"),
        ("HIP device", device and bool(hip), hip or "", name if not cuda else "torch is for CUDA"),
    )
    return [Executor(name=n, here=here, version=v, note=note) for n, here, v, note in rows]


def version(package: str) -> str:
    """Its version, '' when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def cpp_compiler() -> str:
    """Path of the C++ compiler that Brian2 would call, '' when there is none."""
    named = [os.environ.get("CXX"), sysconfig.get_config_var("CXX"), "g++", "clang++", "c++"]
    paths = (shutil.which(shlex.split(c)[0]) for c in named if c and c.strip())
    return next((path for path in paths if path), "")
