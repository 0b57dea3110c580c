"""The executors as torch ops: `bioplastic::sparse`, `::feedforward`, `::circuit`.

Each takes tensors and the key of a prepared program and returns new tensors: what the network did,
then the new state. Nothing given is changed and nothing returned shares memory with it. Tensors on
the CPU are run by numba, tensors on a CUDA or HIP device by Triton, with the same bits; see
`ops_program.Executor` for choosing. An op knows its shapes without running (fake tensors), so
`torch.compile` and `torch.export` go through it. There is no gradient: spikes are integers.
"""

from __future__ import annotations

import torch
from torch import Tensor

import bioplastic.bridge.ops_circuit
import bioplastic.bridge.ops_feedforward
import bioplastic.bridge.ops_sparse  # noqa: F401  each registers how it is prepared
from bioplastic.bridge.ops_program import DEVICES, fake, run
from bioplastic.bridge.ops_program import Numba as Numba
from bioplastic.bridge.ops_program import Prepared as Prepared
from bioplastic.bridge.ops_program import Triton as Triton
from bioplastic.bridge.ops_program import prepare as prepare

_ONE = "(Tensor spikes, Tensor[] state, str program) -> Tensor[]"
_TWO = "(Tensor symbols, Tensor phase, Tensor[] state, str program) -> Tensor[]"


@torch.library.custom_op("bioplastic::sparse", mutates_args=(), device_types=DEVICES, schema=_ONE)
def sparse(spikes: Tensor, state: list[Tensor], program: str) -> list[Tensor]:
    """T steps of B copies of a lowered network: see `PreparedSparse` for the tensors."""
    return run("sparse", program, [spikes], state)


@sparse.register_fake
def _(spikes: Tensor, state: list[Tensor], program: str) -> list[Tensor]:
    return fake("sparse", program, [spikes], state)


@torch.library.custom_op(
    "bioplastic::feedforward", mutates_args=(), device_types=DEVICES, schema=_ONE
)
def feedforward(spikes: Tensor, state: list[Tensor], program: str) -> list[Tensor]:
    """T steps of B inputs through a chain of layers: see `PreparedLayers` for the tensors."""
    return run("feedforward", program, [spikes], state)


@feedforward.register_fake
def _(spikes: Tensor, state: list[Tensor], program: str) -> list[Tensor]:
    return fake("feedforward", program, [spikes], state)


@torch.library.custom_op("bioplastic::circuit", mutates_args=(), device_types=DEVICES, schema=_TWO)
def circuit(symbols: Tensor, phase: Tensor, state: list[Tensor], program: str) -> list[Tensor]:
    """L theta cycles of B circuits: see `PreparedCircuit` for the tensors."""
    return run("circuit", program, [symbols, phase], state)


@circuit.register_fake
def _(symbols: Tensor, phase: Tensor, state: list[Tensor], program: str) -> list[Tensor]:
    return fake("circuit", program, [symbols, phase], state)
